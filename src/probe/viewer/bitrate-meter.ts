/** Shortest segment, as a share of the target duration, that counts towards the peak (§4.4.6.2). */
const PEAK_TARGETS_MIN = 0.5;

/** Measures the bit rates of a rendition from its whole segments. */
export class BitrateMeter {
  #bytes = 0;
  #seconds = 0;
  #peak = 0;

  /** A whole segment. */
  add(sizeBytes: number, durationS: number, targetDurationS: number): void {
    if (durationS <= 0) return;
    this.#bytes += sizeBytes;
    this.#seconds += durationS;
    if (durationS >= PEAK_TARGETS_MIN * targetDurationS) this.#peak = Math.max(this.#peak, (sizeBytes * 8) / durationS);
  }

  /** Bits per second of the heaviest segment. */
  get peak(): number {
    return this.#peak;
  }
  /** Bits per second over all segments. */
  get average(): number {
    return this.#seconds === 0 ? 0 : (this.#bytes * 8) / this.#seconds;
  }
  get seconds(): number {
    return this.#seconds;
  }
  get bytes(): number {
    return this.#bytes;
  }
}
