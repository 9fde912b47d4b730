import { PlaylistError } from "./attribute-list.ts";
import type { MediaPlaylist, PlaylistSegment } from "./media-playlist.ts";

/**
 * The full playlist a delta update (§6.2.5.1) stands for, given the last full one a client has.
 * Segments behind the skipped ones get the date, map, key and discontinuity number that the skipped ones hand on.
 * @throws PlaylistError when the client does not have what was skipped.
 */
export function mergeDelta(previous: MediaPlaylist, delta: MediaPlaylist): MediaPlaylist {
  const skipped = delta.skippedSegments;
  if (skipped === undefined) return delta;
  const first = delta.mediaSequence;
  const offset = first - previous.mediaSequence;
  if (offset < 0) throw new PlaylistError("the delta update begins before the playlist it continues", 1);
  const kept = previous.segments.slice(offset, offset + skipped);
  if (kept.length < skipped) {
    throw new PlaylistError(`the delta update skips ${skipped} segments of which only ${kept.length} were listed`, 1);
  }
  const segments: PlaylistSegment[] = [...kept];
  let before = kept.at(-1);
  for (const segment of delta.segments) {
    const inherited = before?.dateMs === undefined ? undefined : before.dateMs + before.durationS * 1000;
    const handedOn = segment.discontinuity ? undefined : inherited;
    const merged: PlaylistSegment = {
      ...segment,
      dateMs: segment.programDateTimeMs ?? handedOn,
      mapUri: segment.mapUri ?? before?.mapUri,
      key: segment.key ?? before?.key,
      discontinuitySequence:
        (before?.discontinuitySequence ?? delta.discontinuitySequence) + (segment.discontinuity ? 1 : 0),
    };
    segments.push(merged);
    before = merged;
  }
  return {
    ...delta,
    skippedSegments: undefined,
    segments,
    open: { ...delta.open, mapUri: delta.open.mapUri ?? before?.mapUri },
  };
}
