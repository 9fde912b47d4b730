import { isoDateTimeOfTicks } from "#packaging/date-time.ts";
import { partName, segmentName } from "#packaging/object-names.ts";
import type { Segment, WindowParameters } from "#packaging/window.ts";
import { microsToTicks } from "#time/ticks.ts";
import { decimalSeconds } from "./decimal-seconds.ts";
import { renderPartialSegment } from "./partial-segment.ts";

/*
 * The lines of one segment in a media playlist. They grow at their end only, as the playlist must (RFC 8216bis §6.2.1):
 *
 *   [DISCONTINUITY] PROGRAM-DATE-TIME          head
 *   PART…                                      parts, while near the live edge
 *   [GAP] EXTINF URI                           tail, when sealed
 *
 * EXT-X-MAP depends on what is listed before and is put between by the playlist.
 */

/** Prepared text of a segment. */
export interface SegmentBlock {
  /** `EXT-X-DISCONTINUITY` where one precedes the segment. */
  readonly discontinuity: string;
  readonly dateTime: string;
  /** One line for each part, and all of them joined. */
  readonly parts: readonly string[];
  readonly allParts: string;
  readonly tail: string;
}

const sealedBlocks = new WeakMap<Segment, SegmentBlock>();

/** Text of a sealed segment, rendered once. */
export function sealedBlock(segment: Segment, parameters: WindowParameters): SegmentBlock {
  let block = sealedBlocks.get(segment);
  if (block === undefined) {
    block = renderBlock(segment, parameters);
    sealedBlocks.set(segment, block);
  }
  return block;
}

/** Text of a segment as it is now. */
export function renderBlock(segment: Segment, parameters: WindowParameters): SegmentBlock {
  const { timescale } = segment.track;
  const { timelineId } = parameters;
  const targetTicks = microsToTicks(parameters.partTargetMicros, timescale);
  const parts =
    parameters.partTargetMicros === 0 || segment.gap
      ? []
      : segment.parts.map((part) =>
          renderPartialSegment({
            name: partName(timelineId, segment.number, part.index),
            durationTicks: part.duration,
            timescale,
            targetTicks,
            independent: part.independent,
          }),
        );
  return {
    discontinuity: segment.discontinuity ? "#EXT-X-DISCONTINUITY\n" : "",
    dateTime: `#EXT-X-PROGRAM-DATE-TIME:${isoDateTimeOfTicks(segment.startDts, timescale)}\n`,
    parts,
    allParts: parts.join(""),
    tail: segment.sealed ? renderTail(segment, timelineId, timescale) : "",
  };
}

/** `EXT-X-GAP`, `EXTINF` and the address. RFC 8216bis §4.4.4.7, §4.4.4.1. */
function renderTail(segment: Segment, timelineId: string, timescale: number): string {
  const duration = decimalSeconds(segment.duration, timescale);
  return `${segment.gap ? "#EXT-X-GAP\n" : ""}#EXTINF:${duration},\n${segmentName(timelineId, segment.number)}\n`;
}
