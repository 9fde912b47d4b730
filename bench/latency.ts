import { join } from "node:path";
import { eventually } from "#test/e2e/deadline.ts";
import { playbackOf, startBrowser } from "#test/e2e/browser.ts";
import { startPlayerPages } from "#test/e2e/player-pages.ts";
import { MAIN_KEY, type Platform, startPlatform, startTool, type Tool, untilOnAir } from "#test/e2e/platform.ts";
import { readBarcode } from "#publish/barcode.ts";
import { LOAD_CORE, median, quantile, SERVER_CORE } from "./measure.ts";
import type { Row } from "./table.ts";

const STREAMS = 10;
const PART_SECONDS = 40;
/** Minutes the picture is watched; the issue of drift wants 30, a routine run takes 3. */
const WATCH_MINUTES = Number(process.env["BENCH_WATCH_MINUTES"] ?? "3");
const STARTS = 5;

function broadcaster(platform: Platform): Tool {
  const args = ["src/cli/main.ts", "publish", "--test", `${platform.rtmp}/${MAIN_KEY}`, "--size", "640x360"];
  return startTool("taskset", ["-c", LOAD_CORE, process.execPath, ...args]);
}

async function benchParts(): Promise<Row> {
  const keys = Object.fromEntries(
    Array.from({ length: STREAMS }, (_, i) => [`load-${i}`, `load-key-${i}-0123456789abcdef`]),
  );
  await using platform = await startPlatform({ prefix: ["taskset", "-c", SERVER_CORE], streams: keys });
  const script = join(import.meta.dir, "part-latency.ts");
  const args = [
    "-c",
    LOAD_CORE,
    process.execPath,
    script,
    platform.http,
    platform.rtmp,
    String(STREAMS),
    String(PART_SECONDS),
  ];
  await using tool = startTool("taskset", args);
  if ((await tool.exited) !== 0) throw new Error(tool.output());
  const latencies = JSON.parse(tool.output().trim().split("\n").at(-1) ?? "[]") as number[];
  const [p50, p99] = [median(latencies), quantile(latencies, 0.99)];
  return {
    what: `last frame of a part sent → part received by a parked request, ${STREAMS} streams (${latencies.length} parts)`,
    figure: `${p50.toFixed(1)} ms median, ${p99.toFixed(1)} ms p99`,
    reach: "≤ 10 ms, ≤ 30 ms",
    ok: p50 <= 10 && p99 <= 30,
  };
}

/** Installs a watcher that collects [shown at, frame number, taken at] of every presented frame in `window.seen`. */
const WATCHER = `(() => {
  const readBarcode = ${readBarcode.toString()};
  window.seen = [];
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const watch = (video) => {
    const each = () => {
      const width = video.videoWidth, height = video.videoHeight, rows = Math.ceil(height / 10);
      canvas.width = width; canvas.height = height;
      context.drawImage(video, 0, 0);
      const shownMs = Date.now();
      const pixels = context.getImageData(0, 0, width, rows).data;
      const luma = new Uint8Array(width * height);
      for (let i = 0; i < width * rows; i++) luma[i] = pixels[i * 4 + 1];
      const code = readBarcode(luma, width, height);
      if (code) window.seen.push([shownMs, code.frameNumber, code.wallMs]);
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  };
  const find = () => { const video = document.querySelector("video"); if (video) watch(video); else setTimeout(find, 20); };
  find();
})()`;

/** Counts in `window.waits` how often the picture stood still after it had begun. */
const STALL_COUNTER = `(() => {
  window.waits = 0;
  document.addEventListener("waiting", (event) => { if (event.target.currentTime > 0) window.waits++; }, true);
})()`;

type Sighting = readonly [shownMs: number, frameNumber: number, takenMs: number];

/** Where the picture is watched. */
interface Watching {
  readonly what: string;
  readonly minutes: number;
  /** The page that plays stream `main`. */
  address(platform: Platform, pages: string): string;
  /** Whether the row is asked to reach anything. */
  readonly isAsked: boolean;
}

