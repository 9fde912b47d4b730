import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually, within } from "./deadline.ts";
import { type Encoder, ffmpeg } from "./encoder-matrix.ts";
import {
  decodeNumbers,
  fetchSegments,
  type NamedSegment,
  namedSegmentsOf,
  numberedPicture,
  type Segment,
} from "./ladder-segments.ts";
import { type Platform, startPlatform } from "./platform.ts";

/** Shorter sides of the rungs that every source here has. Below 720 lines: of 50 and 60 pictures a second they have every second one. */
const RUNG_LINES = [180, 120] as const;
/** Pictures a second beyond which that holds. */
const USUAL_FPS_MAX = 33;
/** Streams on air at the same time: what two processors encode in real time beside all else. */
const STREAMS_AT_ONCE = 5;
/** Least that is judged of a stream, in seconds and in GOPs: a second GOP must have begun. */
const JUDGED = { seconds: 5, gops: 1.2 } as const;
/** So many pictures of a stream have a number of their own at least, though some be held. */
const UNLIKE_PICTURES_MIN = 60;
/** How long a stream may take to have that much, milliseconds. */
const TAKE_MS_MAX = 45_000;
/** How long a rung may be behind its source, milliseconds. */
const RUNG_MS_MAX = 10_000;
/** How long all of it may take, milliseconds. */
const MATRIX_MS_MAX = 120_000;

type Size = readonly [width: number, height: number];

/** What an encoder sends. */
interface Source {
  readonly rate: string;
  readonly fps: number;
  readonly gopSeconds: number;
  readonly bframes: number;
  readonly size: Size;
}

const WIDE: Size = [320, 240];
const TALL: Size = [240, 426];
const FILM = "24000/1001";
const NTSC = "30000/1001";

function source(rate: string, gopSeconds: number, bframes: number, size: Size = WIDE): Source {
  const [num = 0, den = 1] = rate.split("/").map(Number);
  return { rate, fps: num / den, gopSeconds, bframes, size };
}

/** Every frame rate with and without B-frames, every length of GOP with and without B-frames; those that take longest first. */
const SOURCES: readonly Source[] = [
  source("60", 8, 3),
  source("50", 8, 0),
  source(FILM, 8, 3),
  source("25", 8, 0),
  source(NTSC, 8, 0),
  source("60", 2, 0),
  source("50", 2.5, 3),
  source(NTSC, 2, 3),
  source("25", 2, 3, TALL),
  source(FILM, 2.5, 0),
  source("25", 2.5, 0),
  source("30", 1, 3),
  source(FILM, 1, 3),
  source(NTSC, 1, 0),
  source("30", 2.5, 0),
  source("60", 1, 0, TALL),
];

function nameOf({ rate, gopSeconds, bframes, size }: Source): string {
  const reordering = bframes === 0 ? "no B-frames" : `${bframes} B-frames`;
  return `${size.join("x")} at ${rate} pictures a second, GOPs of ${gopSeconds} s, ${reordering}`;
}

function framesOfGop({ fps, gopSeconds }: Source): number {
  return Math.round(fps * gopSeconds);
}

/** Debian's ffmpeg as this source, in real time. */
function encode(url: string, sent: Source): Encoder {
  const gop = String(framesOfGop(sent));
  const cheap = ["-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p", "-b:v", "500k"];
  const gops = ["-g", gop, "-keyint_min", gop, "-sc_threshold", "0"];
  const reordering = ["-bf", String(sent.bframes), "-b_strategy", "0"];
  return ffmpeg(url, [...numberedPicture(sent.size, sent.rate), ...cheap, ...gops, ...reordering]);
}

/** A stream's segments, of the source and of each rung. */
interface Taken {
  readonly source: readonly Segment[];
  readonly rungs: readonly (readonly Segment[])[];
}

