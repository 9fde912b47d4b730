import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

/** Size of a phone and of a desktop window in CSS pixels. */
export const VIEWPORTS = { phone: { width: 360, height: 780 }, desktop: { width: 1440, height: 900 } } as const;

/** A Chromium with a profile of its own. */
export interface Browser extends AsyncDisposable {
  readonly context: BrowserContext;
  page(): Promise<Page>;
}

/** Starts Debian's Chromium. Autoplay is allowed. */
export async function startBrowser(options: { viewport?: { width: number; height: number } } = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "grandstand-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    viewport: options.viewport ?? VIEWPORTS.desktop,
    ignoreHTTPSErrors: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
  return {
    context,
    page: () => context.newPage(),
    [Symbol.asyncDispose]: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** What a video element has shown so far. */
export interface Playback {
  readonly currentTime: number;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly dropped: number;
  readonly paused: boolean;
}

/** Reads the first video element of the page. */
export function playbackOf(page: Page): Promise<Playback | undefined> {
  return page.evaluate(() => {
    const video = document.querySelector("video");
    if (video === null) return undefined;
    const quality = video.getVideoPlaybackQuality();
    return {
      currentTime: video.currentTime,
      width: video.videoWidth,
      height: video.videoHeight,
      frames: quality.totalVideoFrames,
      dropped: quality.droppedVideoFrames,
      paused: video.paused,
    };
  });
}
