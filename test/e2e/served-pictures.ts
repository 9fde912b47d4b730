import { fetchSegments, namedSegmentsOf, type Segment } from "./ladder-segments.ts";
import type { Platform } from "./platform.ts";

/*
 * What viewers see and hear of a track, decoded by ffmpeg: small copies of its pictures, and how loud it is.
 */

/** Size of the small copies, pixels. */
const COPY = { width: 16, height: 9 } as const;
/** Bytes of a small copy: red, green, blue. */
export const COPY_BYTES: number = COPY.width * COPY.height * 3;
/** How long ffmpeg may take, milliseconds. */
const DECODE_MS_MAX = 30_000;
/** Sample rate to which sound is brought, Hz. */
const SOUND_RATE = 8000;
/** Samples whose loudness is one value: a tenth of a second. */
const SOUND_BLOCK = 800;

/** A picture as it is shown. */
export interface ShownPicture {
  readonly segment: number;
  /** Red, green and blue of 16x9 pixels. */
  readonly copy: Uint8Array;
}

/** A track of what its playlist has now. */
export interface ServedSegments {
  readonly segments: readonly Segment[];
  /** Runs of them with the same parameters: a decoder begins anew with each. */
  readonly runs: readonly (readonly Segment[])[];
  readonly gaps: number;
}

/** Fetches every whole segment of a track. */
export async function readSegments(platform: Platform, track: string, stream = "main"): Promise<ServedSegments> {
  const base = `${platform.http}/live/${stream}/${track}`;
  const named = namedSegmentsOf(await (await fetch(`${base}/index.m3u8`)).text());
  const whole = named.filter(({ isGap }) => !isGap);
  const segments = await fetchSegments(base, whole);
  const runs: Segment[][] = [];
  for (const segment of segments) {
    const last = runs.at(-1);
    if (last?.[0]?.initUri === segment.initUri) last.push(segment);
    else runs.push([segment]);
  }
  return { segments, runs, gaps: named.length - whole.length };
}

/** Runs ffmpeg on bytes; fails when it complains. */
export async function decodeBytes(input: Uint8Array, what: string, output: readonly string[]): Promise<Uint8Array> {
  const decoder = Bun.spawn(["ffmpeg", "-v", "error", "-threads", "1", "-i", "pipe:0", ...output, "pipe:1"], {
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
    timeout: DECODE_MS_MAX,
  });
  const outputs = [new Response(decoder.stdout).bytes(), new Response(decoder.stderr).text()] as const;
  const [bytes, complaints] = await Promise.all(outputs);
  // Where an encoder had too little time, the times of its pictures seem doubtful to ffmpeg's output.
  const severe = complaints.split("\n").filter((line) => line !== "" && !line.includes("monotonically increasing dts"));
  if (severe.length > 0) throw new Error(`ffmpeg complains of ${what}: ${severe.join("; ")}`);
  return bytes;
}

const decodeRun = (run: readonly Segment[], output: readonly string[]): Promise<Uint8Array> =>
  decodeBytes(
    Buffer.concat([run[0]?.init ?? new Uint8Array(0), ...run.map(({ bytes }) => bytes)]),
    `${run[0]?.uri} to ${run.at(-1)?.uri}`,
    output,
  );

/** ffmpeg's arguments that make small copies of pictures. */
export const COPY_ARGUMENTS: readonly string[] = [
  ...["-fps_mode", "passthrough", "-enc_time_base", "1:90000"],
  ...["-vf", `scale=${COPY.width}:${COPY.height}:flags=area,format=rgb24`, "-f", "rawvideo"],
];

/** Decodes every picture of a track. Fails when ffmpeg complains, or one is missing. */
export async function shownPictures({ runs }: ServedSegments): Promise<ShownPicture[]> {
  const shown: ShownPicture[] = [];
  for (const run of runs) {
    const copies = await decodeRun(run, COPY_ARGUMENTS);
    const places = run.flatMap(({ samples, number }) => samples.map(() => number));
    if (copies.length !== places.length * COPY_BYTES)
      throw new Error(`${copies.length / COPY_BYTES} of ${places.length} pictures from ${run[0]?.uri} on`);
    for (const [i, segment] of places.entries())
      shown.push({ segment, copy: copies.subarray(i * COPY_BYTES, (i + 1) * COPY_BYTES) });
  }
  return shown;
}

/** How loud a track is, a value for each tenth of a second: mean level, 0 to 1. */
export async function loudnessOf({ runs }: ServedSegments): Promise<number[]> {
  const blocks: number[] = [];
  for (const run of runs) {
    const bytes = await decodeRun(run, ["-f", "s16le", "-ac", "1", "-ar", String(SOUND_RATE)]);
    const sound = new Int16Array(bytes.slice().buffer, 0, bytes.byteLength >> 1);
    for (let at = 0; at + SOUND_BLOCK <= sound.length; at += SOUND_BLOCK) {
      const sum = sound.subarray(at, at + SOUND_BLOCK).reduce((all, sample) => all + Math.abs(sample), 0);
      blocks.push(sum / SOUND_BLOCK / 32_768);
    }
  }
  return blocks;
}

/** Places at which a track's time does not go on where it was: between segments, in seconds, with their numbers. */
export function breaksOf({ segments }: ServedSegments): string[] {
  const breaks: string[] = [];
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1];
    if (before === undefined) continue;
    if (segment.number !== before.number + 1) breaks.push(`${before.number} is followed by ${segment.number}`);
    const endTicks = before.startDts + before.samples.reduce((sum, { duration }) => sum + duration, 0);
    if (segment.startDts !== endTicks)
      breaks.push(`${segment.number} begins ${(segment.startDts - endTicks) / segment.track.timescale} s later`);
  }
  return breaks;
}

/** How unlike two small copies are: mean difference of their colours, 0 to 255. */
export function unlikeness(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / COPY_BYTES;
}

/** Mean of a small copy's colours, 0 to 255. */
export function brightnessOf(copy: Uint8Array): number {
  return copy.reduce((sum, value) => sum + value, 0) / copy.length;
}
