import { MICROS_PER_SECOND, microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { durationMicros, endMicros, startMicros } from "./segment-time.ts";
import type { Segment, WindowParameters, WindowSnapshot, WindowTrack } from "./window.ts";

/*
 * Where a growing segment will end, as far as the listed window can tell; the same on every node that lists the same segments.
 *
 *   leading track   makes the cuts: its last segments had one length ─▶ so will this one; else anywhere up to the longest that is allowed
 *   other tracks    end with the first frame at or after the leading track's cut, which is often known before they get there
 *   made sounds     end with the first frame of theirs at or after the end of the sound they are made from
 */

/** Where a growing segment ends. Microseconds of stream time. */
export interface ExpectedEnd {
  /** The likeliest cut. */
  readonly cutMicros: number;
  /** The cut, when it is known or lengths are so regular that it may be announced; absent when nobody can know. */
  readonly announcedMicros: number | undefined;
}

/** Segments looked back at. */
const HISTORY_SEGMENTS = 3;
/** Lengths that differ by less are one length to a hint: the tolerance with which the gate cuts. */
const CUT_TOLERANCE_MICROS = 20_000;
/** Lengths that differ by less may be announced as equal: what milliseconds in the input blur them by. */
const ANNOUNCED_TOLERANCE_MICROS = 1_000;
/** How much longer than its target duration a segment may be: it still rounds to it (RFC 8216bis §4.4.3.1). */
const GRACE_MICROS = 400_000;

/** The track whose keyframes make the cuts: the first with picture, else the first. */
function leadingTrack(window: WindowSnapshot): WindowTrack | undefined {
  return window.tracks.find(({ track }) => track.config.kind === "video") ?? window.tracks[0];
}

function at(track: WindowTrack, number: number): Segment | undefined {
  const first = track.segments[0];
  return first === undefined ? undefined : track.segments[number - first.number];
}

/** The usual length of a track's segments before `number`. */
interface UsualLength {
  /** `undefined` when they differ. */
  readonly micros: number | undefined;
  readonly announceable: boolean;
}

function usualLength(track: WindowTrack, number: number, parameters: WindowParameters): UsualLength {
  const nominal = parameters.segmentDurationMicros;
  let newest = 0;
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  let count = 0;
  let independent = true;
  for (let n = number - 1; n >= track.firstListedSegment && n >= number - HISTORY_SEGMENTS; n--) {
    const segment = at(track, n);
    if (segment === undefined || segment.gap || !segment.sealed) continue;
    const micros = durationMicros(segment);
    if (count === 0) newest = micros;
    shortest = Math.min(shortest, micros);
    longest = Math.max(longest, micros);
    independent &&= segment.independent;
    count++;
  }
  if (count === 0) return { micros: nominal, announceable: false };
  const spread = longest - shortest;
  const proven = count > 1 || Math.abs(newest - nominal) <= ANNOUNCED_TOLERANCE_MICROS;
  return {
    micros: spread <= CUT_TOLERANCE_MICROS ? newest : undefined,
    // Where cuts had to be made between keyframes, equal lengths only last until the next keyframe comes.
    announceable: proven && independent && spread <= ANNOUNCED_TOLERANCE_MICROS,
  };
}

/** The end of a growing segment judged by the lengths of the track's own segments. */
function byOwnLengths(track: WindowTrack, segment: Segment, parameters: WindowParameters): ExpectedEnd {
  const usual = usualLength(track, segment.number, parameters);
  const start = startMicros(segment);
  const end = endMicros(segment);
  const limit = start + parameters.targetDurationSeconds * MICROS_PER_SECOND + GRACE_MICROS;
  if (usual.micros === undefined) return { cutMicros: limit, announcedMicros: undefined };
  const cut = start + usual.micros;
  return {
    cutMicros: end > cut + CUT_TOLERANCE_MICROS ? limit : cut,
    // What was announced is never taken back, also when the segment outgrows it.
    announcedMicros: usual.announceable ? Math.max(cut, end) : undefined,
  };
}

/** Where the leading track cuts after segment `number`; `undefined` while it has nothing of it. */
function leadersCut(leader: WindowTrack, number: number, parameters: WindowParameters): ExpectedEnd | undefined {
  const next = at(leader, number + 1);
  const segment = at(leader, number);
  if (next !== undefined || segment?.sealed === true) {
    const micros = next !== undefined ? startMicros(next) : endMicros(segment as Segment);
    return { cutMicros: micros, announcedMicros: micros };
  }
  return segment === undefined ? undefined : byOwnLengths(leader, segment, parameters);
}

/** Where the sound that this one is made from ends its segment of the same number; `undefined` for any other track, and where that has a hole. */
function originsEnd(window: WindowSnapshot, { track, number }: Segment): ExpectedEnd | undefined {
  const { madeFrom, config } = track;
  if (madeFrom === undefined || config.kind !== "audio") return undefined;
  const origin = window.tracks.find((other) => other.track.id === madeFrom && other.track.madeFrom === undefined);
  const segment = origin === undefined ? undefined : at(origin, number);
  if (origin === undefined || segment === undefined || segment.gap) return undefined;
  if (segment.sealed) return { cutMicros: endMicros(segment), announcedMicros: endMicros(segment) };
  const ticks = announcedTicks(window, origin, segment);
  if (ticks === undefined) return { ...expectedEnd(window, origin, segment), announcedMicros: undefined };
  const micros = ticksToMicros(segment.startDts + ticks, segment.track.timescale);
  return { cutMicros: micros, announcedMicros: micros };
}

/** Where the growing `segment` of `track` is expected to end. */
export function expectedEnd(window: WindowSnapshot, track: WindowTrack, segment: Segment): ExpectedEnd {
  const origins = originsEnd(window, segment);
  if (origins !== undefined) return origins;
  const leader = leadingTrack(window);
  const cut =
    leader === undefined || leader === track ? undefined : leadersCut(leader, segment.number, window.parameters);
  return cut ?? byOwnLengths(track, segment, window.parameters);
}

/** Whether the growing `segment` of `track` has everything it is expected to get: the next part belongs to the next segment. */
export function isExpectedFull(window: WindowSnapshot, track: WindowTrack, segment: Segment): boolean {
  const { cutMicros } = expectedEnd(window, track, segment);
  if (leadingTrack(window) === track) return endMicros(segment) >= cutMicros - CUT_TOLERANCE_MICROS;
  return segment.startDts + segment.duration >= microsToTicks(cutMicros, segment.track.timescale);
}

/**
 * Length that the growing `segment` of `track` will have, in its ticks and never less than it has now; `undefined` when it is not certain enough
 * to be announced.
 */
export function announcedTicks(window: WindowSnapshot, track: WindowTrack, segment: Segment): number | undefined {
  const { config, timescale } = segment.track;
  const follows = leadingTrack(window) !== track;
  const end = follows && config.kind === "audio" ? expectedEnd(window, track, segment) : undefined;
  const { announcedMicros } = end ?? byOwnLengths(track, segment, window.parameters);
  if (announcedMicros === undefined) return undefined;
  const spanTicks = microsToTicks(announcedMicros, timescale) - segment.startDts;
  if (config.kind === "video" || !follows) return Math.max(segment.duration, spanTicks);
  // Sound is cut between frames: the one that begins before the cut belongs to this segment.
  const measured = segment.frameCount > 0 ? segment.duration / segment.frameCount : 0;
  const frameTicks = config.samplesPerFrame > 0 ? (config.samplesPerFrame * timescale) / config.sampleRate : measured;
  const wholeTicks = frameTicks > 0 ? Math.round(Math.ceil(spanTicks / frameTicks) * frameTicks) : spanTicks;
  return Math.max(segment.duration, wholeTicks);
}
