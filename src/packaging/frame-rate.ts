import type { Rational } from "#time/ticks.ts";
import type { Segment } from "./window.ts";

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
 * Frames per second of video segments, measured from what most of the encoder's frames last: the largest rate that two of them share, so that
 * neither a changed rate nor a single odd segment makes it waver; the exact rate where one is within 0.05 % of the bitstream's own or a standard
 * one. Held pictures don't count. Falls back to the bitstream's own rate; `undefined` where that is not stated.
 */
export function measuredFrameRate(segments: readonly Segment[]): Rational | undefined {
  const rates: Rational[] = [];
  for (const { gap, track, usualFrameTicks } of segments) {
    const { config, timescale } = track;
    if (gap || config.kind !== "video" || usualFrameTicks === 0) continue;
    rates.push(meantRate(timescale / usualFrameTicks, config.frameRate));
  }
  rates.sort((a, b) => b.num / b.den - a.num / a.den);
  const shared = rates.find((rate, i) => {
    const next = rates[i + 1];
    return next !== undefined && Math.abs((next.num * rate.den) / (next.den * rate.num) - 1) <= TOLERANCE;
  });
  const config = segments.at(-1)?.track.config;
  return shared ?? rates[rates.length >> 1] ?? (config?.kind === "video" ? config.frameRate : undefined);
}

/** The rate an encoder means whose frames come at `measured` per second. */
function meantRate(measured: number, stated: Rational | undefined): Rational {
  const candidates = stated === undefined ? STANDARD_RATES : [stated, ...STANDARD_RATES];
  const near = candidates.find((rate) => Math.abs((measured * rate.den) / rate.num - 1) <= TOLERANCE);
  return near ?? { num: Math.round(measured * 1000), den: 1000 };
}
