import type { WindowSnapshot, WindowTrack } from "#packaging/window.ts";

/** Parts of media a first playlist must show, so that the part hold-back lies inside it. */
const FIRST_PARTS_MIN = 3;
/** Whole segments with parts: players that need an `EXTINF` line to accept a playlist have one. */
const FIRST_SEGMENTS_WITH_PARTS = 1;
/** Whole segments without parts: on a single one players wait a whole target duration for the next. */
const FIRST_SEGMENTS_WITHOUT_PARTS = 2;

function wholeSegments(track: WindowTrack): number {
  let count = 0;
  for (const segment of track.segments) if (segment.sealed && !segment.gap) count++;
  return count;
}

function gaps(track: WindowTrack): number {
  let count = 0;
  for (const segment of track.segments) if (segment.gap) count++;
  return count;
}

function publishedParts(track: WindowTrack): number {
  let count = 0;
  for (const segment of track.segments) if (!segment.gap) count += segment.parts.length;
  return count;
}

/**
 * Whether the broadcast's first playlist may be published: every track can be played from it without a stall, and at least one has something
 * to play; a track whose frames do not come has gaps instead, and there is nothing to wait for. With parts that is one whole
 * segment and three parts (players refuse a playlist without a single whole segment, and start three part targets before its end);
 * without parts two whole segments. A broadcast that ended has all it will ever have.
 */
export function isPlayable(window: WindowSnapshot): boolean {
  if (window.tracks.length === 0) return false;
  if (window.ended !== undefined) return window.tracks.some((track) => wholeSegments(track) > 0);
  const withParts = window.parameters.partTargetMicros > 0;
  const segmentsMin = withParts ? FIRST_SEGMENTS_WITH_PARTS : FIRST_SEGMENTS_WITHOUT_PARTS;
  const isReady = (track: WindowTrack): boolean =>
    wholeSegments(track) >= segmentsMin && (!withParts || publishedParts(track) >= FIRST_PARTS_MIN);
  return window.tracks.some(isReady) && window.tracks.every((track) => isReady(track) || gaps(track) >= segmentsMin);
}
