/** Half of the time over which the least lag is sought, milliseconds. */
const HALF_WINDOW_MS = 5000;
const NONE = Number.POSITIVE_INFINITY;

/** How far stream time runs behind arrival: the least of (arrival − stream time) over the last 5 to 10 s, so that bursts and stalls do not count. */
export class ArrivalLag {
  #bucket = NONE;
  #before = NONE;
  #bucketStartMs = Number.NEGATIVE_INFINITY;
  #fallback = 0;

  /** Microseconds; negative where stream time runs ahead. Stays as it was while nothing arrives. */
  get micros(): number {
    const least = Math.min(this.#bucket, this.#before);
    return least === NONE ? this.#fallback : least;
  }

  /** A frame of the leading track arrived `lagMicros` after its stream time. */
  add(lagMicros: number, nowMs: number): void {
    const ageMs = nowMs - this.#bucketStartMs;
    if (ageMs >= HALF_WINDOW_MS) {
      this.#fallback = this.micros;
      this.#before = ageMs < 2 * HALF_WINDOW_MS ? this.#bucket : NONE;
      this.#bucket = NONE;
      this.#bucketStartMs = nowMs;
    }
    if (lagMicros < this.#bucket) this.#bucket = lagMicros;
  }

  /** Stream time was moved against arrival: what was measured before does not hold any more. */
  reset(): void {
    this.#fallback = 0;
    this.#bucket = NONE;
    this.#before = NONE;
    this.#bucketStartMs = Number.NEGATIVE_INFINITY;
  }
}
