import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Publisher, startPublisher } from "#publish/index.ts";
import { readBarcode } from "#publish/barcode.ts";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { verdictsOf } from "./conformance.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually, within } from "./deadline.ts";
import { fetchSegments, type NamedSegment, namedSegmentsOf, type Segment } from "./ladder-segments.ts";
import { MAIN_KEY, type Platform, startPlatform, startTool, untilOnAir } from "./platform.ts";
import { type PlayerPages, startPlayerPages } from "./player-pages.ts";
import { transcoderPids } from "./transcoder-pids.ts";
import { withoutStarvation } from "./watching.ts";

/** The encoder's pictures, best first. */
const PICTURES = [
  { name: "source", width: 640, height: 360 },
  { name: "source-2", width: 426, height: 240 },
  { name: "source-3", width: 320, height: 180 },
] as const;

let platform: Platform;
let publisher: Publisher;
let browser: Browser;
let pages: PlayerPages;

beforeAll(async () => {
  platform = await startPlatform({ flags: ["--transcode-ladder", "default"] });
  publisher = await startPublisher({
    source: {
      kind: "test",
      width: 640,
      height: 360,
      heights: PICTURES.map(({ height }) => height),
      videoBitrate: 900_000,
      frameRate: 25,
      bframes: 1,
    },
    urls: [`${platform.rtmp}/${MAIN_KEY}?clientConfigId=some-configuration`],
  });
  browser = await startBrowser();
  pages = startPlayerPages();
  await untilOnAir(platform, "main", 30_000);
}, 60_000);

afterAll(async () => {
  pages[Symbol.dispose]();
  await browser[Symbol.asyncDispose]();
  await publisher.close();
  await platform.stop();
}, 30_000);

const addressOf = (name: string): string => `${platform.http}/live/main/${name}`;
const NAMES = PICTURES.map(({ name }) => name);
const textOf = async (name: string): Promise<string> => (await fetch(addressOf(name))).text();

/**
 * The last `count` segments that all tracks have, those of one track after another's: segments of two seconds, as the keyframes say. An encoder that
 * has too little time leaves pictures out, and has others.
 */
async function latestSegments(base: string, tracks: readonly string[], count: number): Promise<Segment[][]> {
  const named = await eventually(40_000, `${count} segments of every picture`, async () => {
    const lists = await Promise.all(
      tracks.map(async (name) => namedSegmentsOf(await (await fetch(`${base}/${name}/index.m3u8`)).text())),
    );
    const last = Math.min(...lists.map((list) => list.at(-1)?.number ?? 0));
    const common = lists.map((list) => list.filter(({ number }) => number <= last && number > last - count));
    const isWhole = (list: readonly NamedSegment[]): boolean =>
      list.length === count && list.every(({ durationSeconds }) => durationSeconds === 2);
    return common.every(isWhole) ? common : undefined;
  });
  return Promise.all(named.map((list, i) => fetchSegments(`${base}/${tracks[i]}`, list)));
}

