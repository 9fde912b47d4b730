import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { AudioConfig, VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/*
 * Encoders for tests of the gate: frames with stamps as RTMP carries them, arriving when a network would deliver them. Tests only.
 */

/** Pictures a second that encoders send. */
export const RATES = [
  { num: 24000, den: 1001 },
  { num: 24, den: 1 },
  { num: 25, den: 1 },
  { num: 30000, den: 1001 },
  { num: 30, den: 1 },
  { num: 50, den: 1 },
  { num: 60000, den: 1001 },
  { num: 60, den: 1 },
] as const;

/** Whole numbers from a seed (mulberry32): the same ones on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What an encoder does to its stamps at some point of its time, in seconds since its start. */
export interface Fault {
  readonly kind: "corrupt" | "jump" | "hole" | "stall";
  readonly atSeconds: number;
  /** Milliseconds: the wrong stamp's distance, the jump, the time without frames, the time the network delivers nothing. */
  readonly ms: number;
  /** The only track that has a hole; all where absent. */
  readonly track?: RawTrack;
  /** Sound jumps so much later than picture, milliseconds; earlier where negative. */
  readonly soundLaterMs?: number;
}

/** An encoder session to simulate. */
export interface EncoderOptions {
  readonly seconds: number;
  readonly video?: {
    readonly rate: Rational;
    readonly gopFrames: number;
    /** Keyframes at random distances up to `gopFrames`. */
    readonly irregular?: boolean;
    /** B-frames in a row; a keyframe is shown so many frames after it is decoded. Groups are closed. */
    readonly bFrames?: number;
    /** The middle one of more than two B-frames is decoded first. */
    readonly pyramid?: boolean;
    /** Random frame distances of 0.5 to 1.5 of the nominal one. */
    readonly variable?: boolean;
    readonly claimsRate?: boolean;
    readonly config?: VideoConfig;
  };
  readonly audio?: {
    readonly sampleRate: number;
    /** Sound starts that much later. */
    readonly lateSeconds?: number;
    /** Sound stops then. */
    readonly untilSeconds?: number;
    readonly config?: AudioConfig;
  };
  /** Stamp of the first frame, milliseconds; anything of 32 bits. */
  readonly startStamp?: number;
  /** Sound arrives that much later than picture of the same time (earlier when negative), milliseconds. */
  readonly skewMs?: number;
  readonly jitterMs?: number;
  readonly faults?: readonly Fault[];
  readonly seed?: number;
}

/** A frame on the wire, with what the encoder really meant. */
export interface SimulatedFrame {
  readonly raw: RawFrame;
  readonly arrivalMs: number;
  readonly id: number;
  /** True presentation time since the encoder's start, milliseconds. */
  readonly presentedMs: number;
}

/** The default picture track. */
export const VIDEO: RawTrack = { kind: "video", number: 0 };
/** The default sound track. */
export const AUDIO: RawTrack = { kind: "audio", number: 0 };

/** An AVC configuration for the gate, which never looks inside. */
export function videoConfig(options: { frameRate?: Rational; profile?: number } = {}): VideoConfig {
  return {
    kind: "video",
    codec: "avc",
    record: Uint8Array.of(1, options.profile ?? 100, 0, 31),
    width: 1280,
    height: 720,
    pixelAspect: { num: 1, den: 1 },
    ...(options.frameRate === undefined ? {} : { frameRate: options.frameRate }),
    codecs: "avc1.64001f",
  };
}

/** AAC-LC stereo. */
export function audioConfig(sampleRate = 48_000): AudioConfig {
  const index = sampleRate === 48_000 ? 3 : 4;
  return {
    kind: "audio",
    codec: "aac",
    record: Uint8Array.of((2 << 3) | (index >> 1), ((index & 1) << 7) | (2 << 3)),
    sampleRate,
    channels: 2,
    samplesPerFrame: 1024,
    codecs: "mp4a.40.2",
  };
}

let nextId = 1;

function payloadOf(id: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, id);
  bytes[4] = 0xee;
  return bytes;
}

