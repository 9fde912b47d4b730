/** For tests: one keyframe of a plain colour or a test picture, made by the system's ffmpeg, as the gate would give it. */
import { spawnSync } from "node:child_process";
import { av1ConfigOf, splitObus, withoutTransportObus } from "#media/codecs/av1.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { parseHevcConfig } from "#media/codecs/hevc.ts";
import { joinLengthPrefixed, splitAnnexB } from "#media/codecs/nal.ts";
import type { VideoCodec, VideoConfig } from "#media/track.ts";

/** A keyframe and what a decoder must know. */
export interface CodedKeyframe {
  readonly config: VideoConfig;
  readonly payload: Uint8Array;
}

const FORMS: Readonly<
  Record<VideoCodec, { readonly args: readonly string[]; parse(bytes: Buffer, size: string): CodedKeyframe[] }>
> = {
  avc: { args: ["-c:v", "libx264", "-f", "flv"], parse: parseFlv },
  hevc: { args: ["-c:v", "libx265", "-x265-params", "log-level=none", "-f", "hevc"], parse: parseHevc },
  av1: { args: ["-c:v", "libsvtav1", "-f", "ivf"], parse: parseAv1 },
  vp9: { args: ["-c:v", "libvpx-vp9", "-f", "ivf"], parse: parseVp9 },
};

/** What to encode. */
interface CodedOptions {
  readonly size?: string;
  readonly source?: string;
  readonly args?: readonly string[];
  /** Pictures to encode; H.264 alone gives keyframes beyond the first. */
  readonly frames?: number;
}

/** Encodes one picture. `source` is a lavfi source with its options, without the size. */
export function makeKeyframe(codec: VideoCodec, options: CodedOptions = {}): CodedKeyframe {
  const [first] = makeKeyframes(codec, options);
  if (first === undefined) throw new Error("ffmpeg wrote no picture");
  return first;
}

/** Encodes pictures and gives those of them that the encoder calls keyframes. */
export function makeKeyframes(
  codec: VideoCodec,
  { size = "1280x720", source = "testsrc2=", args = [], frames = 1 }: CodedOptions = {},
): CodedKeyframe[] {
  const form = FORMS[codec];
  const input = ["-v", "error", "-f", "lavfi", "-i", `${source}size=${size}:rate=25`, "-frames:v", String(frames)];
  const all = [...input, "-pix_fmt", "yuv420p", ...form.args.slice(0, -2), ...args, ...form.args.slice(-2), "pipe:1"];
  const { stdout, stderr, status } = spawnSync("ffmpeg", all, {
    maxBuffer: 1 << 26,
    env: { ...process.env, SVT_LOG: "1" },
  });
  if (status !== 0) throw new Error(`ffmpeg: ${String(stderr)}`);
  return form.parse(stdout, size);
}

/** FLV 10.1 §E.4. */
function parseFlv(flv: Buffer): CodedKeyframe[] {
  const found: CodedKeyframe[] = [];
  let config: VideoConfig | undefined;
  for (let at = 13; at + 11 < flv.length; ) {
    const size = flv.readUIntBE(at + 1, 3);
    const body = flv.subarray(at + 11, at + 11 + size);
    const payload = Uint8Array.from(body.subarray(5));
    if (flv[at] === 9 && body[1] === 0) config = parseAvcConfig(payload);
    const isKey = flv[at] === 9 && body[1] === 1 && (body[0] ?? 0) >> 4 === 1;
    if (isKey && config !== undefined) found.push({ config, payload });
    at += 11 + size + 4;
  }
  return found;
}

function parseHevc(stream: Buffer): CodedKeyframe[] {
  const slices = splitAnnexB(stream).filter((unit) => (((unit[0] ?? 0) >> 1) & 0x3f) < 32);
  return [{ config: parseHevcConfig(Uint8Array.from(stream)), payload: joinLengthPrefixed(slices) }];
}

/** The first frame of an IVF file, behind a header of 32 bytes, its size and its time. */
function firstOfIvf(ivf: Buffer): Uint8Array {
  return Uint8Array.from(ivf.subarray(44, 44 + ivf.readUInt32LE(32)));
}

function parseAv1(ivf: Buffer): CodedKeyframe[] {
  const payload = withoutTransportObus(firstOfIvf(ivf));
  const config = splitObus(payload)[0]?.type === 1 ? av1ConfigOf(payload) : undefined;
  if (config === undefined) throw new Error("ffmpeg wrote no sequence header");
  return [{ config, payload }];
}

function parseVp9(ivf: Buffer, size: string): CodedKeyframe[] {
  const [width = 0, height = 0] = size.split("x").map(Number);
  const config: VideoConfig = {
    kind: "video",
    codec: "vp9",
    record: new Uint8Array(0),
    width,
    height,
    pixelAspect: { num: 1, den: 1 },
    codecs: "vp09.00.31.08",
  };
  return [{ config, payload: firstOfIvf(ivf) }];
}
