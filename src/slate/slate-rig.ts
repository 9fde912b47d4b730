/** For tests: requests, and what slates look and sound like to the system's ffmpeg. */
import { spawnSync } from "node:child_process";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { avcConfigOf, readAvcRecord } from "#media/codecs/avc.ts";
import { readHevcRecord } from "#media/codecs/hevc.ts";
import { joinLengthPrefixed, splitAnnexB, splitLengthPrefixed } from "#media/codecs/nal.ts";
import type { Slate, SlateRequest } from "#media/slate.ts";
import type { AudioConfig, VideoCodec, VideoConfig } from "#media/track.ts";

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

/** FLV with the slate's AAC, `repeats` times its frames (FLV 10.1 §E.4). */
function flvOf({ record }: AudioConfig, frames: readonly Uint8Array[], repeats: number): Buffer {
  const head = Uint8Array.of(0x46, 0x4c, 0x56, 1, 4, 0, 0, 0, 9, 0, 0, 0, 0);
  const tag = (payload: Uint8Array, kind: number, timeMs: number): Uint8Array[] => {
    const size = payload.byteLength + 2;
    const bytes = (value: number): number[] => [(value >> 16) & 255, (value >> 8) & 255, value & 255];
    const tagHead = Uint8Array.from([8, ...bytes(size), ...bytes(timeMs), 0, 0, 0, 0, 0xaf, kind]);
    return [tagHead, payload, Uint8Array.from([0, ...bytes(size + 11)])];
  };
  const all = Array.from({ length: repeats }, () => frames).flat();
  return Buffer.concat([head, ...tag(record, 0, 0), ...all.flatMap((frame, i) => tag(frame, 1, i * 20))]);
}

/** The first channel of a slate's sound as ffmpeg hears it, -1 to 1, its frames `repeats` times; it throws at the first word of complaint. */
export function listenTo(sound: NonNullable<Slate["sound"]>, repeats: number): Float32Array {
  const { config, frames } = sound;
  const plain = Buffer.concat(Array.from({ length: repeats }, () => frames).flat());
  const marked = Buffer.concat([Buffer.from("fLaC\x80\0\0\x22", "latin1"), config.record.subarray(8), plain]);
  const { format, input } =
    config.codec === "aac"
      ? { format: "flv", input: flvOf(config, frames, repeats) }
      : { format: config.codec, input: config.codec === "flac" ? marked : plain };
  const args = ["-v", "error", "-f", format, "-i", "pipe:0", "-map_channel", "0.0.0", "-f", "f32le", "pipe:1"];
  const { stdout, stderr, status } = spawnSync("ffmpeg", args, { input, maxBuffer: 1 << 28 });
  const words = stderr.toString().replaceAll(/.*map_channel.*\n/g, "");
  if (status !== 0 || words !== "") throw new Error(`ffmpeg: ${words}`);
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.byteLength & ~3)));
}

/** Has ffmpeg write a file, or its standard output when the last argument is `pipe:1`. */
export function ffmpeg(...args: readonly string[]): Buffer {
  const { stdout, stderr, status } = spawnSync("ffmpeg", ["-v", "error", "-y", ...args], { maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  return stdout;
}

/** A keyframe of H.264 in one colour, as the gate gives it. */
export function keyframeOf(colour: string, size: string): NonNullable<SlateRequest["background"]> {
  const source = `color=${colour}:size=${size}:rate=1`;
  const stream = ffmpeg("-f", "lavfi", "-i", source, "-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "h264", "pipe:1");
  const units = splitAnnexB(new Uint8Array(stream));
  const ofType = (type: number): Uint8Array[] => units.filter((unit) => ((unit[0] ?? 0) & 0x1f) === type);
  const config = avcConfigOf({ sps: ofType(7), pps: ofType(8), spsExt: [] });
  return { config, payload: joinLengthPrefixed(ofType(5)) };
}