const WATCHINGS: readonly Watching[] = [
  {
    what: "picture to picture on the watch page (hls.js in Chromium)",
    minutes: WATCH_MINUTES,
    address: (platform) => `${platform.http}/watch/main`,
    isAsked: true,
  },
  {
    what: "picture to picture on a bare page with hls.js as it comes",
    minutes: 1,
    address: (platform, pages) =>
      `${pages}/hls.html?url=${encodeURIComponent(`${platform.http}/live/main/index.m3u8`)}`,
    isAsked: false,
  },
];

async function benchPicture(watching: Watching): Promise<Row> {
  await using platform = await startPlatform({ prefix: ["taskset", "-c", SERVER_CORE] });
  await using _broadcaster = broadcaster(platform);
  await untilOnAir(platform);
  using pages = startPlayerPages();
  await using browser = await startBrowser();
  const page = await browser.page();
  await page.goto(watching.address(platform, pages.origin));
  await page.evaluate(WATCHER);
  await page.evaluate(STALL_COUNTER);
  const startedMs = performance.now();
  const lengthMs = watching.minutes * 60_000;
  await eventually(lengthMs + 60_000, "the watching to end", () =>
    performance.now() - startedMs > lengthMs ? true : undefined,
  );
  const seen = (await page.evaluate("window.seen")) as Sighting[];
  const stalls = (await page.evaluate("window.waits")) as number;
  const settled = seen.slice(Math.floor(seen.length / 10)).map(([shown, , taken]) => (shown - taken) / 1000);
  const third = Math.floor(settled.length / 3);
  const drift = median(settled.slice(-third)) - median(settled.slice(0, third));
  const p50 = median(settled);
  return {
    what: `${watching.what}, 500 ms parts, ${watching.minutes} min`,
    figure: `${p50.toFixed(2)} s median, ${quantile(settled, 0.99).toFixed(2)} s p99, drift ${drift.toFixed(2)} s, ${stalls} stalls`,
    reach: watching.isAsked ? "≤ 2.0 s, no drift" : "",
    ok: watching.isAsked ? p50 <= 2 && Math.abs(drift) < 0.25 : undefined,
  };
}

/** A broadcast of some segments, and its end: from then on the platform knows how far this stream's keyframes are apart. */
async function broadcastOnce(platform: Platform): Promise<void> {
  await using _broadcaster = broadcaster(platform);
  const source = `${platform.http}/live/main/source/index.m3u8`;
  await eventually(30_000, "a few segments", async () =>
    (await (await fetch(source)).text()).split("#EXTINF").length > 3 ? true : undefined,
  );
  const headers = { authorization: `Bearer ${platform.adminToken}` };
  const answer = await fetch(`${platform.http}/api/v1/streams/main/stop`, { method: "POST", headers });
  if (!answer.ok) throw new Error(`the broadcast was not stopped: ${answer.status}`);
}

async function benchStart(isKnown: boolean): Promise<Row> {
  const figures: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    await using platform = await startPlatform({ prefix: ["taskset", "-c", SERVER_CORE] });
    if (isKnown) await broadcastOnce(platform);
    await using browser = await startBrowser();
    const page = await browser.page();
    await page.goto(`${platform.http}/watch/main`);
    await page.evaluate(WATCHER);
    await using _broadcaster = broadcaster(platform);
    const sighting = await eventually(30_000, "a moving picture", async () => {
      const playback = await playbackOf(page);
      const seen = (await page.evaluate("window.seen.slice(0, 2)")) as Sighting[];
      return playback !== undefined && seen.length === 2 ? seen[1] : undefined;
    });
    const [shownMs, frameNumber, takenMs] = sighting;
    figures.push((shownMs - (takenMs - (frameNumber * 1000) / 30)) / 1000);
  }
  const p50 = median(figures);
  return {
    what: `publish (2 s GOP) → moving picture in Chromium on a page already open, ${isKnown ? "stream was on air before" : "first broadcast ever"}`,
    figure: `${p50.toFixed(2)} s median of ${STARTS} (worst ${quantile(figures, 1).toFixed(2)} s)`,
    reach: "≤ 2.5 s",
    ok: p50 <= 2.5,
  };
}

/** Latencies: of a part through the server, of the picture to a player, of the first picture. */
export async function benchLatency(): Promise<Row[]> {
  const rows = [await benchParts(), await benchStart(true), await benchStart(false)];
  for (const watching of WATCHINGS) rows.push(await benchPicture(watching));
  return rows;
}
