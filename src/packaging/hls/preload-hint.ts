import { isExpectedFull } from "#packaging/expected-end.ts";
import { partName } from "#packaging/object-names.ts";
import type { WindowSnapshot, WindowTrack } from "#packaging/window.ts";

/** The part that is expected next. */
export interface ExpectedPart {
  readonly segment: number;
  readonly part: number;
}

/**
 * The part a track will most likely publish next: the next one of the growing segment, or part 0 of the following one when the growing segment
 * is as long as it is expected to be. A function of what is listed alone.
 */
export function expectedPart(window: WindowSnapshot, track: WindowTrack): ExpectedPart | undefined {
  const last = track.segments.at(-1);
  if (last === undefined) return undefined;
  if (last.sealed || (last.parts.length > 0 && isExpectedFull(window, track, last))) {
    return { segment: last.number + 1, part: 0 };
  }
  return { segment: last.number, part: last.parts.length };
}

/** `EXT-X-PRELOAD-HINT` of the next part. RFC 8216bis §4.4.5.3. */
export function renderPreloadHint(timelineId: string, expected: ExpectedPart): string {
  return `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${partName(timelineId, expected.segment, expected.part)}"\n`;
}
