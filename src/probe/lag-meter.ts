import type { Clock } from "#time/clock.ts";

const TICK_MS = 20;
/** Ticks remembered: ten seconds. */
const TICKS_REMEMBERED = 500;

/**
 * Measures how late this process itself wakes up, so that the probe never blames a server for its own machine being busy.
 * Runs until `signal` aborts.
 */
export class LagMeter {
  readonly #late: { atMs: number; lagMs: number }[] = [];
  readonly #clock: Clock;
  #maxMs = 0;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Largest lateness since the start, in milliseconds. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** Measures until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const clock = this.#clock;
    while (!signal.aborted) {
      const dueMs = clock.nowMs() + TICK_MS;
      this.#dueMs = dueMs;
      try {
        await clock.sleep(TICK_MS, signal);
      } catch {
        return;
      }
      const lagMs = clock.nowMs() - dueMs;
      if (lagMs < TICK_MS) continue;
      this.#maxMs = Math.max(this.#maxMs, lagMs);
      this.#late.push({ atMs: clock.nowMs(), lagMs });
      if (this.#late.length > TICKS_REMEMBERED) this.#late.shift();
    }
  }

  /** Largest lateness since a moment, in milliseconds: by so much what was seen since may have been seen late. */
  sinceMs(fromMs: number): number {
    // After a freeze the socket may be read before the timer: the tick that is overdue counts too.
    let largest = Math.max(0, this.#clock.nowMs() - this.#dueMs);
    for (const { atMs, lagMs } of this.#late) if (atMs >= fromMs) largest = Math.max(largest, lagMs);
    return largest;
  }
}
