/** For tests: requests, and what slates look and sound like to the system's ffmpeg. */
import { spawnSync } from "node:child_process";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { readAvcRecord } from "#media/codecs/avc.ts";
import { readHevcRecord } from "#media/codecs/hevc.ts";
import { splitLengthPrefixed } from "#media/codecs/nal.ts";
import type { Slate, SlateRequest } from "#media/slate.ts";
import type { VideoCodec, VideoConfig } from "#media/track.ts";

/** A picture's format as a broadcast has it. */
export function videoOf(codec: VideoCodec, size = "640x360", more: Partial<VideoConfig> = {}): VideoConfig {
  const [width = 0, height = 0] = size.split("x").map(Number);
  const square = { num: 1, den: 1 };
  return {
    kind: "video",
    codec,
    record: new Uint8Array(0),
    width,
    height,
    pixelAspect: square,
    codecs: codec,
    ...more,
  };
}

/** A request for a small card with stereo AAC, changed as wanted. */
export function requestOf(changes: Partial<SlateRequest> = {}): SlateRequest {
  return {
    stream: "match",
    video: videoOf("avc"),
    frameRate: { num: 25, den: 1 },
    audio: parseAacConfig(buildAacLcConfig(48_000, 2)),
    file: undefined,
    title: "Saturday's match",
    words: "We'll be right back",
    background: undefined,
    ...changes,
  };
}

const START_CODE = Uint8Array.of(0, 0, 0, 1);
/** An AV1 temporal delimiter. */
const DELIMITER = Uint8Array.of(0x12, 0);

/** The slate's pictures as a raw stream of their codec, the loop `loops` times. */
export function streamOf({ video, pictures }: Slate, loops = 1): { format: string; bytes: Buffer } {
  const parts: Uint8Array[] = [];
  const units = (list: readonly Uint8Array[]): void => {
    for (const unit of list) parts.push(START_CODE, unit);
  };
  for (let loop = 0; loop < loops; loop++) {
    for (const { payload, keyframe } of pictures) {
      if (video.codec === "av1") parts.push(DELIMITER, payload);
      else {
        if (keyframe && video.codec === "avc") {
          const { sps, pps } = readAvcRecord(video.record);
          units([...sps, ...pps]);
        } else if (keyframe) {
          const { vps, sps, pps } = readHevcRecord(video.record);
          units([...vps, ...sps, ...pps]);
        }
        units(splitLengthPrefixed(payload));
      }
    }
  }
  const format = { avc: "h264", hevc: "hevc", av1: "obu", vp9: "ivf" }[video.codec];
  return { format, bytes: Buffer.concat(parts) };
}

/** A decoded picture: its brightness, row after row, 0 to 255. */
export interface Seen {
  readonly width: number;
  readonly height: number;
  readonly luma: Uint8Array;
}

/** What ffmpeg sees of a slate, each picture of `loops` loops; it throws at the first word of complaint. */
export function lookAt(slate: Slate, loops = 1): Seen[] {
  const { format, bytes } = streamOf(slate, loops);
  const args = ["-v", "error", "-f", format, "-i", "pipe:0", "-fps_mode", "passthrough", "-pix_fmt", "gray"];
  const { stdout, stderr, status } = spawnSync("ffmpeg", [...args, "-f", "image2pipe", "-c:v", "pgm", "pipe:1"], {
    input: bytes,
    maxBuffer: 1 << 29,
  });
  if (status !== 0 || stderr.byteLength > 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  const seen: Seen[] = [];
  for (let at = 0; at < stdout.byteLength; ) {
    const head = /^P5\n(\d+) (\d+)\n255\n/.exec(stdout.subarray(at, at + 40).toString("latin1"));
    if (head === null) throw new Error("ffmpeg wrote no pictures");
    const [width, height] = [Number(head[1]), Number(head[2])];
    const start = at + head[0].length;
    seen.push({ width, height, luma: stdout.subarray(start, start + width * height) });
    at = start + width * height;
  }
  return seen;
}
