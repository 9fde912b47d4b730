import { MICROS_PER_SECOND, microsToTicks } from "#time/ticks.ts";

/**
 * Gives audio frames their time by counting samples: `A0 + samples / rate`. The encoder's stamps are only asked whether that is still true.
 *
 *   stamp within 50 ms of the count      ─▶ the count
 *   within 100 ms, for fewer than 5 frames ─▶ the count: that was jitter
 *   later                                ─▶ the hole is filled with whole frames of silence, then the count
 *   earlier                              ─▶ the frame is dropped, until the count is true again
 *
 * After silence of ours the count begins anew at the nearest whole frame.
 */

/** How far stamps may be from the sample count, seconds. */
const TOLERANCE_SECONDS = 0.05;
/** How far single frames may be, seconds. */
const JITTER_SECONDS = 0.1;
/** Frames in a row beyond the tolerance that are believed. */
const BELIEVED_FRAMES = 5;

/** What {@link AudioStamper.place} says of a frame that comes too early to be used. */
export const DROPPED = -1;

/** Stamps one audio track for the whole life of its sample rate in a timeline. All times are ticks of the track. */
export class AudioStamper {
  /** Ticks per second. */
  readonly sampleRate: number;
  /** End of the last stamped frame; `undefined` before the first. */
  nextDts: number | undefined;
  #offRun = 0;
  /** Ticks by which the next frame lasts longer, to follow a drifting clock; with its fraction. */
  #owed = 0;

  constructor(sampleRate: number) {
    this.sampleRate = sampleRate;
  }

  /**
   * Frames of silence that come before a frame stamped `micros`, or {@link DROPPED}. `silenceTicks` is the length of a silent frame, 0 where
   * there is none. `joins`: what comes before is not this encoder's sound.
   */
  place(micros: number, silenceTicks: number, joins: boolean): number {
    const ticks = microsToTicks(micros, this.sampleRate);
    if (this.nextDts === undefined) {
      this.nextDts = ticks;
      return 0;
    }
    const residual = ticks - this.nextDts;
    const distance = Math.abs(residual);
    if (joins) {
      this.#offRun = 0;
      if (residual < -Math.max(1, silenceTicks / 2)) return DROPPED;
    } else {
      if (distance <= TOLERANCE_SECONDS * this.sampleRate) {
        this.#offRun = 0;
        return 0;
      }
      this.#offRun++;
      if (distance <= JITTER_SECONDS * this.sampleRate && this.#offRun < BELIEVED_FRAMES) return 0;
      this.#offRun = 0;
      if (residual < 0) return DROPPED;
    }
    return silenceTicks === 0 ? 0 : Math.max(0, Math.round(residual / silenceTicks));
  }

  /** Where a frame stamped `micros` will begin, in ticks. */
  startOf(micros: number): number {
    const ticks = microsToTicks(micros, this.sampleRate);
    const { nextDts } = this;
    return nextDts !== undefined && Math.abs(ticks - nextDts) <= JITTER_SECONDS * this.sampleRate ? nextDts : ticks;
  }

  /** Whole frames of silence that fit before `micros`. */
  silentFramesUntil(micros: number, silenceTicks: number): number {
    if (this.nextDts === undefined || silenceTicks === 0) return 0;
    return Math.max(0, Math.floor((microsToTicks(micros, this.sampleRate) - this.nextDts) / silenceTicks));
  }

  /** Stream time moved by `micros`, a fraction of a frame: the next frame makes up for it. */
  drift(micros: number): void {
    this.#owed += (micros * this.sampleRate) / MICROS_PER_SECOND;
  }

  /** Takes the time for a frame of `samples`; its duration in ticks, at least 1. */
  advance(samples: number): number {
    let duration = samples;
    if (this.#owed >= 1 || this.#owed <= -1) {
      const whole = Math.max(Math.trunc(this.#owed), 1 - samples);
      duration += whole;
      this.#owed -= whole;
    }
    this.nextDts = (this.nextDts ?? 0) + duration;
    return duration;
  }
}
