/** Time over which an encoder's delay is watched, milliseconds. */
const WINDOW_MS = 2000;
/** How long it must have been watched before it can be called steady, milliseconds. */
const WATCHED_MS = 1500;
/** How much a steady delay may vary, milliseconds. */
const SPREAD_MS_MAX = 300;
/** Time in which a burst shows, milliseconds. */
const BURST_WINDOW_MS = 1000;
/** By how much the delay must fall within it, milliseconds. */
const BURST_MS = 500;
/** How much later than usual frames must come for an encoder to count as late, milliseconds. */
const LATE_MS = 900;
/** An encoder that catches up is no longer late below this, milliseconds. */
const CAUGHT_UP_MS = 300;
/** How far a step of the encoder's stamps may be from what went by meanwhile: more, and its clock jumped, milliseconds. */
const STEP_MS_MAX = 1000;

interface Sample {
  readonly nowMs: number;
  /** Arrival less stamp, milliseconds. */
  readonly lagMs: number;
}

/**
 * Whether an encoder delivers as fast as time goes by. One whose uplink is too thin sends on, slower than it encodes: its connection lives and never
 * falls silent, yet its pictures come later and later.
 *
 *   on time ─the next frame comes 0.9 s later than usual, or would if it came now─▶ late
 *   late    ─caught up, or at the same delay for two seconds                      ─▶ on time
 */
export class Pace {
  #samples: Sample[] = [];
  #lastStamp: number | undefined;
  #stampMs = 0;
  #arrivedMs = 0;
  /** The usual delay, milliseconds: the least there was, or what it has been for a while. */
  #usualMs = Number.POSITIVE_INFINITY;
  #lateMs = 0;
  #isLate = false;
  /** Whether the usual delay was steady once since it is watched. */
  #isProven = false;
  #isBurst = false;

  /** What comes was kept somewhere and comes faster than time goes by, and nobody knows yet for how long: it began like this. */
  get isBurst(): boolean {
    return this.#isBurst && !this.#isProven;
  }

  /**
   * How much later than usual the next frame comes at the earliest, milliseconds. `awaitedMs`: for how long it has been due by what the encoder sends,
   * 0 while it is not.
   */
  lateMs(awaitedMs: number): number {
    return this.#lateMs + awaitedMs;
  }

  /** Whether frames come so late, and ever later or in a burst, that another picture should be on air. */
  isLate(awaitedMs: number): boolean {
    return this.#isLate || this.lateMs(awaitedMs) > LATE_MS;
  }

  /** A frame of the tracks that decide came; `stamp` is its decode time as sent, milliseconds of 32 bits. */
  frame(stamp: number, nowMs: number): void {
    const step = this.#lastStamp === undefined ? 0 : (stamp - this.#lastStamp) | 0;
    this.#lastStamp = stamp;
    const sinceMs = nowMs - this.#arrivedMs;
    this.#arrivedMs = nowMs;
    if (step < -STEP_MS_MAX || step > sinceMs + STEP_MS_MAX) this.#reset();
    else this.#stampMs += step;
    const lagMs = nowMs - this.#stampMs;
    this.#samples.push({ nowMs, lagMs });
    let old = 0;
    while (nowMs - (this.#samples[old]?.nowMs ?? nowMs) > WINDOW_MS) old++;
    if (old > 0) this.#samples.splice(0, old);
    this.#usualMs = Math.min(this.#usualMs, lagMs);
    const lateMs = lagMs - this.#usualMs;
    this.#lateMs = lateMs;
    this.#isLate = lateMs > (this.#isLate ? CAUGHT_UP_MS : LATE_MS);
    if (lateMs > CAUGHT_UP_MS || !this.#isProven) this.#considerUsual(nowMs);
    this.#isBurst = !this.#isProven && this.#fell(nowMs, lagMs);
  }

  /** A delay that stays as it is becomes the usual one. */
  #considerUsual(nowMs: number): void {
    if (nowMs - (this.#samples[0]?.nowMs ?? nowMs) < WATCHED_MS) return;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (const { lagMs } of this.#samples) {
      least = Math.min(least, lagMs);
      most = Math.max(most, lagMs);
    }
    if (most - least > SPREAD_MS_MAX) return;
    this.#usualMs = least;
    this.#isLate = false;
    this.#isProven = true;
  }

  #fell(nowMs: number, lagMs: number): boolean {
    return this.#samples.some((one) => nowMs - one.nowMs <= BURST_WINDOW_MS && one.lagMs - lagMs > BURST_MS);
  }

  #reset(): void {
    this.#samples = [];
    this.#usualMs = Number.POSITIVE_INFINITY;
    this.#isLate = false;
    this.#isProven = false;
  }
}
