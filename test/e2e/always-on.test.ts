import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { LiveAnswer } from "#web/wire.ts";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { namedSegmentsOf } from "./ladder-segments.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, untilOnAir } from "./platform.ts";
import { breaksOf, readSegments, shownPictures } from "./served-pictures.ts";
import { healthOf, untilState } from "./stream-health.ts";

/*
 * A stream that is always on: on air before its first encoder, after its last one, and through every kind of restart.
 */

const KEY = MAIN_KEY.replace("main", "show");
const SHOW = { stream: "show" } as const;
const ENTRY = `{ name: show, key: ${KEY}, title: Cup final, alwaysOn: true, graceSeconds: 30 }`;
/** How long after the platform is ready a viewer sees the slate at the latest, milliseconds. */
const SEEN_MS_MAX = 10_000;

/** Waits until the line below the picture says so. */
const untilSaid = (page: Page, words: RegExp): Promise<string> =>
  eventually(20_000, `${words.source} on the page`, async () => {
    const said = await page.locator("#status").innerText();
    return words.test(said) ? said : undefined;
  });

const untilMoves = async (page: Page): Promise<void> => {
  const from = (await playbackOf(page))?.currentTime ?? 0;
  await eventually(20_000, "playback", async () =>
    Math.abs(((await playbackOf(page))?.currentTime ?? from) - from) > 0.5 ? true : undefined,
  );
};

/** Number of the newest segment, and the timeline it is on. */
async function newestOf(platform: Platform): Promise<{ timeline: string; number: number }> {
  const text = await untilOnAir(platform, "show").then(() => fetch(`${platform.http}/live/show/source/index.m3u8`));
  const last = namedSegmentsOf(await text.text()).at(-1);
  return { timeline: last?.uri.split("-")[0] ?? "", number: last?.number ?? 0 };
}

/** Waits until a segment of the slate is there behind that one. */
const untilBehind = (platform: Platform, number: number): Promise<{ timeline: string; number: number }> =>
  eventually(20_000, `a segment after ${number}`, async () => {
    const newest = await newestOf(platform);
    return newest.number > number ? newest : undefined;
  });

const api = (platform: Platform, method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${platform.http}/api/v1/streams${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** Before the first encoder, with it, and after it. */
async function watchShow(platform: Platform, browser: Browser): Promise<Page> {
  const readyMs = performance.now();
  const page = await browser.page();
  await page.goto(`${platform.http}/watch/show`);
  await untilMoves(page);
  expect(performance.now() - readyMs).toBeLessThan(SEEN_MS_MAX);
  expect(await untilSaid(page, /soon/)).toBe("Starting soon");
  await using encoder = startEncoder({ url: `${platform.rtmp}/${KEY}`, size: "320x180", gop: 30 });
  await untilState(platform, "live", SHOW);
  await untilSaid(page, /^Live/);
  await untilMoves(page);
  encoder.kill();
  await untilState(platform, "slate", SHOW);
  await untilSaid(page, /^Back soon/);
  await untilMoves(page);
  return page;
}

/** By the API, while the platform runs. */
async function switchOnAndOff(platform: Platform): Promise<void> {
  const added = await api(platform, "POST", "", { name: "later", settings: { graceSeconds: 1 } });
  expect(added.status).toBe(201);
  expect(await healthOf(platform, "later")).toBeUndefined();
  expect((await api(platform, "PATCH", "/later", { settings: { alwaysOn: true } })).status).toBe(200);
  await untilOnAir(platform, "later");
  await untilState(platform, "slate", { stream: "later" });
  expect((await api(platform, "PATCH", "/later", { settings: { alwaysOn: false } })).status).toBe(200);
  await eventually(10_000, "the end", async () =>
    (await healthOf(platform, "later")) === undefined ? true : undefined,
  );
  await api(platform, "PATCH", "/later", { settings: { alwaysOn: true } });
  await untilState(platform, "slate", { stream: "later" });
  expect((await api(platform, "DELETE", "/later")).status).toBe(204);
  // Another one of that name has nothing of it.
  expect((await api(platform, "POST", "", { name: "later" })).status).toBe(201);
  expect(await (await api(platform, "GET", "/later")).json()).not.toHaveProperty("lastAirtime");
  expect((await api(platform, "DELETE", "/later")).status).toBe(204);
  const { streams } = (await (await fetch(`${platform.http}/api/v1/live`)).json()) as LiveAnswer;
  expect(streams.map(({ name }) => name)).toEqual(["show"]);
}

test("is on air before its first encoder, after its last one, and goes on when the platform is killed or restarted", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "grandstand-always-on-"));
  await using browser = await startBrowser();
  try {
    let before: { timeline: string; number: number };
    {
      await using platform = await startPlatform({ entries: [ENTRY], dataDir });
      const page = await watchShow(platform, browser);
      await switchOnAndOff(platform);
      before = await newestOf(platform);
      process.kill(await platform.nodePid(), "SIGKILL");
      const killed = await untilBehind(platform, before.number);
      expect(killed.timeline).toBe(before.timeline);
      await untilMoves(page);
      await page.close();
      before = await newestOf(platform);
    }
    await using platform = await startPlatform({ entries: [ENTRY], dataDir });
    const restarted = await untilBehind(platform, before.number);
    expect(restarted.timeline).toBe(before.timeline);
    expect(restarted.number - before.number).toBeLessThan(10);
    await using _encoder = startEncoder({ url: `${platform.rtmp}/${KEY}`, size: "320x180", gop: 30 });
    await untilState(platform, "live", SHOW);
    const live = await newestOf(platform);
    await untilBehind(platform, live.number + 1);
    const served = await readSegments(platform, "source", "show");
    expect([served.gaps, breaksOf(served)]).toEqual([0, []]);
    expect((await shownPictures(served)).length).toBeGreaterThan(60);

    expect((await api(platform, "POST", "/show/stop")).status).toBe(200);
    const anew = await eventually(10_000, "another broadcast", async () => {
      const newest = await newestOf(platform);
      return newest.timeline === restarted.timeline || newest.timeline === "" ? undefined : newest;
    });
    expect(anew.number).toBeGreaterThan(live.number);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}, 90_000);
