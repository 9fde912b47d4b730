import { durationMicros } from "./segment-time.ts";
import type { Segment } from "./window.ts";

/** Bit rates to declare for a track, bits per second, overhead of the container included. */
export interface Bandwidth {
  /** What no segment is expected to exceed. */
  readonly peak: number;
  readonly average: number;
}

/** Target durations a segment must last to count for the peak. RFC 8216bis §4.4.6.2 (peak segment bit rate). */
const PEAK_TARGETS_MIN = 0.5;
/**
 * Headroom on the peak, by how many segments it was measured from. Players read the multivariant playlist once, at the start, when rate control
 * has only begun to spend: an x264 average-bitrate encode was seen to peak at 1.33 times its first segment.
 */
const HEADROOMS: readonly { readonly segmentsBelow: number; readonly factor: number }[] = [
  { segmentsBelow: 3, factor: 1.5 },
  { segmentsBelow: 10, factor: 1.25 },
  { segmentsBelow: Number.POSITIVE_INFINITY, factor: 1.1 },
];

/**
 * The next declared rate above: 1, 1.1 … 1.9, 2, 2.2 … 4.8, 5, 5.5 … 9.5 times a power of ten. Steps of 4 to 10 %, so that a declaration does not
 * change with every segment.
 */
export function roundUpRate(bitsPerSecond: number): number {
  if (bitsPerSecond <= 10) return Math.ceil(bitsPerSecond);
  let power = 1;
  while (power * 10 <= bitsPerSecond) power *= 10;
  const lead = bitsPerSecond / power;
  const steps = lead < 2 ? 10 : lead < 5 ? 5 : 2;
  return Math.round((Math.ceil(lead * steps) * power) / steps);
}

/**
 * The bit rates to declare for a track by its listed segments. The average counts the encoder's own pictures and sound: segments that hold a
 * picture in an outage stand aside, unless there are no others. Segments of less than half a target duration don't count for the peak; while
 * nothing longer is there, the average is the peak. 0 for a track that lists nothing.
 */
export function declaredBandwidth(segments: Iterable<Segment>, targetDurationSeconds: number): Bandwidth {
  const microsMin = PEAK_TARGETS_MIN * targetDurationSeconds * 1e6;
  let peak = 0;
  let peakSegments = 0;
  const own = { bytes: 0, micros: 0 };
  const held = { bytes: 0, micros: 0 };
  for (const segment of segments) {
    if (segment.gap || segment.duration === 0) continue;
    const micros = durationMicros(segment);
    const sums = segment.heldFrameCount > 0 ? held : own;
    sums.bytes += segment.sizeBytes;
    sums.micros += micros;
    if (!segment.sealed || micros < microsMin) continue;
    peak = Math.max(peak, (segment.sizeBytes * 8e6) / micros);
    if (segment.heldFrameCount === 0) peakSegments++;
  }
  const { bytes, micros } = own.micros > 0 ? own : held;
  const average = micros === 0 ? 0 : (bytes * 8e6) / micros;
  const headroom = HEADROOMS.find(({ segmentsBelow }) => peakSegments < segmentsBelow)?.factor ?? 1;
  return { peak: roundUpRate(Math.max(peak, average) * headroom), average: roundUpRate(average) };
}
