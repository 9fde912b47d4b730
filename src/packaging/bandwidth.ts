import type { WindowTrack } from "./window.ts";

/** Bit rates of a track's listed segments, bits per second, overhead of the container included. */
export interface Bandwidth {
  /** Largest bit rate of a segment. */
  readonly peak: number;
  readonly average: number;
}

/** Target durations a segment must last to count for the peak. RFC 8216bis §4.4.6.2 (peak segment bit rate). */
const PEAK_TARGETS_MIN = 0.5;

/**
 * The measured bit rates of what a track's playlist lists now. Segments of less than half a target duration don't count for the peak; while
 * nothing longer is there, the average is the peak.
 */
export function measuredBandwidth(track: WindowTrack, targetDurationSeconds: number): Bandwidth {
  const { timescale } = track.track;
  const durationMin = PEAK_TARGETS_MIN * targetDurationSeconds * timescale;
  let peak = 0;
  let sizeBytes = 0;
  let duration = 0;
  for (const segment of track.segments) {
    if (segment.number < track.firstListedSegment || segment.gap || segment.duration === 0) continue;
    sizeBytes += segment.sizeBytes;
    duration += segment.duration;
    if (segment.sealed && segment.duration >= durationMin) {
      peak = Math.max(peak, Math.ceil((segment.sizeBytes * 8 * timescale) / segment.duration));
    }
  }
  const average = duration === 0 ? 0 : Math.ceil((sizeBytes * 8 * timescale) / duration);
  return { peak: Math.max(peak, average), average };
}
