import type { Segment, WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { renderAdaptationSets } from "./adaptation-set.ts";
import { xmlAttributes, xsDuration } from "./attribute.ts";
import type { PeriodTrack } from "./representation.ts";

/** Segments of a track that the manifest lists: as the media playlist does, the growing one from its first part on. */
function listedSegments(track: WindowTrack, withGrowing: boolean): Segment[] {
  return track.segments.filter(
    (segment) =>
      segment.number >= track.firstListedSegment && (segment.sealed || (withGrowing && segment.parts.length > 0)),
  );
}

/** A stretch of the manifest between two discontinuities. */
interface Period {
  readonly discontinuitySequence: number;
  readonly parts: (PeriodTrack & { readonly segments: Segment[] })[];
}

/**
 * The periods of a window: one for each discontinuity sequence, which is the same in every track and on every node. ISO/IEC 23009-1 §5.3.2.
 */
function periodsOf(window: WindowSnapshot): Period[] {
  const periods = new Map<number, Period>();
  const withGrowing = window.parameters.partTargetMicros > 0;
  for (const track of window.tracks) {
    for (const segment of listedSegments(track, withGrowing)) {
      const sequence = segment.discontinuitySequence;
      let period = periods.get(sequence);
      if (period === undefined) {
        period = { discontinuitySequence: sequence, parts: [] };
        periods.set(sequence, period);
      }
      const part = period.parts.at(-1);
      if (part?.track === track) part.segments.push(segment);
      else period.parts.push({ track, segments: [segment], periodStartMicros: window.periodStartMicros(sequence) });
    }
  }
  return [...periods.values()].sort((a, b) => a.discontinuitySequence - b.discontinuitySequence);
}

/** All `Period` elements. The first known one starts at the epoch, so that its presentation time is stream time. */
export function renderPeriods(window: WindowSnapshot): string {
  return periodsOf(window)
    .map(
      (period) =>
        `<Period${xmlAttributes({
          id: `d${period.discontinuitySequence}`,
          start: xsDuration(window.periodStartMicros(period.discontinuitySequence)),
        })}>${renderAdaptationSets(period.parts, window)}</Period>`,
    )
    .join("");
}