/** Has ffmpeg decode segments as one file: the frame numbers of the pictures, as they are shown. Fails when it complains. */
async function decodedNumbers(segments: readonly Segment[], width: number, height: number): Promise<number[]> {
  const input = Buffer.concat([segments[0]?.init ?? new Uint8Array(0), ...segments.map(({ bytes }) => bytes)]);
  const output = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"];
  const decoder = Bun.spawn(["ffmpeg", "-v", "error", "-xerror", "-f", "mp4", "-i", "pipe:0", ...output], {
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
  const outputs = [new Response(decoder.stdout).bytes(), new Response(decoder.stderr).text()] as const;
  const [luma, complaints] = await Promise.all(outputs);
  expect(complaints).toBe("");
  const sizeBytes = width * height;
  return Array.from({ length: luma.length / sizeBytes }, (_, i) => {
    return readBarcode(luma.subarray(i * sizeBytes, (i + 1) * sizeBytes), width, height)?.frameNumber ?? -1;
  });
}

/** Bits per second of the densest segment. */
function peakOf(segments: readonly Segment[]): number {
  return Math.max(...segments.map(({ bytes, durationSeconds }) => (bytes.length * 8) / durationSeconds));
}

describe("an encoder's own ladder", () => {
  test("is what the configuration document asks for, and goes where it says", async () => {
    const answer = await fetch(`${platform.http}/api/v1/multitrack?tracks=3`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        schema_version: "2025-01-25",
        authentication: MAIN_KEY,
        client: { name: "obs-studio", version: "32.2.2", supported_codecs: ["h264"] },
        preferences: { canvases: [{ width: 1280, height: 720, framerate: { numerator: 25, denominator: 1 } }] },
      }),
    });
    const document = (await answer.json()) as {
      status: { result: string };
      ingest_endpoints: { url_template: string }[];
      encoder_configurations: { height: number }[];
    };
    expect(document.status.result).toBe("success");
    expect(document.ingest_endpoints.map(({ url_template: url }) => url)).toEqual([`${platform.rtmp}/{stream_key}`]);
    expect(document.encoder_configurations.map(({ height }) => height)).toEqual([720, 480, 360]);
  });

  test("stands in the multivariant playlist and the manifest with the truth about each picture", async () => {
    const pressure = measureCpuPressure();
    const pictures = await latestSegments(`${platform.http}/live/main`, NAMES, 2);
    const playlist = await textOf("index.m3u8");
    const lines = playlist.split("\n");
    expect(lines.filter((line) => line.endsWith("/index.m3u8"))).toEqual(
      PICTURES.map(({ name }) => `${name}/index.m3u8`),
    );
    const manifest = await textOf("manifest.mpd");
    let above = Number.POSITIVE_INFINITY;
    for (const [i, { name, width, height }] of PICTURES.entries()) {
      const [variant = ""] = lines.slice(lines.indexOf(`${name}/index.m3u8`) - 1);
      expect(variant).toContain(`RESOLUTION=${width}x${height},`);
      // The rate is measured: an encoder that has too little time leaves pictures out.
      if (pressure() < PRESSURE_MAX) expect(variant).toContain(",FRAME-RATE=25.000");
      const segments = pictures[i] ?? [];
      expect(variant).toContain(`CODECS="${segments[0]?.track.codec},mp4a.40.2"`);
      const bandwidth = Number(/:BANDWIDTH=(\d+)/.exec(variant)?.[1]);
      expect(bandwidth).toBeGreaterThan(peakOf(segments));
      expect(bandwidth).toBeLessThan(above);
      above = bandwidth;
      expect(manifest).toContain(`<Representation id="${name}"`);
    }
  }, 40_000);

  test("is packaged as it is: the platform's ladder adds no picture and has no worker for one", async () => {
    expect(await transcoderPids(platform)).toEqual([]);
  });

  test("has aligned segments: the same numbers, times, lengths and pictures, each from an IDR on", async () => {
    const [best = [], ...others] = await latestSegments(`${platform.http}/live/main`, NAMES, 3);
    const [first] = PICTURES;
    const numbers = await decodedNumbers(best, first.width, first.height);
    expect(numbers.length).toBe(best.reduce((sum, { samples }) => sum + samples.length, 0));
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? -1) + i));
    const shapeOf = (segments: readonly Segment[]): unknown[] =>
      segments.map(({ number, durationSeconds, startDts, beginsWithIdr, samples }) => ({
        number,
        durationSeconds,
        startDts,
        beginsWithIdr,
        samples,
      }));
    expect(best.every(({ beginsWithIdr }) => beginsWithIdr)).toBe(true);
    for (const [i, segments] of others.entries()) {
      expect(shapeOf(segments)).toEqual(shapeOf(best));
      const { width, height } = PICTURES[i + 1] ?? first;
      expect(await decodedNumbers(segments, width, height)).toEqual(numbers);
    }
  }, 60_000);

  test("is conforming by LL-HLS, HLS and DASH in every rendition", async () => {
    const pressure = measureCpuPressure();
    const verdicts = await verdictsOf(`${platform.http}/live/main`, { seconds: 12, timing: false });
    const isStarved = pressure() >= PRESSURE_MAX;
    for (const { protocol, report, complaints } of verdicts) {
      const standing = isStarved ? withoutStarvation(complaints) : complaints;
      expect(`${protocol}: ${standing.join("; ")}`).toBe(`${protocol}: `);
      expect(report.renditions.filter(({ kind }) => kind === "video").length).toBe(PICTURES.length);
    }
  }, 40_000);

  for (const { name } of PICTURES) {
    test(`${name} is played by ffmpeg without an error`, async () => {
      const input = ["-v", "error", "-xerror", "-i", addressOf(`${name}/index.m3u8`), "-t", "4"];
      const output = ["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "null", "-"];
      await using tool = startTool("ffmpeg", [...input, ...output]);
      expect(await within(30_000, "ffmpeg", tool.exited)).toBe(0);
      // An encoder that has too little time leaves pictures out, and the times of the next ones seem doubtful to ffmpeg's output.
      const complaints = tool.output().split("\n");
      expect(complaints.filter((line) => line !== "" && !line.includes("non monotonically increasing dts"))).toEqual(
        [],
      );
    }, 40_000);
  }
});

