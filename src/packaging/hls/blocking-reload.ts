import type { WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import type { SkipRequest } from "./media-playlist.ts";

/** The delivery directives of a playlist request, as read from its query. RFC 8216bis §6.2.5. */
export interface ReloadDirectives {
  /** `_HLS_msn`. */
  readonly msn?: number;
  /** `_HLS_part`. */
  readonly part?: number;
  /** `_HLS_skip`. */
  readonly skip?: SkipRequest;
}

/** A request that must be refused, with the reason for the client. */
export interface BadReload {
  readonly kind: "bad-request";
  readonly reason: string;
}

/** What to do with a playlist request. */
export type ReloadDecision =
  | { readonly kind: "answer-now" }
  /** Park it until {@link isAvailable} says yes for the same values; after three target durations answer 503. */
  | { readonly kind: "wait-for"; readonly msn: number; readonly part: number | undefined }
  | BadReload;

/** Segments a client may ask ahead of the last one listed. */
const MSN_AHEAD_MAX = 2;
/** Seconds, or parts, that a client may ask ahead within a segment. */
const ADVANCE_PART_LIMIT = 3;
/** Longest decimal taken: larger numbers are no sequence numbers of ours and far ahead of any. */
const DIRECTIVE_DIGITS_MAX = 15;
/** Target durations after which a parked request is answered with 503. RFC 8216bis §6.2.5.2. */
export const BLOCKED_TARGETS_MAX = 3;

const ANSWER_NOW: ReloadDecision = { kind: "answer-now" };

function decimalInteger(text: string): number | undefined {
  if (text.length === 0 || text.length > DIRECTIVE_DIGITS_MAX) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** Raw query values of the directives; `undefined` where a directive is absent. */
export interface RawDirectives {
  readonly msn?: string | undefined;
  readonly part?: string | undefined;
  readonly skip?: string | undefined;
}

/** Reads the directives. An unknown `_HLS_skip` value is ignored; `_HLS_part` without `_HLS_msn` and non-numbers are refused. RFC 8216bis §6.2.5. */
export function parseDirectives(raw: RawDirectives): ReloadDirectives | BadReload {
  const skip: { skip?: SkipRequest } = raw.skip === "YES" || raw.skip === "v2" ? { skip: raw.skip } : {};
  if (raw.msn === undefined) {
    return raw.part === undefined ? skip : { kind: "bad-request", reason: "_HLS_part needs _HLS_msn" };
  }
  const msn = decimalInteger(raw.msn);
  if (msn === undefined) return { kind: "bad-request", reason: "_HLS_msn is not a decimal integer" };
  if (raw.part === undefined) return { msn, ...skip };
  const part = decimalInteger(raw.part);
  if (part === undefined) return { kind: "bad-request", reason: "_HLS_part is not a decimal integer" };
  return { msn, part, ...skip };
}

/** Number of the last whole segment; one less than the first to come while there is none, `undefined` for a track that has nothing yet. */
function lastWholeSegment(track: WindowTrack): number | undefined {
  const last = track.segments.at(-1);
  if (last === undefined) return undefined;
  return last.sealed ? last.number : last.number - 1;
}

/** How many parts of that segment the playlist shows. */
function publishedParts(track: WindowTrack, number: number): number {
  const first = track.segments[0];
  const segment = first === undefined ? undefined : track.segments[number - first.number];
  return segment === undefined || segment.gap ? 0 : segment.parts.length;
}

/**
 * Whether the track's playlist contains what a request waits for: a whole segment numbered `msn` or later, or with `part` that part, where one
 * past a whole segment's last means part 0 of the next segment. RFC 8216bis §6.2.5.2.
 */
export function isAvailable(track: WindowTrack, msn: number, part: number | undefined): boolean {
  const last = lastWholeSegment(track);
  if (last === undefined) return false;
  if (part === undefined) return msn <= last;
  if (msn < last) return true;
  if (msn === last) return part < publishedParts(track, last) || publishedParts(track, last + 1) > 0;
  return msn === last + 1 && part < publishedParts(track, msn);
}

/**
 * What to do with a request for a track's playlist. Directives are ignored once the playlist has ended and where blocking is not offered.
 * RFC 8216bis §6.2.5.2.
 */
export function decideReload(window: WindowSnapshot, track: WindowTrack, directives: ReloadDirectives): ReloadDecision {
  const { msn, part } = directives;
  if (msn === undefined && part !== undefined) return { kind: "bad-request", reason: "_HLS_part needs _HLS_msn" };
  if (msn === undefined || window.ended !== undefined || track.retired) return ANSWER_NOW;
  const { partTargetMicros } = window.parameters;
  if (partTargetMicros === 0) return ANSWER_NOW;
  if (isAvailable(track, msn, part)) return ANSWER_NOW;
  const last = lastWholeSegment(track);
  if (last !== undefined) {
    if (msn > last + MSN_AHEAD_MAX) {
      return { kind: "bad-request", reason: `_HLS_msn is more than ${MSN_AHEAD_MAX} ahead of ${last}` };
    }
    // A part past the last of a whole segment is part 0 of the next one, which is never too far ahead.
    if (part !== undefined && msn > last) {
      const lastPart = publishedParts(track, msn) - 1;
      const partSeconds = Math.min(1, partTargetMicros / MICROS_PER_SECOND);
      if ((part - lastPart) * partSeconds > ADVANCE_PART_LIMIT) {
        return { kind: "bad-request", reason: `_HLS_part is too far ahead of ${lastPart}` };
      }
    }
  }
  return { kind: "wait-for", msn, part };
}
