/**
 * Where segments begin. The first track with picture decides (the first with sound when there is no picture):
 *
 *   a keyframe at least D after the last cut                         ─▶ cut
 *   a keyframe earlier, but the next one would come too late         ─▶ cut
 *   any frame a second after a broadcast began at once               ─▶ cut: players that want a whole segment first begin sooner
 *   any frame that would take the segment past what TARGETDURATION allows ─▶ cut, and the segment is not independent
 *
 * D and the target duration are fixed for a timeline, as HLS demands (RFC 8216bis "EXT-X-TARGETDURATION").
 */
import { MICROS_PER_SECOND } from "#time/ticks.ts";

/** How much a segment may exceed its nominal duration, microseconds. */
const GRACE_MICROS = 400_000;
/** How much a segment of the leading track may exceed its target duration, microseconds: with a frame of sound more, `EXTINF` still rounds down. */
const EXCESS_MICROS = 350_000;
/** Longest gap that a frame is stretched over, microseconds; a longer one shows the last keyframe until the next. */
const GAP_MICROS_MAX = 1_000_000;
/** Shortest such bound where frames themselves are long, microseconds. */
const GAP_MICROS_MAX_LEAST = 100_000;
/** What rounding leaves of half a second, microseconds. */
const HALF_SECOND_MICROS = 480_000;
/** Largest early arrival of a keyframe that still cuts, microseconds. */
const TOLERANCE_MICROS = 20_000;
/** Cuts that the rule asks for are at least this far apart, microseconds: numbers then never outrun the seconds. */
const CUT_DISTANCE_MICROS_MIN: number = MICROS_PER_SECOND;
/** Longest target duration an encoder's keyframes can lead to, seconds. */
const TARGET_SECONDS_MAX = 10;
/** Distances of keyframes that make segments of whole GOPs, microseconds. */
const REGULAR_GOP_MICROS_MIN = 500_000;
/** Longest such distance, microseconds: longer ones make a segment each. */
const REGULAR_GOP_MICROS_MAX = 4_000_000;
/** How equal distances must be to be called regular. */
const REGULAR_SHARE = 0.02;
/** Keyframe distances remembered. */
const REMEMBERED_GOPS = 8;

/** Segment length of a timeline. */
export interface SegmentPlan {
  /** Nominal duration D, microseconds. */
  readonly durationMicros: number;
  /** `EXT-X-TARGETDURATION`, seconds. */
  readonly targetSeconds: number;
}

/**
 * Chooses the plan from what is wanted and what the stream's keyframes were like last time (distances in microseconds; none when unknown).
 * Regular ones of 0.5 to 4 s give segments of whole GOPs; longer or irregular ones a target that holds a GOP and a quarter, at most 10 s.
 */
export function planSegments(wantedMicros: number, gops: readonly number[]): SegmentPlan {
  const longest = Math.max(0, ...gops);
  const shortest = Math.min(longest, ...gops);
  const regular = longest > 0 && longest - shortest <= longest * REGULAR_SHARE;
  let durationMicros = wantedMicros;
  if (regular && longest >= REGULAR_GOP_MICROS_MIN && longest <= REGULAR_GOP_MICROS_MAX) {
    durationMicros = longest * Math.max(1, Math.round(wantedMicros / longest));
    durationMicros = Math.max(durationMicros, Math.ceil(CUT_DISTANCE_MICROS_MIN / longest) * longest);
  }
  const planned = Math.round((durationMicros + GRACE_MICROS) / MICROS_PER_SECOND);
  const held = longest > durationMicros ? Math.ceil((1.25 * longest) / MICROS_PER_SECOND) : 0;
  return { durationMicros, targetSeconds: Math.max(planned, 1, Math.min(TARGET_SECONDS_MAX, held)) };
}

/** Distances between keyframes, as far as they are remembered. */
export class GopMeter {
  readonly distances: number[] = [];
  #last: number | undefined;

  /** A keyframe at stream time `micros`. */
  keyframe(micros: number): void {
    if (this.#last !== undefined && micros > this.#last) {
      this.distances.push(micros - this.#last);
      if (this.distances.length > REMEMBERED_GOPS) this.distances.shift();
    }
    this.#last = micros;
  }

  /** The next distance is not one of the encoder: it reconnected, or we filled in. */
  interrupt(): void {
    this.#last = undefined;
  }

  /** Likely distance to the next keyframe; `undefined` before two came. */
  get expectedMicros(): number | undefined {
    return this.distances.at(-1);
  }
}

/** Longest share of a segment that the leading track may have, microseconds. */
export function segmentMicrosMax(plan: SegmentPlan): number {
  return plan.targetSeconds * MICROS_PER_SECOND + EXCESS_MICROS;
}

/**
 * Longest gap before a frame of `frameMicros` that the frame is stretched over, microseconds. Together with a segment that is too young to be cut
 * it must not exceed the target duration.
 */
export function gapMicrosMax(plan: SegmentPlan, frameMicros: number): number {
  const room = plan.targetSeconds * MICROS_PER_SECOND + HALF_SECOND_MICROS - CUT_DISTANCE_MICROS_MIN - frameMicros;
  return Math.max(GAP_MICROS_MAX_LEAST, Math.min(GAP_MICROS_MAX, room));
}

/** What the rule says of a frame of the leading track. */
export type CutDecision = "none" | "independent" | "dependent";

/** Decides whether a frame begins a segment. `sinceCutMicros`: its start after the last cut. */
export function decideCut(options: {
  readonly plan: SegmentPlan;
  readonly keyframe: boolean;
  readonly sinceCutMicros: number;
  /** The segment is the first of a broadcast and ends as soon as it may. */
  readonly endsEarly: boolean;
  readonly frameMicros: number;
  readonly nextKeyframeMicros: number | undefined;
}): CutDecision {
  const { plan, keyframe, sinceCutMicros, endsEarly, frameMicros, nextKeyframeMicros } = options;
  if (sinceCutMicros < CUT_DISTANCE_MICROS_MIN) return "none";
  if (endsEarly) return keyframe ? "independent" : "dependent";
  const limit = segmentMicrosMax(plan);
  if (keyframe) {
    if (sinceCutMicros >= plan.durationMicros - TOLERANCE_MICROS) return "independent";
    if (nextKeyframeMicros !== undefined && sinceCutMicros + nextKeyframeMicros > limit) return "independent";
  }
  if (sinceCutMicros + frameMicros <= limit) return "none";
  return keyframe ? "independent" : "dependent";
}
