import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { verdictsOf } from "./conformance.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually, within } from "./deadline.ts";
import { factsOf } from "./page-player.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, startTool, type Tool, untilOnAir } from "./platform.ts";
import { transcoderPids } from "./transcoder-pids.ts";

const RUNGS = ["360p", "240p"];

let platform: Platform;
let encoder: Tool;
let browser: Browser;

beforeAll(async () => {
  platform = await startPlatform({ flags: ["--transcode-ladder", "default"] });
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "854x480", video: ["-b:v", "2500k"] });
  browser = await startBrowser();
  await untilOnAir(platform, "main", 30_000);
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await encoder[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

const addressOf = (name: string): string => `${platform.http}/live/main/${name}`;
const textOf = async (name: string): Promise<string> => (await fetch(addressOf(name))).text();

interface Named {
  readonly number: number;
  readonly durationS: number;
  readonly isGap: boolean;
}

/** How long a rung may have nothing new after its only worker was killed, milliseconds. */
const BACK_MS_MAX = 1500;

/** Parts of the track that a playlist ever told of, counted by the newest one's place. */
async function partsOf(track: string): Promise<number> {
  const parts = [...(await textOf(`${track}/index.m3u8`)).matchAll(/-(\d+)\.(\d+)\.m4s/g)];
  const [, segment, part] = parts.at(-1) ?? [];
  return Number(segment) * 1000 + Number(part);
}

/** Segments of a media playlist. */
async function segmentsOf(track: string): Promise<Named[]> {
  const segments: Named[] = [];
  let durationS = 0;
  let isGap = false;
  for (const line of (await textOf(`${track}/index.m3u8`)).split("\n")) {
    if (line.startsWith("#EXTINF:")) durationS = Number.parseFloat(line.slice(8));
    else if (line.startsWith("#EXT-X-GAP")) isGap = true;
    else if (line.endsWith(".m4s") && !line.startsWith("#")) {
      segments.push({ number: Number(/-(\d+)\.m4s/.exec(line)?.[1]), durationS, isGap });
      isGap = false;
    }
  }
  return segments;
}

describe("the ladder", () => {
  test("stands in the multivariant playlist and the manifest beside the source, best first", async () => {
    const playlist = await textOf("index.m3u8");
    const lines = playlist.split("\n");
    expect(lines.filter((line) => line.endsWith("/index.m3u8"))).toEqual(
      ["source", ...RUNGS].map((name) => `${name}/index.m3u8`),
    );
    expect(playlist).toContain("RESOLUTION=640x360");
    expect(playlist).toContain("RESOLUTION=428x240");
    const bandwidths = [...playlist.matchAll(/[:,]BANDWIDTH=(\d+)/g)].map(([, bits]) => Number(bits));
    expect(bandwidths).toEqual([...bandwidths].sort((a, b) => b - a));
    const manifest = await textOf("manifest.mpd");
    for (const name of RUNGS) expect(manifest).toContain(`<Representation id="${name}"`);
  });

  test("has the source's segments: the same numbers, the same lengths", async () => {
    const source = await eventually(20_000, "five segments", async () => {
      const segments = await segmentsOf("source");
      return segments.length >= 5 ? segments : undefined;
    });
    for (const name of RUNGS) {
      const rung = await eventually(5000, `${name} to have the source's segments`, async () => {
        const segments = await segmentsOf(name);
        return segments.at(-1)?.number === source.at(-1)?.number ? segments : undefined;
      });
      expect(rung.slice(-source.length)).toEqual(source.slice(-rung.length));
    }
  }, 30_000);

  test("is conforming by LL-HLS, HLS and DASH, rung by rung", async () => {
    const verdicts = await verdictsOf(`${platform.http}/live/main`, { seconds: 12, timing: false });
    for (const { protocol, complaints } of verdicts)
      expect(`${protocol}: ${complaints.join("; ")}`).toBe(`${protocol}: `);
  }, 40_000);

  for (const name of RUNGS) {
    test(`${name} is decoded by ffmpeg without an error`, async () => {
      const args = ["-v", "error", "-xerror", "-i", addressOf(`${name}/index.m3u8`), "-t", "6", "-f", "null", "-"];
      await using tool = startTool("ffmpeg", args);
      expect(await within(30_000, "ffmpeg", tool.exited)).toBe(0);
      expect(tool.output()).toBe("");
    }, 40_000);
  }
});

/** A viewer with a slow connection, who is given a rung. */
let page: Page;

describe("a viewer with a slow connection", () => {
  test("is given a rung that fits, without a stall", async () => {
    page = await browser.page();
    const session = await browser.context.newCDPSession(page);
    await session.send("Network.enable");
    const bytesPerSecond = 1_000_000 / 8;
    await session.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 40,
      downloadThroughput: bytesPerSecond,
      uploadThroughput: bytesPerSecond,
    });
    await page.goto(`${platform.http}/watch/main`);
    await eventually(30_000, "360 lines or fewer", async () => {
      const playback = await playbackOf(page);
      const hasBegun = playback !== undefined && playback.frames > 30;
      return hasBegun && playback.height <= 360 ? playback : undefined;
    });
    const before = await factsOf(page);
    const pressure = measureCpuPressure();
    const from = (await playbackOf(page))?.currentTime ?? 0;
    await eventually(20_000, "ten seconds more", async () =>
      ((await playbackOf(page))?.currentTime ?? 0) > from + 10 ? true : undefined,
    );
    // Encoder, transcoder, server and browser share two processors here: what a starved browser shows says nothing.
    if (pressure() < PRESSURE_MAX) expect((await factsOf(page)).stalls).toBe(before.stalls);
  }, 70_000);
});

