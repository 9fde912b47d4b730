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

/** Stamps one audio track for the whole life of a timeline. */
export class AudioStamper {
  /** Ticks per second. */
  readonly sampleRate: number;
  /** End of the last stamped frame; `undefined` before the first. */
  nextDts: number | undefined;

  constructor(sampleRate: number) {
    this.sampleRate = sampleRate;
  }

  /** Decides over a frame that should begin at `micros`. `silenceTicks` is the length of a silent frame, 0 where there is none. */
  place(micros: number, silenceTicks: number): AudioPlacement {
    const ticks = microsToTicks(micros, this.sampleRate);
    if (this.nextDts === undefined) {
      this.nextDts = ticks;
      return { silentFrames: 0, used: true };
    }
    const tolerance = TOLERANCE_SECONDS * this.sampleRate;
    const residual = ticks - this.nextDts;
    if (residual < -tolerance) return { silentFrames: 0, used: false };
    if (residual <= tolerance || silenceTicks === 0) return { silentFrames: 0, used: true };
    return { silentFrames: Math.round(residual / silenceTicks), used: true };
  }

  /** Frames of silence that fit before `micros`. */
  silentFramesUntil(micros: number, silenceTicks: number): number {
    if (this.nextDts === undefined || silenceTicks === 0) return 0;
    return Math.max(0, Math.floor((microsToTicks(micros, this.sampleRate) - this.nextDts) / silenceTicks));
  }

  /** Takes the time for a frame of `durationTicks`; its decode time. */
  advance(durationTicks: number): number {
    const dts = this.nextDts ?? 0;
    this.nextDts = dts + durationTicks;
    return dts;
  }
}
