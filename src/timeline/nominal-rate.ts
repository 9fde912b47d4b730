import type { Rational } from "#time/ticks.ts";

/** Frame rates that exist, as fractions. */
const RATES: readonly Rational[] = [
  { num: 10, den: 1 },
  { num: 12, den: 1 },
  { num: 15, den: 1 },
  { num: 20, den: 1 },
  { num: 24000, den: 1001 },
  { num: 24, den: 1 },
  { num: 25, den: 1 },
  { num: 30000, den: 1001 },
  { num: 30, den: 1 },
  { num: 48, den: 1 },
  { num: 50, den: 1 },
  { num: 60000, den: 1001 },
  { num: 60, den: 1 },
  { num: 100, den: 1 },
  { num: 120000, den: 1001 },
  { num: 120, den: 1 },
];

/** Relative difference below which a measured or claimed rate is a rate that exists: 29.97 and 30 differ by 0.1 %. */
const SNAP = 0.0004;

/** The existing rate nearest to `fps` if it is that one but for rounding, else `undefined`. */
export function existingRate(fps: number): Rational | undefined {
  for (const rate of RATES) {
    const value = rate.num / rate.den;
    if (Math.abs(fps - value) <= value * SNAP) return rate;
  }
  return undefined;
}

/** Whether two rates are the same but for rounding. */
export function sameRate(a: Rational, b: Rational): boolean {
  return Math.abs((a.num * b.den) / (a.den * b.num) - 1) <= SNAP;
}

/**
 * The rate that explains frames at these times (milliseconds, rounded by the encoder to whole ones): their mean distance when it is a rate
 * that exists and every frame lies within `toleranceMs` of its line. `undefined` for anything else.
 */
export function measuredRate(timesMs: readonly number[], toleranceMs: number): Rational | undefined {
  const first = timesMs[0];
  const last = timesMs.at(-1);
  if (first === undefined || last === undefined || timesMs.length < 2) return undefined;
  const count = timesMs.length - 1;
  const meanMs = (last - first) / count;
  // Rounding of both ends moves the mean by up to a millisecond in all: every existing rate within that is tried.
  const slackMs = (2 * toleranceMs) / count;
  const fitting = RATES.filter((rate) => {
    const frameMs = (1000 * rate.den) / rate.num;
    if (Math.abs(frameMs - meanMs) > slackMs) return false;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const [i, timeMs] of timesMs.entries()) {
      const residual = timeMs - first - i * frameMs;
      low = Math.min(low, residual);
      high = Math.max(high, residual);
    }
    return high - low <= 2 * toleranceMs;
  });
  const distance = (rate: Rational): number => Math.abs((1000 * rate.den) / rate.num - meanMs);
  return fitting.sort((a, b) => distance(a) - distance(b))[0];
}
