/** For tests: sounds made by the system's ffmpeg, as frames of the gate; a worker's run over them; what came out, decoded by ffmpeg. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAacConfig } from "#media/codecs/aac.ts";
import { parseAc3Frame, parseEac3Frame } from "#media/codecs/ac3.ts";
import { withAdts } from "#media/codecs/adts.ts";
import { parseFlacConfig } from "#media/codecs/flac.ts";
import { parseMp3Frame } from "#media/codecs/mp3.ts";
import { parseOpusConfig } from "#media/codecs/opus.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { AudioConfig } from "#media/track.ts";
import type { SoundRung } from "./rung.ts";
import { soundRateOf } from "./sound-ladder.ts";
import type { RungFrame } from "./transcode-process.ts";
import { WorkerRun } from "./worker-run.ts";

/** Number of the first segment of every clip. */
export const FIRST_SEGMENT = 700;
/** Stream time of every clip's first frame, in seconds. */
const START_SECONDS = 1_800_000_000;

/** A sound as the link gives it. */
export interface SoundClip {
  readonly config: AudioConfig;
  /** Ticks per second of its frames. */
  readonly timescale: number;
  readonly frames: readonly Frame[];
  /** What a player hears of its frames, the first channel, from the first frame's time on. */
  readonly heard: Float32Array;
}

/** What {@link makeSound} is told. */
export interface SoundOptions {
  /** ffmpeg's options of the encoder. */
  readonly encode?: readonly string[];
  /** An expression of `t` and `n` for each channel, as of ffmpeg's `aevalsrc`. */
  readonly wave?: string;
  readonly sampleRate?: number;
  readonly seconds?: number;
  readonly segmentSeconds?: number;
  /** Ticks after a whole second at which it begins. */
  readonly offset?: number;
}

