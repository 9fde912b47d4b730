import { partName } from "#packaging/object-names.ts";
import type { Segment, WindowParameters, WindowTrack } from "#packaging/window.ts";
import { microsToTicks } from "#time/ticks.ts";

/** How much less than the nominal duration a segment may have when the next cut comes; the same tolerance as the gate's. */
const CUT_TOLERANCE_MICROS = 20_000;

/** The part that is expected next. */
export interface ExpectedPart {
  readonly segment: number;
  readonly part: number;
}

/**
 * The part a track will most likely publish next: the next one of the growing segment, or part 0 of the following one when the growing
 * segment has reached its nominal duration. A function of the published parts alone.
 */
export function expectedPart(track: WindowTrack, parameters: WindowParameters): ExpectedPart | undefined {
  const last = track.segments.at(-1);
  if (last === undefined) return undefined;
  if (last.sealed || isFull(last, track.track.timescale, parameters)) return { segment: last.number + 1, part: 0 };
  return { segment: last.number, part: last.parts.length };
}

function isFull(segment: Segment, timescale: number, parameters: WindowParameters): boolean {
  return segment.duration >= microsToTicks(parameters.segmentDurationMicros - CUT_TOLERANCE_MICROS, timescale);
}

/** `EXT-X-PRELOAD-HINT` of the next part. RFC 8216bis §4.4.5.3. */
export function renderPreloadHint(timelineId: string, expected: ExpectedPart): string {
  return `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${partName(timelineId, expected.segment, expected.part)}"\n`;
}
