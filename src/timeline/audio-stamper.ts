import { microsToTicks } from "#time/ticks.ts";

/**
 * Gives audio frames their time by counting samples: `A0 + samples / rate`. The encoder's stamps are only asked whether that is still true.
 *
 *   stamp within 50 ms of the count ─▶ the count
 *   later by more                   ─▶ the hole is filled with whole frames of silence, then the count
 *   earlier by more                 ─▶ the frame is dropped, until the count is true again
 */

/** How far stamps may be from the sample count, seconds. */
const TOLERANCE_SECONDS = 0.05;

/** What {@link AudioStamper.place} says: how many frames of silence come first, and whether the frame itself is used. */
export interface AudioPlacement {
  readonly silentFrames: number;
  readonly used: boolean;
}

/**
 * Stamps one audio track for the whole life of a timeline. Its ticks stay the same when the encoder comes back with another sample rate: a
 * sample then lasts a fraction of a tick, and what rounding leaves over is carried on.
 */
export class AudioStamper {
  /** Ticks per second. */
  readonly timescale: number;
  /** End of the last stamped frame; `undefined` before the first. */
  nextDts: number | undefined;
  #sampleRate: number;
  /** Left over by rounding, in `1 / sampleRate` of a tick. */
  #rest = 0;

  constructor(timescale: number) {
    this.timescale = timescale;
    this.#sampleRate = timescale;
  }

  /** Samples per second of the frames that follow. */
  set sampleRate(sampleRate: number) {
    if (sampleRate === this.#sampleRate) return;
    this.#sampleRate = sampleRate;
    this.#rest = 0;
  }

  /** The track begins, or goes on after a discontinuity, no earlier than `ticks`. */
  begin(ticks: number): void {
    this.nextDts = Math.max(this.nextDts ?? ticks, ticks);
  }

  /** Decides over a frame that should begin at `micros`. `silentSamples` is the length of a silent frame, 0 where there is none. */
  place(micros: number, silentSamples: number): AudioPlacement {
    const ticks = microsToTicks(micros, this.timescale);
    if (this.nextDts === undefined) {
      this.nextDts = ticks;
      return { silentFrames: 0, used: true };
    }
    const tolerance = TOLERANCE_SECONDS * this.timescale;
    const residual = ticks - this.nextDts;
    if (residual < -tolerance) return { silentFrames: 0, used: false };
    if (residual <= tolerance || silentSamples === 0) return { silentFrames: 0, used: true };
    return { silentFrames: Math.round(residual / this.#ticksOf(silentSamples)), used: true };
  }

  /** Frames of silence that fit before `micros`. */
  silentFramesUntil(micros: number, silentSamples: number): number {
    if (this.nextDts === undefined || silentSamples === 0) return 0;
    const residual = microsToTicks(micros, this.timescale) - this.nextDts;
    return Math.max(0, Math.floor(residual / this.#ticksOf(silentSamples)));
  }

  /** Takes the time for a frame of so many samples; its duration in ticks. Its decode time is where {@link nextDts} was. */
  advance(samples: number): number {
    const units = samples * this.timescale + this.#rest;
    const ticks = Math.floor(units / this.#sampleRate);
    this.#rest = units - ticks * this.#sampleRate;
    this.nextDts = (this.nextDts ?? 0) + ticks;
    return ticks;
  }

  #ticksOf(samples: number): number {
    return (samples * this.timescale) / this.#sampleRate;
  }
}
