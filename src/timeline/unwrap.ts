/**
 * Turns 32-bit millisecond stamps, as RTMP sends them, into one clock that goes on across the wrap every 49.7 days. The difference of two stamps
 * is read as signed 32 bits, so a stamp that goes back a little is a small negative step and not a jump of 49 days. One instance per session:
 * all its tracks share the encoder's clock.
 */
export class TimestampUnwrapper {
  #last: number | undefined;
  #valueMs = 0;

  /** The stamp on the unwrapped clock, milliseconds; the first one is itself. */
  unwrap(stamp: number): number {
    this.#valueMs = this.#last === undefined ? stamp >>> 0 : this.#valueMs + ((stamp - this.#last) | 0);
    this.#last = stamp | 0;
    return this.#valueMs;
  }
}
