import { describe, expect, test } from "bun:test";
import type { AdminStream, AirStretch } from "#web/wire.ts";
import { playbackOf, startBrowser } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { fetchPlaylist, type PlaylistFacts } from "./media-playlist.ts";
import { startPlayerPages } from "./player-pages.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, untilOnAir } from "./platform.ts";

function video(platform: Platform): string {
  return `${platform.http}/live/main/source/index.m3u8`;
}

function last(facts: PlaylistFacts): number {
  return facts.segments.at(-1)?.number ?? -1;
}

function timelineOf(uri: string | undefined): string {
  return uri?.split("-")[0] ?? "";
}

async function untilSegments(platform: Platform, beyond: number): Promise<PlaylistFacts> {
  return eventually(25_000, `a segment above ${beyond}`, async () => {
    const facts = await fetchPlaylist(video(platform));
    return facts !== undefined && last(facts) > beyond ? facts : undefined;
  });
}

async function adminStream(platform: Platform): Promise<AdminStream> {
  const headers = { authorization: `Bearer ${platform.adminToken}` };
  return (await (await fetch(`${platform.http}/api/v1/streams/main`, { headers })).json()) as AdminStream;
}

/** Who was on air when. */
async function stretchesOf(platform: Platform): Promise<readonly AirStretch[]> {
  return (await adminStream(platform)).health?.airtime.stretches ?? [];
}

describe("an encoder that dies", () => {
  test("comes back with the same numbers and time, and hls.js goes on by itself", async () => {
    await using platform = await startPlatform({ config: "continuity: hold" });
    const first = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    await untilOnAir(platform);
    const before = await untilSegments(platform, 0);
    using pages = startPlayerPages();
    await using browser = await startBrowser();
    const page = await browser.page();
    await page.goto(`${pages.origin}/hls.html?url=${encodeURIComponent(`${platform.http}/live/main/index.m3u8`)}`);
    const seen = await eventually(20_000, "a picture", async () => {
      const playback = await playbackOf(page);
      return playback !== undefined && playback.currentTime > 1 ? playback : undefined;
    });
    first.kill("SIGKILL");
    await first.exited;
    const killedMs = performance.now();
    await eventually(8000, "five seconds without an encoder", () =>
      performance.now() - killedMs > 5000 ? true : undefined,
    );
    await using _second = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    const after = await untilSegments(platform, last(before) + 3);
    expect(timelineOf(after.segments.at(-1)?.uri)).toBe(timelineOf(before.segments[0]?.uri));
    const numbers = after.segments.map((segment) => segment.number);
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
    expect(after.discontinuities).toBe(0);
    expect(after.targetDuration).toBe(before.targetDuration);
    expect(after.init).toBe(before.init);
    expect([...after.dates].sort((a, b) => a - b)).toEqual([...after.dates]);
    await eventually(20_000, "hls.js to play again", async () => {
      const playback = await playbackOf(page);
      return playback !== undefined && playback.currentTime > seen.currentTime + 8 ? true : undefined;
    });
    const problems = (await page.evaluate("window.problems")) as string[];
    expect(problems.filter((problem) => problem.includes("fatal"))).toEqual([]);
  }, 90_000);
});

describe("a node that is killed", () => {
  test("listens again within a second and the broadcast goes on with its numbers and time", async () => {
    await using platform = await startPlatform({ config: "continuity: hold" });
    const first = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    await untilOnAir(platform);
    let before = await untilSegments(platform, 0);
    await using browser = await startBrowser();
    const page = await browser.page();
    await page.goto(`${platform.http}/watch/main`);
    const seen = await eventually(20_000, "a picture", async () => {
      const playback = await playbackOf(page);
      return playback !== undefined && playback.currentTime > 1 ? playback : undefined;
    });
    before = await untilSegments(platform, 0);
    const told = await stretchesOf(platform);
    expect(told.map(({ why }) => why)).toEqual(["started"]);
    process.kill(await platform.nodePid(), "SIGKILL");
    const killedMs = performance.now();
    await eventually(5000, "the node to listen", async () =>
      (await fetch(`${platform.http}/healthz`)).ok ? true : undefined,
    );
    const downMs = performance.now() - killedMs;
    expect(downMs).toBeLessThan(1000);
    const left = (await adminStream(platform)).lastAirtime;
    expect([left?.endedWhy, left?.stretches]).toEqual(["crashed", told]);
    await first.exited;
    await using _second = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    const after = await untilSegments(platform, last(before));
    expect(timelineOf(after.segments.at(-1)?.uri)).toBe(timelineOf(before.segments[0]?.uri));
    expect(after.mediaSequence).toBeGreaterThan(last(before));
    const goneOn = await stretchesOf(platform);
    expect(goneOn.slice(0, 1)).toEqual([...told]);
    expect(goneOn.slice(1).map(({ source, why }) => `${source.kind} ${why}`)).toEqual([
      "held restarted",
      "encoder back",
    ]);
    expect(goneOn[1]?.fromMs).toBe(left?.untilMs ?? 0);
    expect(after.dates[0] ?? 0).toBeGreaterThan(before.dates[0] ?? Number.POSITIVE_INFINITY);
    const frames = (await playbackOf(page))?.frames ?? seen.frames;
    await eventually(25_000, "the page to play again", async () => {
      const playback = await playbackOf(page);
      return playback !== undefined && !playback.paused && playback.frames > frames + 90 ? true : undefined;
    });
  }, 90_000);
});
