import type { Track, TrackConfig } from "#media/track.ts";
import type { SegmentPlan } from "./segment-rule.ts";

/** What a node that was killed must know to go on with a timeline: written before each cut is announced. */
export interface GateCheckpoint {
  readonly timelineId: string;
  /** When it was written, milliseconds since the Unix epoch. */
  readonly savedWallMs: number;
  /** When the broadcast began, milliseconds since the Unix epoch. */
  readonly startedWallMs: number;
  /** The broadcast is over: only its numbers and its keyframe distances are of use. */
  readonly ended: boolean;
  /** Highest segment number that may have been issued. */
  readonly segment: number;
  /** Stream time of that segment's start, microseconds. */
  readonly cutMicros: number;
  readonly discontinuitySequence: number;
  /** As in the link's hello, and in its newest cut. */
  readonly originMicros: number;
  readonly periodStartMicros: number;
  readonly plan: SegmentPlan;
  readonly partTargetMicros: number;
  readonly windowMicros: number;
  readonly tracks: readonly Track[];
  /** Distances of the last keyframes, microseconds. */
  readonly gops: readonly number[];
}

const VERSION = 2;

function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function bytesOf(hex: unknown): Uint8Array {
  if (typeof hex !== "string" || hex.length % 2 !== 0) throw new TypeError("not hexadecimal");
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** The checkpoint as text. */
export function formatCheckpoint(checkpoint: GateCheckpoint): string {
  const tracks = checkpoint.tracks.map((track) => ({
    ...track,
    config: { ...track.config, record: hexOf(track.config.record) },
  }));
  return JSON.stringify({ version: VERSION, ...checkpoint, tracks });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areNumbers(value: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === "number" && Number.isFinite(value[key]) && value[key] >= 0);
}

/** Numbers that every checkpoint has, none below 0. */
const NUMBERS = [
  "savedWallMs",
  "startedWallMs",
  "segment",
  "cutMicros",
  "discontinuitySequence",
  "originMicros",
  "periodStartMicros",
  "partTargetMicros",
  "windowMicros",
] as const;

function trackOf(value: unknown): Track {
  if (!isObject(value) || !isObject(value["config"])) throw new TypeError("not a track");
  const { config } = value;
  const isVideo = config["kind"] === "video";
  const sizes = isVideo ? ["width", "height"] : ["sampleRate", "channels", "samplesPerFrame"];
  const texts = [value["name"], config["codec"], config["codecs"]];
  if (!areNumbers(value, ["id", "timescale"]) || value["timescale"] === 0 || !areNumbers(config, sizes)) {
    throw new TypeError("a track without its numbers");
  }
  if ((!isVideo && config["kind"] !== "audio") || !texts.every((text) => typeof text === "string")) {
    throw new TypeError("a track without its names");
  }
  if (isVideo && !(isObject(config["pixelAspect"]) && areNumbers(config["pixelAspect"], ["num", "den"]))) {
    throw new TypeError("a picture without its shape");
  }
  // What the gate and the init segment need of it was looked at above.
  return { ...value, config: { ...config, record: bytesOf(config["record"]) } } as unknown as Track;
}

/** Reads {@link formatCheckpoint}'s text; `undefined` for anything that is not one of this version: the broadcast then starts anew. */
export function parseCheckpoint(text: string): GateCheckpoint | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value["version"] !== VERSION || !areNumbers(value, NUMBERS)) return undefined;
    const { timelineId, segment, cutMicros, ended, plan, tracks, gops } = value;
    if (typeof timelineId !== "string" || !/^[0-9a-f]{16}$/.test(timelineId) || typeof ended !== "boolean")
      return undefined;
    if (!Number.isSafeInteger(segment) || !Number.isSafeInteger(cutMicros)) return undefined;
    if (!isObject(plan) || !areNumbers(plan, ["durationMicros", "targetSeconds"]) || plan["targetSeconds"] === 0) {
      return undefined;
    }
    if (!Array.isArray(tracks) || !Array.isArray(gops) || !gops.every((gop) => Number.isFinite(gop))) return undefined;
    // Every field was looked at above.
    return { ...value, tracks: tracks.map(trackOf) } as unknown as GateCheckpoint;
  } catch {
    // Whatever is wrong with it, the answer is the same: there is nothing to go on with.
    return undefined;
  }
}

/** Whether two configurations need the same init segment: then a reconnected encoder goes on without a discontinuity. */
export function sameConfig(a: TrackConfig, b: TrackConfig): boolean {
  if (a.codec !== b.codec || a.codecs !== b.codecs || a.record.byteLength !== b.record.byteLength) return false;
  return sameShape(a, b) && a.record.every((byte, i) => byte === b.record[i]);
}

/** What init segments state beside the record, which does not tell all of it for every codec: VP9's says nothing of the size. */
function sameShape(a: TrackConfig, b: TrackConfig): boolean {
  if (a.kind === "audio") return b.kind === "audio" && a.sampleRate === b.sampleRate && a.channels === b.channels;
  if (b.kind === "audio" || a.width !== b.width || a.height !== b.height) return false;
  if (a.pixelAspect.num !== b.pixelAspect.num || a.pixelAspect.den !== b.pixelAspect.den) return false;
  const [x, y] = [a.colour, b.colour];
  if (x === undefined || y === undefined) return x === y;
  return (
    x.primaries === y.primaries && x.transfer === y.transfer && x.matrix === y.matrix && x.fullRange === y.fullRange
  );
}