/** Takes all segments that a stream has as soon as the source's are enough and the rungs have them too. */
async function take(base: string, isEnough: (segments: readonly Segment[]) => boolean): Promise<Taken> {
  const listed = async (track: string): Promise<NamedSegment[]> => {
    const answer = await fetch(`${base}/${track}/index.m3u8`);
    return answer.ok ? namedSegmentsOf(await answer.text()) : [];
  };
  const segments: Segment[] = [];
  await eventually(TAKE_MS_MAX, `enough segments of ${base}`, async () => {
    const known = segments.at(-1)?.number ?? 0;
    const added = (await listed("source")).filter(({ number }) => number > known);
    if (added.length === 0) return undefined;
    segments.push(...(await fetchSegments(`${base}/source`, added)));
    return isEnough(segments) ? true : undefined;
  });
  const last = segments.at(-1)?.number ?? 0;
  const rungs = RUNG_LINES.map(async (lines) => {
    const track = `${lines}p`;
    const named = await eventually(RUNG_MS_MAX, `segment ${last} of ${track} of ${base}`, async () => {
      const all = await listed(track);
      return all.some(({ number }) => number === last) ? all.filter(({ number }) => number <= last) : undefined;
    });
    expect(named.map(placeOf)).toEqual(segments.map(placeOf));
    return fetchSegments(`${base}/${track}`, named);
  });
  return { source: segments, rungs: await Promise.all(rungs) };
}

/** What every track has in common in a playlist. */
function placeOf({ number, durationSeconds, isGap }: NamedSegment): unknown {
  return { number, durationSeconds, isGap };
}

const ascending = (a: number, b: number): number => a - b;

function shownTimes({ samples }: Segment): number[] {
  return samples.map(({ pts }) => pts).sort(ascending);
}

/** Decodes a source from its beginning, one encoder session after the other: its pictures' numbers by the time they are shown. */
async function decodeSource(segments: readonly Segment[]): Promise<Map<number, number>> {
  const numbers = new Map<number, number>();
  for (const session of Map.groupBy(segments, ({ initUri }) => initUri).values()) {
    const decoded = await decodeNumbers(session);
    const times = session.flatMap(shownTimes).sort(ascending);
    expect(decoded.length).toBe(times.length);
    for (const [i, time] of times.entries()) numbers.set(time, decoded[i] ?? Number.NaN);
  }
  return numbers;
}

/** A rung's segments are those of the source, picture for picture; it has every `divisor`-th. `numbers`: of the source's, by the time they are shown. */
async function judgeRung(
  rung: readonly Segment[],
  of: readonly Segment[],
  divisor: number,
  numbers: ReadonlyMap<number, number>,
): Promise<void> {
  expect(rung.map(({ number }) => number)).toEqual(of.map(({ number }) => number));
  expect(rung.map(({ startDts }) => startDts)).toEqual(of.map(({ startDts }) => startDts));
  expect(rung.every(({ beginsWithIdr }) => beginsWithIdr)).toBe(true);
  const times = of.map((segment) => shownTimes(segment).filter((_, i) => i % divisor === 0));
  expect(rung.map(({ samples }) => samples.length)).toEqual(
    of.map(({ samples }) => Math.ceil(samples.length / divisor)),
  );
  expect(rung.map(({ samples }) => samples.map(({ pts }) => pts))).toEqual(times);
  for (const { samples } of rung) expect(samples.map(({ sync }) => sync)).toEqual(samples.map((_, i) => i === 0));
  expect(await decodeNumbers(rung)).toEqual(times.flat().map((time) => numbers.get(time) ?? Number.NaN));
}

async function judge({ source: of, rungs }: Taken, divisor: number): Promise<void> {
  const numbers = await decodeSource(of);
  expect(numbers.size).toBe(of.reduce((sum, { samples }) => sum + samples.length, 0));
  expect(new Set(numbers.values()).size).toBeGreaterThanOrEqual(UNLIKE_PICTURES_MIN);
  for (const rung of rungs) await judgeRung(rung, of, divisor, numbers);
}

/** The encoder did what the case says, also where it was kept from it for a while. */
function judgeSource(sent: Source, segments: readonly Segment[]): void {
  const samples = segments.flatMap((segment) => segment.samples);
  const durations = samples.map(({ duration }) => duration).sort(ascending);
  const usual = durations[durations.length >> 1] ?? 0;
  expect((segments[0]?.track.timescale ?? 0) / usual).toBeCloseTo(sent.fps, 1);
  const keys = samples.flatMap(({ sync }, i) => (sync ? [i] : []));
  expect(keys.slice(1).map((key, i) => key - (keys[i] ?? 0))).toContain(framesOfGop(sent));
  const isReordered = samples.some(({ pts }, i) => pts > (samples[i + 1]?.pts ?? Number.POSITIVE_INFINITY));
  expect(isReordered).toBe(sent.bframes > 0);
}

function sizesOf(segments: readonly Segment[]): Set<string> {
  return new Set(segments.map(({ track }) => `${track.width}x${track.height}`));
}

/** The size of a rung whose shorter side has so many lines. */
function rungSize(size: Size, lines: number): string {
  const scale = lines / Math.min(...size);
  return size.map((length) => 2 * Math.round((length * scale) / 2)).join("x");
}