/** Waits until the page shows a picture of this height, and goes on showing it. */
async function untilShown(page: Page, height: number): Promise<void> {
  const since = await eventually(20_000, `${height} lines`, async () => {
    const playback = await playbackOf(page);
    return playback?.height === height ? playback : undefined;
  });
  await eventually(20_000, `a second of ${height} lines`, async () => {
    const playback = await playbackOf(page);
    return playback !== undefined && playback.currentTime > since.currentTime + 1 ? true : undefined;
  });
}

describe("a viewer", () => {
  test("switches between the encoder's pictures in hls.js without an error", async () => {
    const page = await browser.page();
    await page.goto(`${pages.origin}/hls.html?url=${encodeURIComponent(addressOf("index.m3u8"))}`);
    await eventually(20_000, "playback", async () => ((await playbackOf(page))?.frames ?? 0) > 10 || undefined);
    const pressure = measureCpuPressure();
    for (const height of [360, 180, 240, 360]) {
      await page.evaluate((wanted) => {
        const { player } = window as unknown as { player: { levels: { height: number }[]; nextLevel: number } };
        player.nextLevel = player.levels.findIndex((level) => level.height === wanted);
      }, height);
      await untilShown(page, height);
    }
    const { problems, stalls } = await page.evaluate(() => {
      const { problems, stalls } = window as unknown as { problems: string[]; stalls: number };
      return { problems, stalls };
    });
    // Encoder, server and browser share the processors: what a starved browser shows says nothing.
    if (pressure() < PRESSURE_MAX) expect({ problems, stalls }).toEqual({ problems: [], stalls: 0 });
    await page.close();
  }, 120_000);

  test("chooses from heights in the quality menu", async () => {
    const page = await browser.page();
    await page.goto(`${platform.http}/watch/main`);
    await eventually(20_000, "playback", async () => ((await playbackOf(page))?.frames ?? 0) > 10 || undefined);
    const button = page.getByRole("button", { name: /^Quality/ });
    for (const height of [180, 360]) {
      await page.mouse.move(300, 300);
      await button.click();
      const choices = await page.getByRole("menuitemradio").allTextContents();
      expect(choices.map((choice) => choice.trim().replace(/^Auto.*/, "Auto"))).toEqual([
        "Auto",
        "360p",
        "240p",
        "180p",
      ]);
      await page.getByRole("menuitemradio", { name: `${height}p`, exact: true }).click();
      await untilShown(page, height);
    }
    await page.close();
  }, 60_000);
});

describe("an encoder whose small pictures are slower", () => {
  test("has aligned segments all the same: every second picture, from the same IDR on", async () => {
    const pressure = measureCpuPressure();
    await using slow = await startPlatform();
    const publisher = await startPublisher({
      source: {
        kind: "test",
        width: 320,
        height: 180,
        heights: [180, 90],
        halfRateBelowLines: 180,
        frameRate: 50,
        videoBitrate: 400_000,
      },
      urls: [`${slow.rtmp}/${MAIN_KEY}`],
    });
    try {
      const base = `${slow.http}/live/main`;
      const [fast = [], half = []] = await latestSegments(base, ["source", "source-2"], 3);
      const timeOf = ({ number, durationSeconds, startDts, beginsWithIdr }: Segment): unknown => {
        return { number, durationSeconds, startDts, beginsWithIdr };
      };
      expect(half.map(timeOf)).toEqual(fast.map(timeOf));
      expect(half.every(({ beginsWithIdr }) => beginsWithIdr)).toBe(true);
      const numbers = await decodedNumbers(fast, 320, 180);
      expect(numbers.length).toBe(300);
      expect(await decodedNumbers(half, 160, 90)).toEqual(numbers.filter((_, i) => i % 2 === 0));
      // One that missed a keyframe a while ago is not offered, and rates are measured.
      const isStarved = pressure() >= PRESSURE_MAX;
      const rates = isStarved ? ["", ""] : ["50.000", "25.000"];
      await eventually(20_000, "both pictures to be offered", async () => {
        const text = await (await fetch(`${base}/index.m3u8`)).text();
        const sizes = [`RESOLUTION=320x180,FRAME-RATE=${rates[0]}`, `RESOLUTION=160x90,FRAME-RATE=${rates[1]}`];
        return sizes.every((size) => text.includes(size)) ? true : undefined;
      });
    } finally {
      await publisher.close();
    }
  }, 60_000);
});
