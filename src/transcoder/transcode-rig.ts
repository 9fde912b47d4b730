/** For tests: clips made by the system's ffmpeg, as frames of the gate; a worker's run over them; what came out, decoded by ffmpeg. */
import { spawnSync } from "node:child_process";
import { av1ConfigOf, splitObus, withoutTransportObus } from "#media/codecs/av1.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { parseHevcConfig } from "#media/codecs/hevc.ts";
import { joinLengthPrefixed, splitAnnexB } from "#media/codecs/nal.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { VIDEO_TIMESCALE, type VideoConfig } from "#media/track.ts";
import type { Clock } from "#time/clock.ts";
import { systemClock } from "#time/system-clock.ts";
import type { Encoding, Rung } from "./rung.ts";
import { hashesOf } from "./rung-rig.ts";
import { WorkerRun } from "./worker-run.ts";

/** A source as the link gives it. */
export interface Clip {
  readonly config: VideoConfig;
  readonly fps: number;
  readonly frames: readonly Frame[];
}

/** What {@link makeClip} is told. */
export interface ClipOptions {
  readonly fps?: number;
  readonly seconds?: number;
  readonly size?: string;
  /** ffmpeg's options of the encoder; H.264 without B-frames, a keyframe each second, where left out. */
  readonly encode?: readonly string[];
}

/** Number of the first segment of every clip. */
export const FIRST_SEGMENT = 700;
const START_TICKS = 1_800_000_000 * VIDEO_TIMESCALE;

/** Encoder options of an H.264 clip with so many frames from keyframe to keyframe; `more` are options of x264's own. */
export function x264(gopFrames: number, bframes = 0, more = "open-gop=0"): string[] {
  const params = `keyint=${gopFrames}:min-keyint=${gopFrames}:scenecut=0:bframes=${bframes}:b-adapt=0:${more}`;
  return ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", params];
}

