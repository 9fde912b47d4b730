import { ticksToMicros } from "#time/ticks.ts";
import type { Segment } from "./window.ts";

/*
 * Times of a segment on the broadcast's axis, microseconds. A segment counts in the ticks of the track it was made with, so segments of one
 * track, or of two, can only be compared here.
 */

/** Where it begins. */
export function startMicros(segment: Segment): number {
  return ticksToMicros(segment.startDts, segment.track.timescale);
}

/** Where its whole parts end. */
export function endMicros(segment: Segment): number {
  return ticksToMicros(segment.startDts + segment.duration, segment.track.timescale);
}

/** How long its whole parts last, rounded by itself: equal for equal durations wherever they begin. */
export function durationMicros(segment: Segment): number {
  return ticksToMicros(segment.duration, segment.track.timescale);
}
