import { ArrivalLag } from "#timeline/arrival-lag.ts";

/** Time over which an encoder's pace is measured, milliseconds. */
const PACE_WINDOW_MS = 2000;
/** Share of real time that an encoder must deliver to keep pace: clocks drift, and bursts begin and end within the time that is looked at. */
const PACE_MIN = 0.9;
/** More than this, and it is catching up. */
const PACE_MAX = 1.15;
/** How much later than usual frames must come for an encoder to count as late, milliseconds. */
const LATE_MS = 1000;
/** An encoder that catches up is no longer late below this, milliseconds. */
const CAUGHT_UP_MS = 300;
/** A step of the encoder's stamps that tells nothing about its pace, milliseconds. */
const STEP_MS_MAX = 10_000;

interface Sample {
  readonly nowMs: number;
  readonly stampMs: number;
}

/**
 * Whether an encoder delivers as fast as time goes by. One whose uplink is too thin sends on, slower than it encodes: its connection lives and never
 * falls silent, yet its pictures come later and later.
 *
 *   on time ─later than usual by a second, and slower than real time─▶ late
 *   late    ─caught up, or at the pace of real time for two seconds─▶ on time
 */
export class Pace {
  readonly #lag = new ArrivalLag();
  #samples: Sample[] = [];
  #lastStamp: number | undefined;
  #stampMs = 0;
  #lateMs = 0;
  #isLate = false;

  /** Frames come slower than time goes by, and so late that another picture should be on air. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** How much later than usual the last frame came, milliseconds. */
  get lateMs(): number {
    return this.#lateMs;
  }

  /** A frame of the tracks that decide came; `stamp` is its decode time as sent, milliseconds of 32 bits. */
  frame(stamp: number, nowMs: number): void {
    const step = this.#lastStamp === undefined ? 0 : (stamp - this.#lastStamp) | 0;
    this.#lastStamp = stamp;
    if (Math.abs(step) > STEP_MS_MAX) this.#reset();
    else this.#stampMs += step;
    const lagMicros = (nowMs - this.#stampMs) * 1000;
    this.#lag.add(lagMicros, nowMs);
    this.#lateMs = Math.max(0, (lagMicros - this.#lag.micros) / 1000);
    this.#sample(nowMs);
    const pace = this.#pace;
    if (this.#isLate) this.#isLate = this.#lateMs > CAUGHT_UP_MS && !(pace >= PACE_MIN && pace <= PACE_MAX);
    else this.#isLate = this.#lateMs > LATE_MS && pace < PACE_MIN;
  }

  /** Media time for each second that went by; 1 while too little is known. */
  get #pace(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.nowMs - first.nowMs < PACE_WINDOW_MS / 2) return 1;
    return (last.stampMs - first.stampMs) / (last.nowMs - first.nowMs);
  }

  #sample(nowMs: number): void {
    this.#samples.push({ nowMs, stampMs: this.#stampMs });
    let old = 0;
    // One that is older stays, so that the whole time is covered.
    while (nowMs - (this.#samples[old + 1]?.nowMs ?? nowMs) > PACE_WINDOW_MS) old++;
    if (old > 0) this.#samples.splice(0, old);
  }

  #reset(): void {
    this.#samples = [];
    this.#lag.reset();
    this.#isLate = false;
  }
}
