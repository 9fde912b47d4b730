import { VIDEO_TIMESCALE } from "#media/track.ts";
import { microsToTicks, type Rational } from "#time/ticks.ts";
import { measuredRate } from "./nominal-rate.ts";

/**
 * Gives video frames their decode time, presentation offset and duration in ticks of 90 kHz.
 *
 *   locked    the rate is known: frame n is at `base + n·q` exactly, leaves at once, and lasts exactly until `base + (n+1)·q`
 *   measuring the rate is not known: one frame is held back until the next one tells how long it lasted
 *
 * Decode times are contiguous in both: a frame after a gap begins where the one before ended, and its presentation offset says when it is shown.
 * With B-frames, decode times are moved later by the delay of the first keyframe, so that a keyframe is shown at its own decode time.
 */

/** Frames that must lie on a line before the rate is believed. */
const MEASURE_FRAMES = 31;
/** Rounding of stamps by the encoder, milliseconds. */
const ROUNDING_MS = 1.1;
/** Frames in a row on one side of the line before the rate is doubted. */
const DOUBT_FRAMES = 30;
/** Distance from the line that counts for {@link DOUBT_FRAMES}, ticks: 4 ms. */
const DOUBT_TICKS = 360;
/** Frames left out, fading by a quarter with each that is there, before the rate is doubted: it may be twice the real one. */
const SKIPS_MAX = 8;
const SKIPS_FADE = 0.25;
/** How far a presentation offset may be from a whole frame and still mean it, ticks: 1.5 ms. */
const SNAP_TICKS = 135;
/** Assumed duration before anything is known, ticks: 30 fps. */
const UNKNOWN_TICKS = 3000;

/** A stamped frame, with what the caller passed in. */
export interface StampedVideo<Payload> {
  readonly payload: Payload;
  readonly dts: number;
  readonly ptsOffset: number;
  readonly duration: number;
}

interface Held<Payload> {
  readonly payload: Payload;
  readonly ticks: number;
  readonly ptsTicks: number;
}

/** Stamps one video track for the whole life of a timeline. */
export class VideoStamper<Payload> {
  /** End of the last stamped frame: the decode time of the next. `undefined` before the first. */
  nextDts: number | undefined;
  #rate: Rational | undefined;
  #baseTicks = 0;
  #count = 0;
  #doubts = 0;
  #skips = 0;
  #shiftTicks = 0;
  #shiftFrames = 0;
  #held: Held<Payload> | undefined;
  #recentMs: number[] = [];
  #lastTicks: number | undefined;
  #typicalTicks = UNKNOWN_TICKS;

  /** The rate frames are locked to. */
  get lockedRate(): Rational | undefined {
    return this.#rate;
  }

  /** Expected duration of a frame, microseconds. */
  get frameMicros(): number {
    return Math.round((this.#frameTicks() * 1_000_000) / VIDEO_TIMESCALE);
  }

  /**
   * A session begins with a keyframe whose decode time is `micros` and which is shown `offsetMicros` later.
   * `rate` is what its bitstream and metadata claim, where they agree.
   */
  begin(options: { micros: number; offsetMicros: number; rate: Rational | undefined }): void {
    this.#shiftTicks = microsToTicks(options.offsetMicros, VIDEO_TIMESCALE);
    this.#recentMs = [];
    this.#lastTicks = undefined;
    this.#rate = undefined;
    if (options.rate !== undefined)
      this.#lock(options.rate, microsToTicks(options.micros, VIDEO_TIMESCALE) + this.#shiftTicks);
  }

  /** Stream time moved by `ticks`: what is not stamped yet moves along. */
  shift(ticks: number): void {
    this.#baseTicks += ticks;
    if (this.#lastTicks !== undefined) this.#lastTicks += ticks;
    const held = this.#held;
    if (held !== undefined) this.#held = { ...held, ticks: held.ticks + ticks, ptsTicks: held.ptsTicks + ticks };
  }

  /** Stamps a frame by its decode time; appends what is ready to `out`. */
  add(micros: number, offsetMicros: number, payload: Payload, out: StampedVideo<Payload>[]): void {
    const ticks = microsToTicks(micros, VIDEO_TIMESCALE) + this.#shiftTicks;
    const offsetTicks = microsToTicks(offsetMicros, VIDEO_TIMESCALE);
    if (this.#rate !== undefined && this.#onLine(ticks)) {
      this.#emitOnLine(offsetTicks, payload, out);
      return;
    }
    this.#measure(micros, ticks);
    const held = this.#held;
    if (held !== undefined) this.#emit(held, ticks, out);
    this.#held = { payload, ticks, ptsTicks: ticks - this.#shiftTicks + offsetTicks };
    if (this.#rate === undefined) this.#tryLock(out);
  }

  /** Lets go of a held frame with its likely duration: nothing follows soon. */
  flush(out: StampedVideo<Payload>[]): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#emit(held, held.ticks + this.#frameTicks(), out);
  }

  /** A frame of ours that fills the time up to `endTicks`; its presentation is its decode time. */
  fill(endTicks: number, payload: Payload, out: StampedVideo<Payload>[]): void {
    const dts = this.nextDts ?? endTicks - UNKNOWN_TICKS;
    this.nextDts = endTicks;
    out.push({ payload, dts, ptsOffset: 0, duration: endTicks - dts });
  }

  #frameTicks(): number {
    return this.#rate === undefined ? this.#typicalTicks : (VIDEO_TIMESCALE * this.#rate.den) / this.#rate.num;
  }

  #lineAt(count: number): number {
    const rate = this.#rate ?? { num: VIDEO_TIMESCALE, den: UNKNOWN_TICKS };
    return this.#baseTicks + Math.round((count * VIDEO_TIMESCALE * rate.den) / rate.num);
  }

  #lock(rate: Rational, ticks: number): void {
    this.#rate = rate;
    this.#baseTicks = ticks;
    this.#count = 0;
    this.#doubts = 0;
    this.#skips = 0;
    this.#shiftFrames = Math.round(this.#shiftTicks / ((VIDEO_TIMESCALE * rate.den) / rate.num));
  }

