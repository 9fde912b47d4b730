import type { Segment } from "#packaging/window.ts";
import { xmlAttributes } from "./attribute.ts";

/** A segment as the timeline states it, in ticks. */
export interface TimelineEntry {
  readonly time: number;
  readonly duration: number;
}

/** Entries of a run of consecutive segments; one that still grows is stated with the duration `expected` gives, in ticks. */
export function timelineEntries(segments: readonly Segment[], expected: (growing: Segment) => number): TimelineEntry[] {
  return segments.map((segment) => ({
    time: segment.startDts,
    duration: segment.sealed ? segment.duration : expected(segment),
  }));
}

/** `SegmentTimeline`: equal, adjoining durations are one `S` with a repeat count. ISO/IEC 23009-1 §5.3.9.6. */
export function renderSegmentTimeline(entries: readonly TimelineEntry[]): string {
  let text = "<SegmentTimeline>";
  let end = Number.NaN;
  let at = 0;
  while (at < entries.length) {
    const first = entries[at] as TimelineEntry;
    let repeats = 0;
    let runEnd = first.time + first.duration;
    for (let next = entries[at + 1]; next !== undefined; next = entries[at + repeats + 1]) {
      if (next.time !== runEnd || next.duration !== first.duration) break;
      repeats++;
      runEnd += next.duration;
    }
    text += `<S${xmlAttributes({
      t: first.time === end ? undefined : first.time,
      d: first.duration,
      r: repeats === 0 ? undefined : repeats,
    })}/>`;
    end = runEnd;
    at += repeats + 1;
  }
  return `${text}</SegmentTimeline>`;
}
