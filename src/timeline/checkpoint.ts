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
  readonly plan: SegmentPlan;
  readonly partTargetMicros: number;
  readonly windowMicros: number;
  readonly tracks: readonly Track[];
  /** Distances of the last keyframes, microseconds. */
  readonly gops: readonly number[];
}

const VERSION = 1;

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

/** Reads {@link formatCheckpoint}'s text; `undefined` for anything that is not one of this version: the broadcast then starts anew. */
export function parseCheckpoint(text: string): GateCheckpoint | undefined {
  try {
    const value = JSON.parse(text) as GateCheckpoint & { version: unknown };
    if (value.version !== VERSION || !Number.isSafeInteger(value.segment) || !Number.isSafeInteger(value.cutMicros))
      return undefined;
    if (!/^[0-9a-f]{16}$/.test(value.timelineId) || !Number.isSafeInteger(value.discontinuitySequence))
      return undefined;
    const tracks = value.tracks.map((track) => ({
      ...track,
      config: { ...track.config, record: bytesOf(track.config.record) } as TrackConfig,
    }));
    return { ...value, tracks };
  } catch {
    // Whatever is wrong with it, the answer is the same: there is nothing to go on with.
    return undefined;
  }
}

/** Whether two configurations need the same init segment: then a reconnected encoder goes on without a discontinuity. */
export function sameConfig(a: TrackConfig, b: TrackConfig): boolean {
  if (a.kind !== b.kind || a.codec !== b.codec || a.codecs !== b.codecs) return false;
  if (a.record.byteLength !== b.record.byteLength) return false;
  return a.record.every((byte, i) => byte === b.record[i]);
}
