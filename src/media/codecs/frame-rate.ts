import type { Rational } from "#time/ticks.ts";

/** Frames per second in use by cameras and encoders, as fractions. */
export const USUAL_RATES: readonly Rational[] = [
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
const RATE_FPS_MIN = 1;
const RATE_FPS_MAX = 300;
/** 23.976 as a decimal differs from 24000/1001 by one part in 10^6; 24 from 24000/1001 by one in 10^3. */
const RATE_TOLERANCE = 2e-5;

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/**
 * Reduces `num/den` frames per second and snaps it to a usual rate when it is one but for rounding.
 * Without `fixed` only usual rates are believed: encoders with variable frame rate write their clock's resolution there.
 * Gives `undefined` where the value cannot be a frame rate.
 */
export function credibleFrameRate(num: number, den: number, fixed: boolean): Rational | undefined {
  if (num <= 0 || den <= 0) return undefined;
  const fps = num / den;
  if (fps < RATE_FPS_MIN || fps > RATE_FPS_MAX) return undefined;
  for (const rate of USUAL_RATES) {
    if (Math.abs((fps * rate.den) / rate.num - 1) < RATE_TOLERANCE) return rate;
  }
  if (!fixed) return undefined;
  const divisor = gcd(num, den);
  return { num: num / divisor, den: den / divisor };
}

/** Reduces a sample aspect ratio; absurd ones (a side more than 255 times the other) and zeros count as unsaid, that is 1:1. */
export function pixelAspectOf(num: number, den: number): Rational {
  if (num <= 0 || den <= 0 || num > den * 255 || den > num * 255) return { num: 1, den: 1 };
  const divisor = gcd(num, den);
  return { num: num / divisor, den: den / divisor };
}

/** Sample aspect ratios by `aspect_ratio_idc` (ITU-T H.264 Table E-1, equal in H.265). */
export const SAMPLE_ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];
