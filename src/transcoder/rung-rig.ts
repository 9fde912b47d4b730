/** For tests: what a rung's frames look like, decoded by the system's ffmpeg. */
import { spawnSync } from "node:child_process";
import { readAvcRecord } from "#media/codecs/avc.ts";
import { readHevcRecord } from "#media/codecs/hevc.ts";
import { splitLengthPrefixed } from "#media/codecs/nal.ts";
import type { VideoConfig } from "#media/track.ts";

const START_CODE = Uint8Array.of(0, 0, 0, 1);
/** AV1 specification §5.6: what begins each picture of a stream of open bitstream units. */
const TEMPORAL_DELIMITER = Uint8Array.of(0x12, 0);

/** Samples in a row, as decoders without containers take them. */
export interface ElementaryStream {
  /** ffmpeg's name of the form. */
  readonly format: string;
  readonly bytes: Uint8Array;
}

/** Writes samples with their parameter sets before them. */
export function streamOf({ codec, record }: VideoConfig, payloads: readonly Uint8Array[]): ElementaryStream {
  if (codec === "av1")
    return { format: "obu", bytes: Buffer.concat(payloads.flatMap((payload) => [TEMPORAL_DELIMITER, payload])) };
  const { vps, sps, pps } = codec === "hevc" ? readHevcRecord(record) : { vps: [], ...readAvcRecord(record) };
  const units = [...vps, ...sps, ...pps, ...payloads.flatMap((payload) => splitLengthPrefixed(payload))];
  return {
    format: codec === "hevc" ? "hevc" : "h264",
    bytes: Buffer.concat(units.flatMap((unit) => [START_CODE, unit])),
  };
}

function decode(config: VideoConfig, payloads: readonly Uint8Array[], output: readonly string[]): [string, Buffer] {
  const { format, bytes } = streamOf(config, payloads);
  const args = ["-v", "error", "-f", format, "-i", "pipe:0", "-fps_mode", "passthrough", ...output, "-"];
  const { stdout, stderr } = spawnSync("ffmpeg", args, { input: bytes, maxBuffer: 1 << 28 });
  return [stderr.toString(), stdout];
}

/** Decodes samples: what ffmpeg complains about, and the hashes of the pictures it gave. */
export function hashesOf(config: VideoConfig, payloads: readonly Uint8Array[]): { errors: string; pictures: string[] } {
  const [errors, text] = decode(config, payloads, ["-f", "framemd5"]);
  const lines = text.toString().split("\n");
  const pictures = lines.filter((line) => line !== "" && !line.startsWith("#"));
  return { errors, pictures: pictures.map((line) => line.split(",").at(-1)?.trim() ?? "") };
}

/** Decodes samples: what ffmpeg complains about, and the luma samples of each picture. */
export function lumaOf(config: VideoConfig, payloads: readonly Uint8Array[]): { errors: string; luma: Uint8Array[] } {
  const [errors, raw] = decode(config, payloads, ["-f", "rawvideo", "-pix_fmt", "yuv420p"]);
  const lumaBytes = config.width * config.height;
  const pictureBytes = (lumaBytes * 3) / 2;
  const luma: Uint8Array[] = [];
  for (let at = 0; at + pictureBytes <= raw.length; at += pictureBytes) luma.push(raw.subarray(at, at + lumaBytes));
  return { errors, luma };
}

/** Peak signal-to-noise ratio of two pictures of 8 bits, decibels; 100 for equal ones. */
export function psnrOf(a: Uint8Array, b: Uint8Array): number {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return squares === 0 ? 100 : Math.min(100, 10 * Math.log10((255 * 255 * a.length) / squares));
}
