import type { Segment, WindowTrack } from "./window.ts";

/** The segments a track's playlist lists, oldest first; the growing one is among them from its first part on. */
export function listedSegments(track: WindowTrack): Segment[] {
  return track.segments.filter(
    (segment) => segment.number >= track.firstListedSegment && (segment.sealed || segment.parts.length > 0),
  );
}

/** Whether a track lists anything that can be played; a track whose frames never came lists gaps alone. */
export function listsMedia(track: WindowTrack): boolean {
  return track.segments.some(
    (segment) => segment.number >= track.firstListedSegment && !segment.gap && segment.parts.length > 0,
  );
}