describe("a worker that is killed", () => {
  test("takes nothing from the source; the one after it goes on in the middle of the segment, and viewers play on", async () => {
    const before = { facts: await factsOf(page), currentTime: (await playbackOf(page))?.currentTime ?? 0 };
    const fromMs = performance.now();
    const wholePressure = measureCpuPressure();
    for (let kill = 0; kill < 3; kill++) {
      const [pid] = await transcoderPids(platform);
      expect(pid).toBeDefined();
      const last = (await segmentsOf("240p")).at(-1)?.number ?? 0;
      process.kill(pid ?? 0, "SIGKILL");
      const killedMs = performance.now();
      const pressure = measureCpuPressure();
      const parts = await partsOf("240p");
      await eventually(10_000, "a part of the rung from the next worker", async () =>
        (await transcoderPids(platform)).some((other) => other !== pid) && (await partsOf("240p")) > parts
          ? true
          : undefined,
      );
      if (pressure() < PRESSURE_MAX) expect(performance.now() - killedMs).toBeLessThan(BACK_MS_MAX);
      const after = await eventually(15_000, "whole segments of the rung after the loss", async () => {
        const segments = await segmentsOf("240p");
        return segments.filter(({ number }) => number > last + 1).length >= 2 ? segments : undefined;
      });
      // Where other work leaves the worker no processor, its rungs are given up: that is another test's.
      const isOverloaded = platform.output().includes("transcoder.overloaded");
      if (!isOverloaded) expect(after.filter(({ isGap }) => isGap)).toEqual([]);
      for (const [i, { number }] of after.entries()) expect(number).toBe((after[0]?.number ?? 0) + i);
      expect((await segmentsOf("source")).every(({ isGap }) => !isGap)).toBe(true);
      expect(await transcoderPids(platform)).toHaveLength(1);
    }
    const playback = await playbackOf(page);
    const seconds = (performance.now() - fromMs) / 1000;
    expect(playback?.height).toBeLessThanOrEqual(360);
    expect((playback?.currentTime ?? 0) - before.currentTime).toBeGreaterThan(seconds / 2);
    if (wholePressure() < PRESSURE_MAX) expect((await factsOf(page)).stalls).toBe(before.facts.stalls);
  }, 60_000);
});

describe("a worker that hangs", () => {
  test("is replaced after three seconds, and nothing is taken for overload", async () => {
    const [pid] = await transcoderPids(platform);
    expect(pid).toBeDefined();
    const wasOverloaded = platform.output().includes("transcoder.overloaded");
    process.kill(pid ?? 0, "SIGSTOP");
    await eventually(15_000, "another worker", async () => {
      const pids = await transcoderPids(platform);
      return pids.length === 1 && pids[0] !== pid ? true : undefined;
    });
    const from = (await segmentsOf("source")).at(-1)?.number ?? 0;
    await eventually(20_000, "whole segments of the rung", async () => {
      const whole = (await segmentsOf("240p")).filter(({ number, isGap }) => number > from && !isGap);
      return whole.length >= 2 ? true : undefined;
    });
    expect((await segmentsOf("source")).every(({ isGap }) => !isGap)).toBe(true);
    expect(platform.output()).toContain("did nothing for 3 s");
    expect(platform.output().includes("transcoder.overloaded")).toBe(wasOverloaded);
  }, 60_000);
});
