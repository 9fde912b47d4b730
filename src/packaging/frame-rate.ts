import type { Rational } from "#time/ticks.ts";
import type { WindowTrack } from "./window.ts";

/** Rates that encoders mean; a measurement this near to one is that one. */
const STANDARD_RATES: readonly Rational[] = [
  { num: 15, den: 1 },
  { num: 24_000, den: 1001 },
  { num: 24, den: 1 },
  { num: 25, den: 1 },
  { num: 30_000, den: 1001 },
  { num: 30, den: 1 },
  { num: 48, den: 1 },
  { num: 50, den: 1 },
  { num: 60_000, den: 1001 },
  { num: 60, den: 1 },
  { num: 120, den: 1 },
];
/** Half of the distance between 30 and 29.97: what milliseconds in the input may blur a segment's rate by. */
const TOLERANCE = 0.0005;

/**
 * Frames per second of a video track, measured: from what most frames last, as the median over its listed whole segments, so that frames that
 * are stretched or left out do not count; the exact rate where that is within 0.05 % of the bitstream's own or a standard one. `undefined`
 * before anything is listed.
 */
export function measuredFrameRate(track: WindowTrack): Rational | undefined {
  const { timescale, config } = track.track;
  if (config.kind !== "video") return undefined;
  const rates: number[] = [];
  for (const segment of track.segments) {
    if (segment.number < track.firstListedSegment || segment.gap || segment.frameCount === 0) continue;
    if (segment.usualFrameTicks > 0) rates.push(timescale / segment.usualFrameTicks);
    else if (track.segments.length === 1) rates.push((segment.frameCount * timescale) / segment.duration);
  }
  const measured = rates.sort((a, b) => a - b)[rates.length >> 1];
  if (measured === undefined) return config.frameRate;
  const candidates = config.frameRate === undefined ? STANDARD_RATES : [config.frameRate, ...STANDARD_RATES];
  const near = candidates.find((rate) => Math.abs((measured * rate.den) / rate.num - 1) <= TOLERANCE);
  return near ?? { num: Math.round(measured * 1000), den: 1000 };
}
