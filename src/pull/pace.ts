/** How far frames may run ahead of their time, microseconds: what a source interleaves unevenly. */
const LEAD_MICROS = 200_000;
/** A frame that is so much too late starts the time anew, so that what follows does not come in a burst. */
const LATE_MICROS_MAX = 500_000;
/** A frame that is so far ahead belongs to another time, which begins with it. */
const AHEAD_MICROS_MAX = 30_000_000;

/** Holds frames back until their time, for sources that come in bursts: files, and segments of HLS. */
export class Pace {
  #originMicros: number | undefined;

  /** How long a frame of this decode time must wait at `nowMicros` of a monotonic clock, microseconds; 0: none. */
  waitMicros(dtsMicros: number, nowMicros: number): number {
    this.#originMicros ??= nowMicros - dtsMicros;
    const aheadMicros = this.#originMicros + dtsMicros - nowMicros;
    if (aheadMicros < -LATE_MICROS_MAX || aheadMicros > AHEAD_MICROS_MAX) {
      this.#originMicros = nowMicros - dtsMicros;
      return 0;
    }
    return Math.max(0, aheadMicros - LEAD_MICROS);
  }
}