/** Number of the frame that a payload was made for; `undefined` for one that the gate made. */
export function idOf(payload: Uint8Array): number | undefined {
  if (payload.byteLength !== 8 || payload[4] !== 0xee) return undefined;
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

interface Timed {
  readonly track: RawTrack;
  readonly decodeMs: number;
  readonly offsetMs: number;
  readonly keyframe: boolean;
}

/** Display positions in the order of decoding, `count` pictures between two keyframes: I P B B P B B …, the last group as long as is left. */
function displayOrder(count: number, bFrames: number, pyramid: boolean): number[] {
  const order = [0];
  for (let from = 1; from < count; from += bFrames + 1) {
    const last = Math.min(count - 1, from + bFrames);
    const between = Array.from({ length: last - from }, (_, i) => from + i);
    const [middle] = pyramid && between.length > 2 ? between.splice(between.length >> 1, 1) : [];
    order.push(last, ...(middle === undefined ? [] : [middle]), ...between);
  }
  return order;
}

function pictures(options: EncoderOptions, random: () => number): Timed[] {
  const { video, seconds } = options;
  if (video === undefined) return [];
  const frameMs = (1000 * video.rate.den) / video.rate.num;
  const { bFrames = 0, pyramid = false } = video;
  const delayMs = bFrames * frameMs;
  const frames: Timed[] = [];
  const times: number[] = [];
  for (let n = 0, at = 0; at < seconds * 1000; n++) {
    times.push(at);
    at = video.variable === true ? at + frameMs * (0.5 + random()) : (n + 1) * frameMs;
  }
  for (let first = 0; first < times.length; ) {
    const wanted = video.irregular === true ? 1 + Math.floor(random() * video.gopFrames) : video.gopFrames;
    const count = Math.min(wanted, times.length - first);
    for (const [n, shown] of displayOrder(count, bFrames, pyramid).entries()) {
      const decodeMs = times[first + n] ?? 0;
      const offsetMs = (times[first + shown] ?? 0) + delayMs - decodeMs;
      frames.push({ track: VIDEO, decodeMs, offsetMs, keyframe: n === 0 });
    }
    first += count;
  }
  return frames;
}

function sounds(options: EncoderOptions): Timed[] {
  const { audio, seconds } = options;
  if (audio === undefined) return [];
  const frames: Timed[] = [];
  const until = Math.min(seconds, audio.untilSeconds ?? seconds) * 1000;
  for (let n = 0; ; n++) {
    const at = (n * 1024 * 1000) / audio.sampleRate + (audio.lateSeconds ?? 0) * 1000;
    if (at >= until) return frames;
    frames.push({ track: AUDIO, decodeMs: at, offsetMs: 0, keyframe: true });
  }
}

/** Every frame of a session in the order of arrival; `startMs` is when its first frame is sent. */
export function encode(options: EncoderOptions, startMs: number): SimulatedFrame[] {
  const random = randomFrom(options.seed ?? 1);
  const { faults = [], startStamp = 0, jitterMs = 2, skewMs = 0 } = options;
  const timed = [...pictures(options, random), ...sounds(options)].filter(({ track, decodeMs }) =>
    faults.every(
      (fault) =>
        fault.kind !== "hole" ||
        (fault.track !== undefined && fault.track !== track) ||
        decodeMs < fault.atSeconds * 1000 ||
        decodeMs >= fault.atSeconds * 1000 + fault.ms,
    ),
  );
  const corrupted = new Set<Fault>();
  const frames = timed
    .sort((a, b) => a.decodeMs - b.decodeMs)
    .map((frame) => {
      const { track, decodeMs, offsetMs, keyframe } = frame;
      let stamp = startStamp + Math.floor(decodeMs);
      let sentMs = decodeMs + (track.kind === "audio" ? skewMs : 0) + random() * jitterMs;
      for (const fault of faults) {
        const at = fault.atSeconds * 1000;
        const jumpMs = at + (track.kind === "audio" ? (fault.soundLaterMs ?? 0) : 0);
        if (fault.kind === "jump" && decodeMs >= jumpMs) stamp += fault.ms;
        if (fault.kind === "corrupt" && decodeMs >= at && !corrupted.has(fault) && !keyframe) {
          corrupted.add(fault);
          stamp += fault.ms;
        }
        if (fault.kind === "stall" && sentMs >= at && sentMs < at + fault.ms) sentMs = at + fault.ms;
      }
      const ptsOffset = Math.floor(decodeMs + offsetMs) - Math.floor(decodeMs);
      const id = nextId++;
      const raw: RawFrame = { track, dts: stamp >>> 0, ptsOffset, keyframe, payload: payloadOf(id) };
      return { raw, arrivalMs: startMs + Math.max(0, sentMs), id, presentedMs: decodeMs + offsetMs };
    });
  // A connection keeps the order of what was sent, each track's at least.
  const reached = new Map<RawTrack, number>();
  return frames
    .map((frame) => {
      const arrivalMs = Math.max(frame.arrivalMs, reached.get(frame.raw.track) ?? 0);
      reached.set(frame.raw.track, arrivalMs);
      return { ...frame, arrivalMs };
    })
    .sort((a, b) => a.arrivalMs - b.arrivalMs);
}