/** Encodes a test picture; each keyframe begins a segment. */
export function makeClip({ fps = 30, seconds = 4, size = "640x360", encode = x264(fps) }: ClipOptions = {}): Clip {
  const picture = `testsrc2=size=${size}:rate=${fps}:duration=${seconds}`;
  const form = FORMATS[encode[1] ?? ""];
  if (form === undefined) throw new Error(`no way to read what ${encode[1]} makes`);
  const input = ["-v", "error", "-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p"];
  const args = [...input, ...encode, "-f", form.format, "pipe:1"];
  const { stdout, stderr, status } = spawnSync("ffmpeg", args, { maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`ffmpeg: ${String(stderr)}`);
  const { config, pictures } = form.parse(stdout, fps);
  return { config, fps, frames: framesOf(pictures, fps) };
}

interface CodedPicture {
  readonly keyframe: boolean;
  /** Presentation minus decode time in pictures. */
  readonly offset: number;
  readonly payload: Uint8Array;
}

interface CodedClip {
  readonly config: VideoConfig;
  readonly pictures: readonly CodedPicture[];
}

/** Where ffmpeg writes each codec in a form that is read in a few lines. */
const FORMATS: Readonly<Record<string, { format: string; parse: (bytes: Buffer, fps: number) => CodedClip }>> = {
  libx264: { format: "flv", parse: parseFlv },
  libx265: { format: "hevc", parse: parseHevc },
  libsvtav1: { format: "ivf", parse: parseIvf },
};

/** FLV 10.1 §E.4. */
function parseFlv(flv: Buffer, fps: number): CodedClip {
  const pictures: CodedPicture[] = [];
  let config: VideoConfig | undefined;
  for (let at = 13; at + 11 < flv.length; ) {
    const size = flv.readUIntBE(at + 1, 3);
    const body = flv.subarray(at + 11, at + 11 + size);
    const isVideo = flv[at] === 9;
    at += 11 + size + 4;
    if (!isVideo) continue;
    const payload = Uint8Array.from(body.subarray(5));
    if (body[1] === 0) config = parseAvcConfig(payload);
    if (body[1] !== 1) continue;
    const offset = Math.round((body.readIntBE(2, 3) * fps) / 1000);
    pictures.push({ keyframe: (body[0] ?? 0) >> 4 === 1, offset, payload });
  }
  if (config === undefined) throw new Error("ffmpeg wrote no decoder configuration");
  return { config, pictures };
}

/** Annex B with a delimiter before each picture, shown as they are decoded. */
function parseHevc(stream: Buffer): CodedClip {
  const config = parseHevcConfig(Uint8Array.from(stream.subarray(0, 4096)));
  const pictures: Uint8Array[][] = [];
  for (const unit of splitAnnexB(stream)) {
    const type = ((unit[0] ?? 0) >> 1) & 0x3f;
    if (type === 35) pictures.push([]);
    else if (type < 32) pictures.at(-1)?.push(unit);
  }
  return {
    config,
    pictures: pictures.map((units) => {
      const type = ((units[0]?.[0] ?? 0) >> 1) & 0x3f;
      return { keyframe: type >= 16 && type <= 21, offset: 0, payload: joinLengthPrefixed(units) };
    }),
  };
}

/** IVF: a header of 32 bytes, then each temporal unit behind its size and time; those with a sequence header are keyframes. */
function parseIvf(ivf: Buffer): CodedClip {
  const pictures: CodedPicture[] = [];
  let config: VideoConfig | undefined;
  for (let at = 32; at + 12 <= ivf.length; ) {
    const size = ivf.readUInt32LE(at);
    const payload = withoutTransportObus(Uint8Array.from(ivf.subarray(at + 12, at + 12 + size)));
    at += 12 + size;
    const keyframe = splitObus(payload)[0]?.type === 1;
    if (keyframe) config ??= av1ConfigOf(payload);
    pictures.push({ keyframe, offset: 0, payload });
  }
  if (config === undefined) throw new Error("ffmpeg wrote no sequence header");
  return { config, pictures };
}

function framesOf(pictures: readonly CodedPicture[], fps: number): Frame[] {
  const ticks = VIDEO_TIMESCALE / fps;
  let segment = FIRST_SEGMENT - 1;
  let index = 0;
  return pictures.map(({ keyframe, offset, payload }, i) => {
    index = keyframe ? 0 : index + 1;
    if (keyframe) segment++;
    const flags = keyframe ? FrameFlag.KEY | FrameFlag.CUT | FrameFlag.INDEPENDENT : 0;
    const dts = START_TICKS + i * ticks;
    return { track: 1, segment, index, dts, ptsOffset: offset * ticks, duration: ticks, flags, payload };
  });
}

/** A rung for tests. */
export function rungOf(width: number, height: number, bitrate: number, frameRateDivisor: 1 | 2 = 1): Rung {
  return { name: `${height}p`, width, height, frameRateDivisor, bitrate };
}

/** Waits half as long as it is told. */
export const HURRIED_CLOCK: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 2, signal) };

/** A run of a worker for pictures and all it told. */
export class Run extends WorkerRun<VideoConfig> {
  readonly rungs: readonly Rung[];

  constructor({ config, fps }: Clip, rungs: readonly Rung[], clock: Clock = systemClock, own: Partial<Encoding> = {}) {
    const encoding = { profile: "realtime", coding: "identical", hardware: "none", ...own } as const;
    const job = { kind: "video", source: config, frameRate: { num: fps, den: 1 }, rungs, encoding } as const;
    super(job, (made) => made.kind === "video", clock);
    this.rungs = rungs;
  }

  /** Decodes a rung with ffmpeg: what it complains about, and the hashes of the pictures it gave. */
  decode(rung: number): { errors: string; pictures: string[] } {
    const config = this.configs[rung];
    const payloads = (this.frames[rung] ?? []).map(({ payload }) => payload);
    return config === undefined ? { errors: "no configuration", pictures: [] } : hashesOf(config, payloads);
  }
}
