import { announcedTicks } from "#packaging/expected-end.ts";
import { listedSegments } from "#packaging/listed-segments.ts";
import type { Segment, WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { renderAdaptationSets } from "./adaptation-set.ts";
import { xmlAttributes, xsDuration } from "./attribute.ts";
import type { PeriodTrack } from "./representation.ts";

/**
 * Segments of a track that the manifest lists: as the media playlist does, but the growing one only with parts and when its length is certain,
 * for what a manifest once said of a segment stays.
 */
function manifestSegments(window: WindowSnapshot, track: WindowTrack): Segment[] {
  const withGrowing = window.parameters.partTargetMicros > 0;
  return listedSegments(track).filter(
    (segment) => segment.sealed || (withGrowing && announcedTicks(window, track, segment) !== undefined),
  );
}

/** A stretch of the manifest between two discontinuities. */
interface Period {
  readonly discontinuitySequence: number;
  readonly parts: PeriodTrack[];
}

/**
 * The periods of a window: one for each discontinuity sequence, which is the same in every track and on every node. A track has a part in those
 * where it has media, from its first whole segment there. ISO/IEC 23009-1 §5.3.2.
 */
function periodsOf(window: WindowSnapshot): Period[] {
  const periods = new Map<number, Period>();
  for (const track of window.tracks) {
    const segments = manifestSegments(window, track);
    for (let from = 0; from < segments.length; ) {
      const { discontinuitySequence } = segments[from] as Segment;
      let to = from + 1;
      while (segments[to]?.discontinuitySequence === discontinuitySequence) to++;
      const part = periodTrack(window, track, segments.slice(from, to));
      from = to;
      if (part === undefined) continue;
      const period = periods.get(discontinuitySequence);
      if (period === undefined) periods.set(discontinuitySequence, { discontinuitySequence, parts: [part] });
      else period.parts.push(part);
    }
  }
  return [...periods.values()].sort((a, b) => a.discontinuitySequence - b.discontinuitySequence);
}

/** A track's part in a period; `undefined` where it has nothing but gaps. */
function periodTrack(window: WindowSnapshot, track: WindowTrack, run: readonly Segment[]): PeriodTrack | undefined {
  const first = run.findIndex((segment) => !segment.gap);
  const segments = first < 0 ? [] : run.slice(first);
  const [made] = segments;
  if (made === undefined) return undefined;
  const periodStartMicros = window.periodStartMicros(made.discontinuitySequence);
  return { track, made: made.track, segments, periodStartMicros };
}

/** All `Period` elements. Each begins where its first segment did, counted from the timeline's origin. */
export function renderPeriods(window: WindowSnapshot): string {
  return periodsOf(window)
    .map(
      (period) =>
        `<Period${xmlAttributes({
          id: `d${period.discontinuitySequence}`,
          start: xsDuration(window.periodStartMicros(period.discontinuitySequence) - window.parameters.originMicros),
        })}>${renderAdaptationSets(period.parts, window)}</Period>`,
    )
    .join("");
}
