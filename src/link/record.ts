import type { Frame } from "#media/frame.ts";
import type { Track } from "#media/track.ts";

/**
 * What flows from the gate to every role behind it: the link's records, in their in-process form.
 *
 *   hello → tracks? → (cut → frame…)* → … → end
 *
 * `hello` is always first and complete: a subscriber needs nothing that was said before it. A `frame` of segment N follows the `cut` of N.
 * Tracks seal on their own: a track's part of segment N is complete when its first frame of a later segment, or `seal`, arrives.
 */
export type LinkRecord =
  | HelloRecord
  | { readonly type: "tracks"; readonly tracks: readonly Track[] }
  | CutRecord
  | { readonly type: "frame"; readonly frame: Frame }
  | SealRecord
  | HeadRecord
  | LinkEventRecord
  | SkipRecord
  | { readonly type: "end"; readonly why: EndReason };

/** Why a broadcast ended. */
export type EndReason = "stopped" | "grace-over" | "removed" | "shutdown";

/** The parameters that are fixed for a whole timeline, and the tracks as they are now. */
export interface HelloRecord {
  readonly type: "hello";
  readonly stream: string;
  /** 16 hexadecimal digits, random, born with the timeline; stands in every media URL. */
  readonly timelineId: string;
  readonly fence: number;
  /** The whole second in or before which the timeline began, stream time in microseconds: where DASH counts from. */
  readonly originMicros: number;
  readonly tracks: readonly Track[];
  /** Nominal segment duration D in microseconds. */
  readonly segmentDurationMicros: number;
  /** `EXT-X-TARGETDURATION` in seconds; never changes within a timeline. */
  readonly targetDurationSeconds: number;
  /** Part target in microseconds; 0 where the stream has no parts. */
  readonly partTargetMicros: number;
  /** How much of the past a player can go back, in microseconds (the live window). */
  readonly windowMicros: number;
}

/** A new segment begins in the broadcast at stream time `startMicros`. */
export interface CutRecord {
  readonly type: "cut";
  readonly segment: number;
  readonly startMicros: number;
  /** Discontinuities of the timeline before this segment's first frame, counted by the router, the same in every track. */
  readonly discontinuitySequence: number;
  /** Stream time at which the first segment after the last discontinuity began, or the timeline, microseconds: the start of its DASH Period. */
  readonly periodStartMicros: number;
  /** Whether this segment starts with a discontinuity. */
  readonly discontinuity: boolean;
}

/** A track's share of a segment is complete: exactly `frameCount` frames. Sent for each track and segment, before any later frame of the track. */
export interface SealRecord {
  readonly type: "seal";
  readonly track: number;
  readonly segment: number;
  readonly frameCount: number;
}

/** Each 250 ms while the broadcast is on: proof that the upstream lives. */
export interface HeadRecord {
  readonly type: "head";
  /** Milliseconds since the last frame came in from the encoder. */
  readonly inputAgeMs: number;
}

/** Timed metadata or a state change that the audience may see. */
export interface LinkEventRecord {
  readonly type: "event";
  readonly name: "silent" | "resumed" | "metadata";
  /** Stream time it belongs to, microseconds. */
  readonly atMicros: number;
  readonly data?: Readonly<Record<string, string | number | boolean>>;
}

/** This subscriber was too slow and lost whole GOPs: frames of `track` from (fromSegment, fromIndex) up to, not including, the next frame sent. */
export interface SkipRecord {
  readonly type: "skip";
  readonly track: number;
  readonly fromSegment: number;
  readonly fromIndex: number;
  readonly why: "lagged";
}
