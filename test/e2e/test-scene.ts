import { join } from "node:path";
import { readBarcode } from "#publish/barcode.ts";
import { fetchSegments, namedSegmentsOf, type Segment } from "./ladder-segments.ts";
import { type Platform, startTool, type Tool } from "./platform.ts";

/*
 * The test broadcaster's scene, sent and read again: each picture says when it was taken, each full second of the wall clock beeps.
 */

const MAIN = join(import.meta.dir, "..", "..", "src", "cli", "main.ts");
const SOUND_RATE = 48_000;
const SOUND_FRAME = 1024;
/** A beep is this long, milliseconds, give or take what the codec smears. */
const BEEP_MS = { min: 85, max: 125 };
/** Of full scale: above is a beep. */
const LOUD = 0.05;
/** Sources whose first pictures were taken this far apart are two, milliseconds; what of it one source's clock may vary. */
const SOURCE_MS = 100;

/** How the broadcaster encodes. */
export interface SceneEncoder {
  readonly url: string;
  readonly size: string;
  readonly bitrate: number;
  readonly gopSeconds: number;
}

/** Sends the scene from a process of its own. */
export function sendScene({ url, size, bitrate, gopSeconds }: SceneEncoder): Tool {
  const coded = ["--size", size, "--bitrate", String(bitrate), "--gop-seconds", String(gopSeconds)];
  return startTool(process.execPath, [MAIN, "publish", "--test", url, ...coded]);
}

/** A picture as viewers get it. */
export interface ScenePicture {
  /** Stream time in milliseconds. */
  readonly atMs: number;
  /** When it was taken, milliseconds since the Unix epoch. */
  readonly wallMs: number;
  /** When its source began, as near as a number tells sources apart; milliseconds since the Unix epoch. */
  readonly sourceMs: number;
  /** Number of its segment. */
  readonly segment: number;
}

/** What viewers get of the scene, in whole segments. */
export interface Scene {
  readonly pictures: readonly ScenePicture[];
  /** Stream times in milliseconds at which whole beeps begin. */
  readonly beeps: readonly number[];
  readonly discontinuities: number;
}

async function segmentsOf(platform: Platform, track: string): Promise<{ text: string; segments: Segment[] }> {
  const base = `${platform.http}/live/main/${track}`;
  const text = await (await fetch(`${base}/index.m3u8`)).text();
  const named = namedSegmentsOf(text).filter(({ isGap }) => !isGap);
  return { text, segments: await fetchSegments(base, named) };
}

/** Runs of segments with the same parameters: a decoder begins anew with each. */
function runsOf(segments: readonly Segment[]): Segment[][] {
  const runs: Segment[][] = [];
  for (const segment of segments) {
    const last = runs.at(-1);
    if (last?.[0]?.initUri === segment.initUri) last.push(segment);
    else runs.push([segment]);
  }
  return runs;
}

async function decode(run: readonly Segment[], output: readonly string[]): Promise<Uint8Array> {
  const input = Buffer.concat([run[0]?.init ?? new Uint8Array(0), ...run.map(({ bytes }) => bytes)]);
  const args = ["-v", "error", "-threads", "1", "-f", "mp4", "-i", "pipe:0", ...output, "pipe:1"];
  const decoder = Bun.spawn(["ffmpeg", ...args], { stdin: input, stdout: "pipe", stderr: "pipe", timeout: 30_000 });
  const [bytes, complaints] = await Promise.all([
    new Response(decoder.stdout).bytes(),
    new Response(decoder.stderr).text(),
  ]);
  // An encoder that has too little time leaves pictures out, and the times of the next ones seem doubtful to ffmpeg's output.
  const severe = complaints
    .split("\n")
    .filter((line) => line !== "" && !line.includes("non monotonically increasing dts"));
  if (severe.length > 0) throw new Error(`ffmpeg complains of ${run[0]?.uri} and what follows: ${severe.join("; ")}`);
  return bytes;
}

