/** Drift that is left alone, microseconds. */
const DEAD_BAND_MICROS = 100_000;
/** Correction per cut, microseconds: 100 ppm at 2 s, far below what a player notices. */
const STEP_MICROS = 200;
/** Time over which the least lag is sought, milliseconds. */
const WINDOW_MS = 600_000;
const NONE = Number.POSITIVE_INFINITY;

/**
 * Watches an encoder's clock run off from ours: the least (arrival − stream time) of each ten minutes against that of the first ten. Beyond a dead
 * band every cut moves stream time by a fifth of a millisecond towards the wall clock.
 */
export class ClockDrift {
  #driftMicros = 0;
  #baseline: number | undefined;
  #least = NONE;
  #windowStartMs: number | undefined;
  /** Correction since the least lag of the last window was measured. */
  #correctedMicros = 0;

  /** How far the encoder's clock has run behind ours since the session began, corrections included; microseconds. */
  get micros(): number {
    return this.#driftMicros - this.#correctedMicros;
  }

  /** A frame of the leading track arrived `lagMicros` after its stream time. */
  add(lagMicros: number, nowMs: number): void {
    this.#windowStartMs ??= nowMs;
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#baseline ??= this.#least;
      this.#driftMicros = this.#least - this.#baseline;
      this.#least = NONE;
      this.#windowStartMs = nowMs;
      this.#correctedMicros = 0;
    }
    if (lagMicros < this.#least) this.#least = lagMicros;
  }

  /** Asked at each cut: microseconds by which stream time moves on, negative to move less. */
  step(): number {
    const rest = this.micros;
    if (Math.abs(rest) <= DEAD_BAND_MICROS) return 0;
    const step = rest > 0 ? STEP_MICROS : -STEP_MICROS;
    this.#correctedMicros += step;
    return step;
  }

  /** Stream time was moved against arrival. */
  reset(): void {
    this.#driftMicros = 0;
    this.#baseline = undefined;
    this.#least = NONE;
    this.#windowStartMs = undefined;
    this.#correctedMicros = 0;
  }
}
