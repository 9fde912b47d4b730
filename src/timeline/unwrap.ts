/** A step further than this is a jump, or a corrupt stamp, milliseconds. */
const STEP_MS_MAX = 60_000;

/**
 * Turns 32-bit millisecond stamps, as RTMP sends them, into one clock that goes on across the wrap every 49.7 days. The difference of two stamps
 * is read as signed 32 bits, so a stamp that goes back a little is a small negative step and not a jump of 49 days. One instance per session:
 * all its tracks share the encoder's clock.
 *
 * A far stamp becomes the reference of the next only when another one confirms it: a single corrupt one cannot lead later ones astray.
 */
export class TimestampUnwrapper {
  #last: number | undefined;
  #valueMs = 0;
  #far: number | undefined;
  #farMs = 0;

  /** The stamp on the unwrapped clock, milliseconds; the first one is itself. */
  unwrap(stamp: number): number {
    if (this.#last === undefined) return this.#accept(stamp, stamp >>> 0);
    const step = (stamp - this.#last) | 0;
    if (Math.abs(step) <= STEP_MS_MAX) return this.#accept(stamp, this.#valueMs + step);
    if (this.#far !== undefined) {
      const farStep = (stamp - this.#far) | 0;
      if (Math.abs(farStep) <= STEP_MS_MAX) return this.#accept(stamp, this.#farMs + farStep);
    }
    this.#far = stamp | 0;
    this.#farMs = this.#valueMs + step;
    return this.#farMs;
  }

  #accept(stamp: number, valueMs: number): number {
    this.#last = stamp | 0;
    this.#valueMs = valueMs;
    this.#far = undefined;
    return valueMs;
  }
}