async function picturesOf(run: readonly Segment[]): Promise<ScenePicture[]> {
  const luma = await decode(run, [
    "-fps_mode",
    "passthrough",
    "-enc_time_base",
    "1:90000",
    "-f",
    "rawvideo",
    "-pix_fmt",
    "gray",
  ]);
  const track = run[0]?.track;
  const [width, height, timescale] = [track?.width ?? 0, track?.height ?? 0, track?.timescale ?? 1];
  const samples = run.flatMap(({ samples, number }) => samples.map(({ pts }) => ({ pts, number })));
  const size = width * height;
  if (luma.length !== samples.length * size) throw new Error(`${luma.length / size} pictures of ${samples.length}`);
  return samples.flatMap(({ pts, number }, i) => {
    const code = readBarcode(luma.subarray(i * size, (i + 1) * size), width, height);
    if (code === undefined) return [];
    const sourceMs = code.wallMs - (code.frameNumber * 1000) / 30;
    return [{ atMs: (pts * 1000) / timescale, wallMs: code.wallMs, sourceMs, segment: number }];
  });
}

/** Where whole beeps begin, with silence on both sides. */
async function beepsOf(run: readonly Segment[]): Promise<number[]> {
  const bytes = await decode(run, ["-f", "s16le", "-ac", "1", "-ar", String(SOUND_RATE)]);
  const sound = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  const samples = run.flatMap((segment) => segment.samples);
  const beeps: number[] = [];
  let onMs: number | undefined;
  let loudMs = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < sound.length; i++) {
    if (Math.abs(sound[i] ?? 0) < LOUD * 32_768) continue;
    const frame = samples[Math.floor(i / SOUND_FRAME)];
    const atMs = (((frame?.pts ?? 0) + (i % SOUND_FRAME)) * 1000) / SOUND_RATE;
    if (atMs - loudMs > 20) {
      const lengthMs = loudMs - (onMs ?? loudMs);
      if (onMs !== undefined && lengthMs > BEEP_MS.min && lengthMs < BEEP_MS.max) beeps.push(onMs);
      onMs = atMs;
    }
    loudMs = atMs;
  }
  return beeps;
}

/** Reads everything of the stream that is in its playlists now. */
export async function readScene(platform: Platform): Promise<Scene> {
  const [video, audio] = await Promise.all([segmentsOf(platform, "source"), segmentsOf(platform, "audio")]);
  const pictures = await Promise.all(runsOf(video.segments).map(picturesOf));
  const beeps = await Promise.all(runsOf(audio.segments).map(beepsOf));
  const discontinuities = video.text.split("\n").filter((line) => line === "#EXT-X-DISCONTINUITY").length;
  return { pictures: pictures.flat(), beeps: beeps.flat(), discontinuities };
}

/** Pictures of one source in a row. */
export function turnsOf(pictures: readonly ScenePicture[]): ScenePicture[][] {
  const turns: ScenePicture[][] = [];
  for (const picture of pictures) {
    const last = turns.at(-1);
    if (last !== undefined && Math.abs((last.at(-1)?.sourceMs ?? 0) - picture.sourceMs) < SOURCE_MS) last.push(picture);
    else turns.push([picture]);
  }
  return turns;
}

/** Pictures that follow the one before as they were taken: one that is held, or comes after such a one, tells nothing of its time. */
function runningOf(pictures: readonly ScenePicture[]): ScenePicture[] {
  return pictures.filter((picture, i) => {
    const before = pictures[i - 1];
    return before !== undefined && Math.abs(picture.atMs - before.atMs - (picture.wallMs - before.wallMs)) < 10;
  });
}

/** How late the sound is at each beep with running pictures around it, milliseconds; negative where it is early. */
export function soundLateness({ pictures, beeps }: Scene): { readonly atMs: number; readonly lateMs: number }[] {
  const running = runningOf(pictures);
  return beeps.flatMap((atMs) => {
    const picture = running.find((one) => Math.abs(one.atMs - atMs) < 20);
    if (picture === undefined) return [];
    const wallMs = atMs - picture.atMs + picture.wallMs;
    return [{ atMs, lateMs: ((((wallMs + 500) % 1000) + 1000) % 1000) - 500 }];
  });
}
