import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { FlvReader, FlvTagType } from "#media/containers/flv/flv-file.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import type { TrackConfig } from "#media/track.ts";

/** Frames per second of a clip. */
export const CLIP_RATE = 30;

/** A pre-encoded video: closed GOPs of two seconds at a constant frame rate. */
export interface Clip {
  readonly config: TrackConfig;
  readonly frames: readonly { readonly keyframe: boolean; readonly payload: Uint8Array }[];
}

/** Encodes ten seconds of noise at 2.5 Mbit/s with ffmpeg. */
export function makeClip(): Clip {
  const folder = mkdtempSync("/dev/shm/grandstand-clip-");
  const path = `${folder}/clip.flv`;
  const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-sc_threshold", "0"];
  const rate = [
    "-b:v",
    "2500k",
    "-maxrate",
    "2500k",
    "-bufsize",
    "1250k",
    "-vf",
    "noise=alls=30:allf=t",
    "-pix_fmt",
    "yuv420p",
  ];
  const input = ["-f", "lavfi", "-i", `testsrc2=size=1280x720:rate=${CLIP_RATE}`, "-t", "10"];
  Bun.spawnSync(["ffmpeg", "-v", "error", "-nostdin", ...input, ...x264, ...rate, path]);
  const reader = new FlvReader();
  let config: TrackConfig | undefined;
  const frames: { keyframe: boolean; payload: Uint8Array }[] = [];
  for (const { type, data } of reader.receive(new Uint8Array(readFileSync(path)))) {
    if (type !== FlvTagType.VIDEO) continue;
    const body = new Uint8Array(data);
    if (body[1] === 0) config = parseAvcConfig(body.subarray(5));
    else if (body[1] === 1) frames.push({ keyframe: (body[0] ?? 0) >> 4 === 1, payload: body.subarray(5) });
  }
  rmSync(folder, { recursive: true });
  if (config === undefined) throw new Error("ffmpeg made no clip");
  return { config, frames };
}
