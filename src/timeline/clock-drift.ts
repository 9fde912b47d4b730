/** How far stream time may be ahead for good and count as usual, microseconds. */
const USUAL_AHEAD_MICROS_MAX = 5_000_000;
/**
 * What a session brings stream time ahead by in its first seconds is a burst from here on, microseconds; less is a first frame that came late. A
 * broadcast's first session may say by how much.
 */
const BURST_MICROS = 250_000;
/** How long an encoder must be late without a break before stream time goes after it, milliseconds: a path that lags or an uplink that is full recovers. */
const LATE_FOR_MS = 600_000;
/** How long an encoder must deliver at one place before it is judged where that is, milliseconds. */
const SETTLED_AFTER_MS = 5000;
/** Correction per cut at most, microseconds: nobody hears it. */
const STEP_MICROS_MAX = 1000;
/** Share of a segment that it is at most. */
const STEP_SHARE = 0.001;

/**
 * Where stream time belongs, and how it gets back there.
 *
 *   as far from real time as when the broadcast was anchored … as far ahead as a burst brought it ─▶ there it belongs: nothing is done
 *   more than a frame further ahead (cuts that had to wait, keyframes that came late, a fast clock) ─▶ each cut takes up to 1 ms back
 *   more than a frame behind for ten minutes (an encoder that became late, a slow clock)            ─▶ each cut adds up to 1 ms
 *
 * A burst is what a session sends in its first seconds before its time, as a relay does: viewers have seen it, and it is not taken back.
 */
export class ClockDrift {
  #usualAheadMicros = 0;
  #placedAheadMicros = 0;
  #sinceMs = 0;
  #isSettled = false;
  /** Since when it has been behind, `undefined` while it is not. */
  #behindSinceMs: number | undefined;
  /** What counts as a burst of the session that was placed last; `undefined` before the first one. */
  #burstMicros: number | undefined;

  /** How far ahead of real time stream time belongs, microseconds. */
  get usualAheadMicros(): number {
    return this.#usualAheadMicros;
  }

  /** A session begins, or is placed anew: a frame is shown `aheadMicros` before real time. A burst that was made up for since is none any more. */
  placed(aheadMicros: number, nowMs: number): void {
    this.#usualAheadMicros = Math.min(this.#usualAheadMicros, Math.max(0, aheadMicros));
    this.#placedAheadMicros = aheadMicros;
    this.#burstMicros = this.#burstMicros === undefined ? 0 : BURST_MICROS;
    this.#sinceMs = nowMs;
    this.#isSettled = false;
    this.#behindSinceMs = undefined;
  }

  /**
   * Asked at each cut: microseconds by which stream time moves on, negative to move less.
   *
   * @param at.aheadMicros how far stream time has been ahead of real time in the last seconds, at most.
   * @param at.frameMicros how far it may be from where it belongs: a frame.
   * @param at.segmentMicros length of the segment that ends.
   */
  step(at: {
    readonly aheadMicros: number;
    readonly frameMicros: number;
    readonly segmentMicros: number;
    readonly nowMs: number;
  }): number {
    const { aheadMicros, frameMicros, segmentMicros, nowMs } = at;
    if (nowMs - this.#sinceMs < SETTLED_AFTER_MS) return 0;
    if (!this.#isSettled && aheadMicros - this.#placedAheadMicros > (this.#burstMicros ?? 0))
      this.#usualAheadMicros = Math.min(USUAL_AHEAD_MICROS_MAX, Math.max(0, aheadMicros));
    this.#isSettled = true;
    const most = Math.round(Math.min(STEP_MICROS_MAX, segmentMicros * STEP_SHARE));
    if (aheadMicros >= -frameMicros) this.#behindSinceMs = undefined;
    else if (nowMs - (this.#behindSinceMs ??= nowMs) >= LATE_FOR_MS) return most;
    return aheadMicros > this.#usualAheadMicros + frameMicros ? -most : 0;
  }
}
