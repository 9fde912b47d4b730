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
  /** The track goes on after a discontinuity: its first frame may begin later than {@link nextDts}. */
  #isFresh = false;
  /** The last frame was one of ours: the next one lasts as long as puts those after it on their own time. */
  #isJoint = false;
  #adjustTicks = 0;
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
    this.#isFresh = true;
  }

  /** Decides over a frame that should begin at `micros`. `silentSamples` is the length of a silent frame, 0 where there is none. */
  place(micros: number, silentSamples: number): AudioPlacement {
    const ticks = microsToTicks(micros, this.timescale);
    if (this.nextDts === undefined) {
      this.nextDts = ticks;
      return { silentFrames: 0, used: true };
    }
    const tolerance = TOLERANCE_SECONDS * this.timescale;
    let residual = ticks - this.nextDts;
    if (this.#isFresh && residual > 0 && residual <= 2 * tolerance) {
      this.nextDts = ticks;
      residual = 0;
    }
    const silentTicks = this.#ticksOf(silentSamples);
    const rest = silentTicks === 0 ? residual : residual - Math.round(residual / silentTicks) * silentTicks;
    // Silence comes in whole frames: what it is off by is made up for at the joint.
    if (this.#isJoint || (residual > tolerance && silentTicks > 0)) this.#adjustTicks = Math.round(rest);
    if (residual < -tolerance) return { silentFrames: 0, used: false };
    if (residual <= tolerance || silentSamples === 0) return { silentFrames: 0, used: true };
    return { silentFrames: Math.round(residual / silentTicks), used: true };
  }

  /** Frames of silence that fit before `micros`. */
  silentFramesUntil(micros: number, silentSamples: number): number {
    if (this.nextDts === undefined || silentSamples === 0) return 0;
    const residual = microsToTicks(micros, this.timescale) - this.nextDts;
    return Math.max(0, Math.floor(residual / this.#ticksOf(silentSamples)));
  }

  /**
   * Takes the time for a frame of so many samples; its duration in ticks. Its decode time is where {@link nextDts} was.
   * `filler`: it is silence of ours.
   */
  advance(samples: number, filler: boolean): number {
    const units = samples * this.timescale + this.#rest;
    let ticks = Math.floor(units / this.#sampleRate);
    this.#rest = units - ticks * this.#sampleRate;
    if (!filler) {
      ticks = Math.max(1, ticks + this.#adjustTicks);
      this.#adjustTicks = 0;
    }
    this.#isFresh = false;
    this.#isJoint = filler;
    this.nextDts = (this.nextDts ?? 0) + ticks;
    return ticks;
  }

  #ticksOf(samples: number): number {
    return (samples * this.timescale) / this.#sampleRate;
  }
}
