import type { Page } from "playwright-core";
import { type Browser, playbackOf } from "./browser.ts";
import { eventually } from "./deadline.ts";
import type { Platform } from "./platform.ts";
import type { PlayerPages } from "./player-pages.ts";

/** How smoothly a page plays, see `player-pages.ts`. */
export interface Smoothness {
  /** Pauses for want of data, milliseconds each. */
  readonly pauses: readonly number[];
  /** Those of them that were stalls. */
  readonly stalls: number;
  readonly problems: readonly string[];
}

/** Opens hls.js on a stream and waits until it has played for three seconds. */
export async function openHlsPlayer(
  parts: { readonly browser: Browser; readonly pages: PlayerPages; readonly platform: Platform },
  stream = "main",
): Promise<Page> {
  const { browser, pages, platform } = parts;
  const page = await browser.page();
  await page.goto(`${pages.origin}/hls.html?url=${encodeURIComponent(`${platform.http}/live/${stream}/index.m3u8`)}`);
  await untilPlayed(page, 3);
  return page;
}

/** Waits until a page has played so much more. */
export async function untilPlayed(page: Page, seconds: number): Promise<void> {
  const from = (await playbackOf(page))?.currentTime ?? 0;
  await eventually(25_000 + seconds * 1000, `${seconds} s of playback`, async () =>
    ((await playbackOf(page))?.currentTime ?? 0) > from + seconds ? true : undefined,
  );
}

/** What the page met so far. */
export const smoothnessOf = (page: Page): Promise<Smoothness> =>
  page.evaluate(() => {
    const { pauses, stalls, problems } = window as unknown as Smoothness;
    return { pauses, stalls, problems };
  });
