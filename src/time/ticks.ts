/** A fraction of two positive integers, such as a frame rate of 30000/1001. */
export interface Rational {
  readonly num: number;
  readonly den: number;
}

/** Microseconds in a second: the unit of stream time inside the gate. */
export const MICROS_PER_SECOND = 1_000_000;

/**
 * Converts whole microseconds to ticks of a timescale, rounded to the nearest.
 * Exact for stream times (up to 2^53 µs) and timescales up to 2^20: the product is split so that no step leaves the safe integers.
 */
export function microsToTicks(micros: number, timescale: number): number {
  const seconds = Math.floor(micros / MICROS_PER_SECOND);
  return seconds * timescale + Math.round(((micros - seconds * MICROS_PER_SECOND) * timescale) / MICROS_PER_SECOND);
}

/** Converts ticks of a timescale to whole microseconds, rounded to the nearest. */
export function ticksToMicros(ticks: number, timescale: number): number {
  const seconds = Math.floor(ticks / timescale);
  return seconds * MICROS_PER_SECOND + Math.round(((ticks - seconds * timescale) * MICROS_PER_SECOND) / timescale);
}