/** Encodes a sound; each `segmentSeconds` a segment begins. */
export function makeSound(options: SoundOptions = {}): SoundClip {
  const { encode = ["-c:a", "aac", "-b:a", "128k"], seconds = 4, segmentSeconds = 1, offset = 0 } = options;
  const { sampleRate = 48_000, wave = "0.4*sin(2*PI*1000*t)|0.4*sin(2*PI*1000*t)" } = options;
  const folder = mkdtempSync(join(tmpdir(), "sound-"));
  try {
    const file = join(folder, "clip.mp4");
    const source = `aevalsrc=${wave.replaceAll(",", "\\,")}:s=${sampleRate}:d=${seconds}`;
    run("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", source, ...encode, "-strict", "-2", file]);
    const packets = packetsOf(file);
    const config = configOf(file, packets);
    const timescale = config.sampleRate;
    let dts = START_SECONDS * timescale + offset;
    const units = packets.map(({ payload, duration }) => {
      dts += duration;
      return { dts: dts - duration, duration, payload };
    });
    return { config, timescale, frames: framesOf(units, segmentSeconds * timescale), heard: decodeFile(file) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Unit {
  readonly dts: number;
  readonly duration: number;
  readonly payload: Uint8Array;
}

/** Frames of segments that last `segmentTicks`. */
export function framesOf(units: readonly Unit[], segmentTicks: number): Frame[] {
  const startDts = units[0]?.dts ?? 0;
  let index = -1;
  let segment = FIRST_SEGMENT;
  return units.map(({ dts, duration, payload }) => {
    const due = FIRST_SEGMENT + Math.floor((dts - startDts) / segmentTicks);
    index = due > segment ? 0 : index + 1;
    segment = due;
    const flags = index === 0 ? FrameFlag.KEY | FrameFlag.CUT | FrameFlag.INDEPENDENT : FrameFlag.KEY;
    return { track: 0, segment, index, dts, ptsOffset: 0, duration, flags, payload };
  });
}

function run(command: string, args: readonly string[], input?: Uint8Array): Buffer {
  const { stdout, stderr, status } = spawnSync(command, args, { input, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command}: ${String(stderr)}`);
  return stdout;
}

interface Packet {
  readonly payload: Uint8Array;
  readonly duration: number;
}

function packetsOf(file: string): Packet[] {
  const bytes = readFileSync(file);
  const entries = ["-v", "error", "-show_entries", "packet=pos,size,duration", "-of", "csv=p=0"];
  const lines = run("ffprobe", [...entries, file])
    .toString()
    .split("\n");
  const packets = lines.map((line) => line.split(",").map(Number)).filter(([, , pos]) => pos !== undefined && pos > 0);
  // What ends within a packet is told as a shorter one, though all of it is decoded.
  const [usual = 1024] = packets[0] ?? [];
  return packets.map(([duration = usual, size = 0, pos = 0], i) => ({
    payload: Uint8Array.from(bytes.subarray(pos, pos + size)),
    duration: i === packets.length - 1 ? usual : duration,
  }));
}

function configOf(file: string, packets: readonly Packet[]): AudioConfig {
  const entries = ["-v", "error", "-show_data", "-show_entries", "stream=codec_name,extradata", "-of", "json"];
  const { streams } = JSON.parse(run("ffprobe", [...entries, file]).toString()) as {
    streams: { codec_name: string; extradata?: string }[];
  };
  const { codec_name: codec = "", extradata = "" } = streams[0] ?? {};
  const dump = extradata.split("\n").flatMap((line) => /^[0-9a-f]+: ((?:[0-9a-f]+ )+)/u.exec(line)?.[1] ?? []);
  const record = Uint8Array.from(Buffer.from(dump.join("").replaceAll(" ", ""), "hex"));
  const first = packets[0]?.payload ?? new Uint8Array(0);
  switch (codec) {
    case "aac":
      return parseAacConfig(record);
    case "opus":
      return parseOpusConfig(record, first);
    case "flac":
      return parseFlacConfig(record);
    case "mp3":
      return parseMp3Frame(first);
    case "ac3":
      return parseAc3Frame(first);
    case "eac3":
      return parseEac3Frame(first);
    default:
      throw new Error(`no way to read ${codec}`);
  }
}

/** Every sample of every frame: neither edit lists nor priming are left out. */
function decodeFile(file: string): Float32Array {
  const input = ["-v", "error", "-flags2", "skip_manual", "-ignore_editlist", "1", "-i", file];
  return samplesOf(run("ffmpeg", [...input, "-af", "pan=mono|c0=c0", "-f", "f32le", "-"]));
}

function samplesOf(bytes: Buffer): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** Decodes frames of a rung from the first on, with whatever flaws they have: the first channel, and what ffmpeg complains about. */
export function decodeRung(config: AudioConfig, frames: readonly RungFrame[]): { heard: Float32Array; errors: string } {
  const input = Buffer.concat(frames.map(({ payload }) => withAdts(config.sampleRate, config.channels, payload)));
  const args = ["-v", "error", "-f", "aac", "-i", "pipe:0", "-af", "pan=mono|c0=c0", "-f", "f32le", "-"];
  const { stdout, stderr } = spawnSync("ffmpeg", args, { input, maxBuffer: 1 << 28 });
  return { heard: samplesOf(stdout), errors: stderr.toString() };
}

/** A rung as the ladder plans it. */
export const SMALL_RUNG: SoundRung = { name: "audio-64k", bitrate: 64_000, channels: 2 };

/** What {@link SoundRun} is told beside the clip. */
export interface SoundRunOptions {
  readonly rungs?: readonly SoundRung[];
  readonly isFromStart?: boolean;
}

/** A run of a worker for sound and all it told. */
export class SoundRun extends WorkerRun<AudioConfig> {
  readonly sampleRate: number;

  constructor(
    { config, timescale }: Omit<SoundClip, "frames" | "heard">,
    { rungs = [SMALL_RUNG], isFromStart = true }: SoundRunOptions = {},
  ) {
    const job = { kind: "audio", source: config, timescale, rungs, isFromStart } as const;
    super(job, (made) => made.kind === "audio");
    this.sampleRate = soundRateOf(timescale);
  }

  /** Decodes all of a rung. */
  decode(rung = 0): { heard: Float32Array; errors: string } {
    const config = this.configs[rung];
    if (config === undefined) throw new Error("the rung has no parameters");
    return decodeRung(config, this.frames[rung] ?? []);
  }
}
