import { afterAll, beforeAll, expect, test } from "bun:test";
import HLS from "hls-parser";
import { addressOf, verdictsOf, type Verdict } from "./conformance.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import { withoutStarvation } from "./watching.ts";

const WATCH_SECONDS = 20;

let platform: Platform;
let encoder: Tool;
let base: string;
let verdicts: Promise<Verdict[]>;
let pressure: () => number;

beforeAll(async () => {
  platform = await startPlatform();
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "320x180" });
  await untilOnAir(platform);
  base = `${platform.http}/live/main`;
  pressure = measureCpuPressure();
  verdicts = verdictsOf(base, { seconds: WATCH_SECONDS, timing: true });
  verdicts.catch(() => undefined);
}, 60_000);

afterAll(async () => {
  await encoder[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

test("three strict players find nothing to complain about", async () => {
  const all = await verdicts;
  const starved = pressure() > PRESSURE_MAX;
  if (starved) console.log(`the machine is too busy (${pressure().toFixed(2)}): rules about pace are not judged`);
  for (const { protocol, report, complaints } of all) {
    const judged = starved ? withoutStarvation(complaints) : complaints;
    expect([protocol, judged]).toEqual([protocol, []]);
    expect(report.framesVideo).toBeGreaterThan((WATCH_SECONDS - 6) * 30);
    expect(report.renditions.length).toBe(2);
  }
  // A rule that was never looked at proves nothing.
  const checked = all.map(({ report }) => Object.values(report.checks).filter((count) => count > 0).length);
  expect(checked[0]).toBeGreaterThan(60);
}, 60_000);

test("every playlist is read by hls-parser as we mean it", async () => {
  const master = HLS.parse(await (await fetch(`${base}/index.m3u8`)).text());
  if (!master.isMasterPlaylist) throw new Error("not a multivariant playlist");
  expect(master.variants.map((variant) => [variant.uri, variant.resolution?.height])).toEqual([
    ["source/index.m3u8", 180],
  ]);
  expect(master.variants[0]?.audio.map((rendition) => rendition.uri)).toEqual(["audio/index.m3u8"]);
  for (const track of ["source", "audio"]) {
    const media = HLS.parse(await (await fetch(`${base}/${track}/index.m3u8`)).text());
    if (media.isMasterPlaylist) throw new Error("not a media playlist");
    expect(media.targetDuration).toBe(2);
    expect(media.partTargetDuration).toBe(0.5);
    expect(media.lowLatencyCompatibility?.canBlockReload).toBe(true);
    expect(media.prefetchSegments).toEqual([]);
    const whole = media.segments.filter((segment) => segment.uri !== "");
    expect(whole.length).toBeGreaterThan(3);
    for (const segment of whole) {
      expect(segment.map?.uri).toMatch(/^init-[0-9a-f]{16}\.mp4$/);
      expect(segment.duration).toBeLessThan(2.5);
      expect(segment.programDateTime).toBeInstanceOf(Date);
    }
  }
}, 20_000);

test("the manifest is read by mpd-parser as the same segments", async () => {
  const parserName = "mpd-parser";
  const { parse } = (await import(parserName)) as {
    parse: (
      text: string,
      options: { manifestUri: string },
    ) => {
      playlists: { attributes: Record<string, unknown>; segments: { resolvedUri: string; duration: number }[] }[];
    };
  };
  const url = addressOf(base, "dash");
  const manifest = parse(await (await fetch(url)).text(), { manifestUri: url });
  const [video] = manifest.playlists;
  expect(video?.attributes["CODECS"]).toStartWith("avc1.");
  const segments = video?.segments.slice(0, 3) ?? [];
  expect(segments.length).toBe(3);
  for (const segment of segments) {
    const answer = await fetch(segment.resolvedUri);
    expect(answer.status).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(1000);
    expect(segment.duration).toBeCloseTo(2, 3);
  }
}, 20_000);