let platform: Platform;

/** Has an encoder on air as the stream of this number until its segments are taken. */
async function onAir(
  number: number,
  sent: Source,
  isEnough: (segments: readonly Segment[]) => boolean,
): Promise<Taken> {
  await using encoder = encode(`${platform.rtmp}/${keyOf(number)}`, sent);
  try {
    return await take(`${platform.http}/live/source-${number}`, isEnough);
  } catch (error) {
    const log = platform.output().split("\n").slice(-20).join("\n");
    throw new Error(`${nameOf(sent)}; its encoder said: ${encoder.output()}\n${log}`, { cause: error });
  }
}

function keyOf(number: number): string {
  return `ladder-matrix-key-${number}-0123456789`;
}

/** One source is taken and judged. */
async function check(number: number, sent: Source): Promise<void> {
  const samples = Math.max(JUDGED.seconds * sent.fps, JUDGED.gops * framesOfGop(sent));
  const taken = await onAir(
    number,
    sent,
    (segments) => segments.reduce((sum, segment) => sum + segment.samples.length, 0) >= samples,
  );
  judgeSource(sent, taken.source);
  expect(sizesOf(taken.source)).toEqual(new Set([sent.size.join("x")]));
  for (const [i, lines] of RUNG_LINES.entries())
    expect(sizesOf(taken.rungs[i] ?? [])).toEqual(new Set([rungSize(sent.size, lines)]));
  await judge(taken, sent.fps > USUAL_FPS_MAX ? 2 : 1);
}

/** An encoder ends, and another one with a larger picture of the same shape goes on with the same stream. */
async function checkChange(number: number): Promise<void> {
  const [small, large] = [source("30", 1, 0), source("30", 1, 0, [640, 480])];
  await onAir(number, small, (segments) => segments.length >= 2);
  const taken = await onAir(
    number,
    large,
    (segments) => segments.filter(({ track }) => track.width === 640).length >= 3,
  );
  expect(sizesOf(taken.source)).toEqual(new Set(["320x240", "640x480"]));
  for (const [i, lines] of RUNG_LINES.entries())
    expect(sizesOf(taken.rungs[i] ?? [])).toEqual(new Set([rungSize(WIDE, lines)]));
  await judge(taken, 1);
}

const CHECKS: readonly (readonly [name: string, run: (number: number) => Promise<void>])[] = [
  ["an encoder that is followed by one with a larger picture", checkChange],
  ...SOURCES.map((sent) => [nameOf(sent), (number: number) => check(number, sent)] as const),
];

/** The machine was too slow for a stream's rungs for a while, and some were given up as they should be. */
function wasOverloaded(number: number): boolean {
  return platform
    .output()
    .split("\n")
    .some((line) => line.includes('"transcoder.overloaded"') && line.includes(`"source-${number}"`));
}

describe("every rung has the source's segments, picture for picture", () => {
  const results = CHECKS.map(() => Promise.withResolvers<void>());
  let running: Promise<void> | undefined;

  beforeAll(async () => {
    const keys = Array.from({ length: 2 * CHECKS.length }, (_, i) => [`source-${i}`, keyOf(i)] as const);
    platform = await startPlatform({
      streams: Object.fromEntries(keys),
      flags: ["--transcode-ladder", RUNG_LINES.join(","), "--grace-seconds", "5"],
    });
    for (const { promise } of results) promise.catch(() => undefined);
    const waiting = CHECKS.entries();
    /** Those that the machine was too slow for: each is judged once more, alone, as a stream of its own. */
    const again: (() => Promise<void>)[] = [];
    const lanes = Array.from({ length: STREAMS_AT_ONCE }, async () => {
      for (const [i, [, run]] of waiting) {
        const result = results[i];
        await run(i).then(result?.resolve, (error: unknown) => {
          if (!wasOverloaded(i)) result?.reject(error);
          else again.push(() => run(CHECKS.length + i).then(result?.resolve, result?.reject));
        });
      }
    });
    running = Promise.all(lanes).then(async () => {
      for (const run of again) await run();
    });
  }, 30_000);

  afterAll(async () => {
    await platform.stop();
    await running;
  }, 30_000);

  for (const [i, [name]] of CHECKS.entries()) {
    test(
      name,
      async () => {
        await within(MATRIX_MS_MAX, "its turn", results[i]?.promise ?? Promise.reject(new Error("not run")));
      },
      MATRIX_MS_MAX,
    );
  }
});
