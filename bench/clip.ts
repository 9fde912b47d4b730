import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { FlvReader, FlvTagType } from "#media/containers/flv/flv-file.ts";
import type { TrackConfig } from "#media/track.ts";
import { startTool, type Tool } from "#test/e2e/platform.ts";
import { LOAD_CORE } from "./measure.ts";

/** Frames per second of a clip. */
export const CLIP_RATE = 30;

/** What a clip file shall hold. */
export interface ClipOptions {
  /** Bit/s of picture, kept constant. */
  readonly videoBitrate: number;
  readonly seconds: number;
  /** With 128 kbit/s of AAC. */
  readonly audio: boolean;
}

/** An encoded file in memory; `[Symbol.dispose]` removes it. */
export interface ClipFile extends Disposable {
  readonly path: string;
}

/** Encodes noise over a test picture, 1280×720 at 30 frames per second in closed GOPs of two seconds, with ffmpeg. */
export function makeClipFile(options: ClipOptions): ClipFile {
  const folder = mkdtempSync("/dev/shm/grandstand-clip-");
  const path = `${folder}/clip.flv`;
  const seconds = String(options.seconds);
  const picture = ["-f", "lavfi", "-i", `testsrc2=size=1280x720:rate=${CLIP_RATE}`];
  const sound = options.audio ? ["-f", "lavfi", "-i", "anoisesrc=sample_rate=48000:amplitude=0.1"] : [];
  const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-sc_threshold", "0"];
  const kbit = Math.round(options.videoBitrate / 1000);
  const rate = ["-b:v", `${kbit}k`, "-minrate", `${kbit}k`, "-maxrate", `${kbit}k`, "-bufsize", `${kbit / 2}k`];
  const noise = ["-x264-params", "nal-hrd=cbr", "-vf", "noise=alls=30:allf=t", "-pix_fmt", "yuv420p"];
  const aac = options.audio ? ["-c:a", "aac", "-b:a", "128k"] : [];
  const output = [...x264, ...rate, ...noise, ...aac, "-t", seconds, path];
  const { exitCode, stderr } = Bun.spawnSync(["ffmpeg", "-v", "error", "-nostdin", ...picture, ...sound, ...output]);
  if (exitCode !== 0) throw new Error(`ffmpeg made no clip: ${stderr.toString()}`);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Pushes a file in real time without encoding anything, so that the load core is free for load. */
export function replay(url: string, path: string): Tool {
  const args = ["-c", LOAD_CORE, "ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", path];
  return startTool("taskset", [...args, "-c", "copy", "-f", "flv", url]);
}

/** A pre-encoded video: closed GOPs of two seconds at a constant frame rate. */
export interface Clip {
  readonly config: TrackConfig;
  readonly frames: readonly { readonly keyframe: boolean; readonly payload: Uint8Array }[];
}

/** Reads ten seconds at 2.5 Mbit/s into memory. */
export function makeClip(): Clip {
  using file = makeClipFile({ videoBitrate: 2_500_000, seconds: 10, audio: false });
  let config: TrackConfig | undefined;
  const frames: { keyframe: boolean; payload: Uint8Array }[] = [];
  for (const { type, data } of new FlvReader().receive(new Uint8Array(readFileSync(file.path)))) {
    if (type !== FlvTagType.VIDEO) continue;
    const body = new Uint8Array(data);
    if (body[1] === 0) config = parseAvcConfig(body.subarray(5));
    else if (body[1] === 1) frames.push({ keyframe: (body[0] ?? 0) >> 4 === 1, payload: body.subarray(5) });
  }
  if (config === undefined) throw new Error("ffmpeg made no clip");
  return { config, frames };
}
