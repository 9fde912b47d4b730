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

/** Error of adding fractions, ticks. */
const ROUNDING_TICKS = 1e-6;

/** What {@link AudioStamper.place} says of a frame that comes too early to be used. */
export const DROPPED = -1;

/**
 * Stamps one audio track for the whole life of a timeline. All times are ticks of the track, which stay the same when the encoder comes back with
 * another sample rate: a sample then lasts a fraction of a tick, and what rounding leaves over is carried on.
 */
export class AudioStamper {
  /** Ticks per second. */
  readonly timescale: number;
  /** End of the last stamped frame; `undefined` before the first. */
  nextDts: number | undefined;
  /** Duration of the last stamped frame. */
  frameTicks = 0;
  #sampleRate: number;
  #offRun = 0;
  /** Ticks that the next frame must last longer: fractions left over by rounding. */
  #owed = 0;
  /** The same of all to come, to follow a drifting clock. */
  #drift = 0;

  constructor(timescale: number) {
    this.timescale = timescale;
    this.#sampleRate = timescale;
  }

  /** Samples per second of the frames that follow. */
  set sampleRate(sampleRate: number) {
    this.#sampleRate = sampleRate;
  }

  /**
   * Frames of silence that come before a frame stamped `micros`, or {@link DROPPED}. `silentSamples` is the length of a silent frame, 0 where
   * there is none. `joins`: what comes before is not this encoder's sound.
   */
  place(micros: number, silentSamples: number, joins: boolean): number {
    const ticks = microsToTicks(micros, this.timescale);
    if (this.nextDts === undefined) {
      this.nextDts = ticks;
      return 0;
    }
    const residual = ticks - this.nextDts;
    const distance = Math.abs(residual);
    const silenceTicks = this.#ticksOf(silentSamples);
    if (joins) {
      this.#offRun = 0;
      if (residual < -Math.max(1, silenceTicks / 2)) return DROPPED;
    } else {
      if (distance <= TOLERANCE_SECONDS * this.timescale) {
        this.#offRun = 0;
        return 0;
      }
      this.#offRun++;
      if (distance <= JITTER_SECONDS * this.timescale && this.#offRun < BELIEVED_FRAMES) return 0;
      this.#offRun = 0;
      if (residual < 0) return DROPPED;
    }
    return silenceTicks === 0 ? 0 : Math.max(0, Math.round(residual / silenceTicks));
  }

  /** Where a frame stamped `micros` will begin, in ticks. */
  startOf(micros: number): number {
    const ticks = microsToTicks(micros, this.timescale);
    const { nextDts } = this;
    return nextDts !== undefined && Math.abs(ticks - nextDts) <= JITTER_SECONDS * this.timescale ? nextDts : ticks;
  }

  /** Whole frames of silence that fit before `micros`. */
  silentFramesUntil(micros: number, silentSamples: number): number {
    if (this.nextDts === undefined || silentSamples === 0) return 0;
    const room = microsToTicks(micros, this.timescale) - this.nextDts;
    return Math.max(0, Math.floor(room / this.#ticksOf(silentSamples)));
  }

  /** Stream time moved by `micros`, a fraction of a frame: the next frames make up for it, a tick each, as players mend no more than that unheard. */
  drift(micros: number): void {
    this.#drift += (micros * this.timescale) / MICROS_PER_SECOND;
  }

  /** Takes the time for a frame of `samples`; its duration in ticks, at least 1. Its decode time is where {@link nextDts} was. */
  advance(samples: number): number {
    this.#owed += this.#ticksOf(samples) + this.#driftTick();
    // What multiplication leaves of a whole number is not a fraction of a tick.
    const duration = Math.max(1, Math.floor(this.#owed + ROUNDING_TICKS));
    this.#owed -= duration;
    this.nextDts = (this.nextDts ?? 0) + duration;
    this.frameTicks = duration;
    return duration;
  }

  #driftTick(): number {
    if (Math.abs(this.#drift) < 1) return 0;
    const tick = Math.sign(this.#drift);
    this.#drift -= tick;
    return tick;
  }

  #ticksOf(samples: number): number {
    return this.#sampleRate === this.timescale ? samples : (samples * this.timescale) / this.#sampleRate;
  }
}