  /** Whether the frame belongs to the line; moves on over frames that were left out. Unlocks when it does not. */
  #onLine(ticks: number): boolean {
    const frame = this.#frameTicks();
    const residual = ticks - this.#lineAt(this.#count);
    const skipped = residual > frame / 2 ? Math.round(residual / frame) : 0;
    const rest = residual - skipped * frame;
    if (residual < -frame / 2 || Math.abs(rest) > frame * 0.45) return this.#unlock();
    this.#doubts =
      Math.abs(rest) <= DOUBT_TICKS ? 0 : rest > 0 ? Math.max(1, this.#doubts + 1) : Math.min(-1, this.#doubts - 1);
    if (Math.abs(this.#doubts) >= DOUBT_FRAMES) return this.#unlock();
    this.#skips = skipped > 0 ? this.#skips + 1 : Math.max(0, this.#skips - SKIPS_FADE);
    if (this.#skips >= SKIPS_MAX) return this.#unlock();
    this.#count += skipped;
    return true;
  }

  #unlock(): false {
    this.#typicalTicks = Math.round(this.#frameTicks());
    this.#rate = undefined;
    this.#recentMs = [];
    this.#lastTicks = undefined;
    return false;
  }

  #emitOnLine(offsetTicks: number, payload: Payload, out: StampedVideo<Payload>[]): void {
    const frame = this.#frameTicks();
    const at = this.#lineAt(this.#count);
    const end = this.#lineAt(this.#count + 1);
    const offsetFrames = Math.round(offsetTicks / frame);
    const ptsTicks =
      Math.abs(offsetTicks - offsetFrames * frame) <= SNAP_TICKS
        ? this.#lineAt(this.#count + offsetFrames - this.#shiftFrames)
        : at - this.#shiftTicks + offsetTicks;
    this.#count++;
    // After a thousand times the numerator the line is at a whole number of ticks: moving the base there keeps products small for ever.
    const period = (this.#rate?.num ?? 1) * 1000;
    if (this.#count >= period) {
      this.#baseTicks = this.#lineAt(period);
      this.#count -= period;
    }
    this.#emit({ payload, ticks: at, ptsTicks }, end, out);
  }

  #emit(frame: Held<Payload>, end: number, out: StampedVideo<Payload>[]): void {
    const dts = this.nextDts ?? frame.ticks;
    const duration = Math.max(1, end - dts);
    this.nextDts = dts + duration;
    out.push({ payload: frame.payload, dts, ptsOffset: frame.ptsTicks - dts, duration });
  }

  #measure(micros: number, ticks: number): void {
    if (this.#lastTicks !== undefined && ticks > this.#lastTicks)
      this.#typicalTicks = Math.min(VIDEO_TIMESCALE, ticks - this.#lastTicks);
    this.#lastTicks = ticks;
    this.#recentMs.push(micros / 1000);
    if (this.#recentMs.length > MEASURE_FRAMES) this.#recentMs.shift();
  }

  /** Locks once enough frames lie on the line of a rate that exists; the frame held is the line's first. */
  #tryLock(out: StampedVideo<Payload>[]): void {
    if (this.#recentMs.length < MEASURE_FRAMES) return;
    const rate = measuredRate(this.#recentMs, ROUNDING_MS);
    const held = this.#held;
    if (rate === undefined || held === undefined) return;
    this.#held = undefined;
    this.#lock(rate, Math.max(held.ticks, this.nextDts ?? held.ticks));
    this.#count = 1;
    this.#emit(held, this.#lineAt(1), out);
  }
}
