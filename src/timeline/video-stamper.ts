import { VIDEO_TIMESCALE } from "#media/track.ts";
import { microsToTicks, type Rational, ticksToMicros } from "#time/ticks.ts";
import { RateMeter } from "./nominal-rate.ts";

/**
 * Gives video frames their decode time, presentation offset and duration in ticks of 90 kHz.
 *
 *   locked    the rate is known: frame n is at `base + n·q` exactly, leaves at once, and lasts exactly until `base + (n+1)·q`
 *   measuring the rate is not known: one frame is held back until the next one tells how long it lasted
 *
 *   locked ─frames left out too often, or the line slides away─▶ measuring ─61 stamps on the line of a rate─▶ locked
 *
 * Decode times are contiguous in both: a frame after a gap begins where the one before ended, and its presentation offset says when it is shown.
 * No frame lasts longer than fits a part beside others: after a long gap decode times stay behind, and the next frames make up for it bit by bit.
 * A session that begins a little before the end of what is shown has its first pictures eight times as fast, until they are where they belong.
 * With B-frames, decode times are moved later by the delay of the first keyframe, so that a keyframe is shown at its own decode time.
 */

/** Distance from the line that rounding explains, ticks: 2 ms. */
const ON_LINE_TICKS = 180;
/** Frames in a row on one side of the line, further than that, before the line is moved. */
const OFF_LINE_FRAMES = 30;
/** A line that must be moved again within so many frames has the wrong rate: 0.5 ms a second at 30 fps. */
const STEADY_FRAMES = 128;
/** Moves in a row, each within {@link STEADY_FRAMES} of the last, that end the belief in the rate. */
const MOVES_MAX = 2;
/** Doubts that end the belief in the rate: a frame left out is one, one left out off the line four; each frame in its place takes a quarter back. */
const DOUBTS_MAX = 8;
/** How far a presentation offset may be from a whole frame and still mean it, ticks: differences of two rounded stamps, 1.5 ms. */
const SNAP_TICKS = 135;
/** A frame that makes up for a gap lasts at most so many usual ones, */
const CATCH_UP_FRAMES = 1.5;
/** … or this share of a part where that is more: parts are then at least 85 % full (RFC 8216bis "EXT-X-PART-INF"). */
const CATCH_UP_SHARE = 0.15;
/** How far decode times may stay behind, ticks: 1 s. Frames that are all longer than a part are stamped as they are. */
const BEHIND_TICKS_MAX = 90_000;
/** How long the last picture is shown before that of another session, ticks: a frame, or 100 ms where frames are longer. */
const SHOWN_TICKS = 9000;
/** How much faster pictures follow each other that begin before the end of what is shown. */
const HURRY = 8;
/** Assumed duration before anything is known, ticks: 30 fps. */
const UNKNOWN_TICKS = 3000;

/** Takes stamped frames; times are ticks. */
export interface VideoSink<Payload> {
  stamped(payload: Payload, dts: number, ptsOffset: number, duration: number): void;
}

interface Held<Payload> {
  readonly payload: Payload;
  ticks: number;
  ptsTicks: number;
}

/** Stamps one video track for the whole life of a timeline. */
export class VideoStamper<Payload> {
  /** End of the last stamped frame: the decode time of the next. `undefined` before the first came. */
  nextDts: number | undefined;
  /** Where the last stamped frame would end if it were as long as it is shown. */
  #shownUntil = 0;
  /** Where the picture ends that is shown last of those that were stamped. */
  #presentedUntil = 0;
  readonly #sink: VideoSink<Payload>;
  readonly #partTicks: number;
  readonly #meter = new RateMeter();
  #rate: Rational | undefined;
  #baseTicks = 0;
  #count = 0;
  #doubts = 0;
  /** Frames in a row on one side of the line: positive for late ones. */
  #offRun = 0;
  #offTicks = 0;
  #sinceMove = 0;
  #moves = 0;
  #shiftTicks = 0;
  #shiftFrames = 0;
  /** Where the session began, and how much later its first picture is shown, ticks. */
  #beginTicks = 0;
  #lateTicks = 0;
  #held: Held<Payload> | undefined;
  #lastTicks: number | undefined;
  #typicalTicks = UNKNOWN_TICKS;

  /** `partMicros`: the longest frame that fits a part, microseconds. */
  constructor(sink: VideoSink<Payload>, partMicros: number) {
    this.#sink = sink;
    this.#partTicks = microsToTicks(partMicros, VIDEO_TIMESCALE);
  }

  /** The rate frames are locked to. */
  get lockedRate(): Rational | undefined {
    return this.#rate;
  }

  /** Expected duration of a frame, microseconds. */
  get frameMicros(): number {
    return Math.round((this.#frameTicks() * 1_000_000) / VIDEO_TIMESCALE);
  }

  /** End of everything stamped, in decode time and as it is shown, ticks: pictures of B-frames may be shown after others that never came. */
  get presentedUntil(): number | undefined {
    return this.nextDts === undefined ? undefined : Math.max(this.nextDts, this.#presentedUntil);
  }

  /** How much later than its stamp a frame is decoded, microseconds. */
  get shiftMicros(): number {
    return ticksToMicros(this.#shiftTicks, VIDEO_TIMESCALE);
  }

  /** How long after the expected end of the last frame one with decode time `micros` would begin, microseconds. */
  gapMicros(micros: number): number {
    const held = this.#held;
    if (held === undefined && this.nextDts === undefined) return 0;
    const end = held === undefined ? this.#shownUntil : held.ticks + this.#frameTicks();
    return ((microsToTicks(micros, VIDEO_TIMESCALE) + this.#shiftTicks - end) * 1_000_000) / VIDEO_TIMESCALE;
  }

  /**
   * A session begins, or goes on after a hold, with a keyframe whose decode time is `micros` and which is shown `offsetMicros` later.
   * `rate` is what its bitstream and metadata claim, where they agree.
   */
  begin(options: { micros: number; offsetMicros: number; rate: Rational | undefined }): void {
    const { micros, offsetMicros, rate } = options;
    this.#shiftTicks = microsToTicks(offsetMicros, VIDEO_TIMESCALE);
    this.#lastTicks = undefined;
    this.#rate = undefined;
    this.#meter.reset();
    this.#beginTicks = microsToTicks(micros + offsetMicros, VIDEO_TIMESCALE);
    this.#lateTicks = Math.max(0, (this.presentedUntil ?? 0) - this.#beginTicks);
    if (rate !== undefined) this.#lock(rate, this.#beginTicks);
  }

  /** Stream time moved by `micros`: what is not stamped yet moves along. */
  shift(micros: number): void {
    const ticks = microsToTicks(micros, VIDEO_TIMESCALE);
    this.#baseTicks += ticks;
    this.#beginTicks += ticks;
    if (this.#lastTicks !== undefined) this.#lastTicks += ticks;
    this.#meter.reset();
    const held = this.#held;
    if (held === undefined) return;
    held.ticks += ticks;
    held.ptsTicks += ticks;
  }

  /** Stamps a frame by its decode time; the sink gets what is ready. */
  add(micros: number, offsetMicros: number, payload: Payload): void {
    const ticks = microsToTicks(micros, VIDEO_TIMESCALE) + this.#shiftTicks;
    const offsetTicks = microsToTicks(offsetMicros, VIDEO_TIMESCALE);
    if (this.#rate !== undefined && this.#followsLine(ticks)) {
      this.#emitOnLine(offsetTicks, payload);
      return;
    }
    if (this.#lastTicks !== undefined && ticks > this.#lastTicks)
      this.#typicalTicks = Math.min(VIDEO_TIMESCALE, ticks - this.#lastTicks);
    this.#lastTicks = ticks;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#emit(held.payload, held.ptsTicks, ticks);
    const rate = this.#meter.add(ticks);
    const ptsTicks = ticks - this.#shiftTicks + offsetTicks;
    this.nextDts ??= ticks;
    if (rate === undefined) {
      this.#held = { payload, ticks, ptsTicks };
      return;
    }
    this.#lock(rate, Math.max(ticks, this.nextDts));
    this.#count = 1;
    this.#emit(payload, ptsTicks, this.#lineAt(1));
  }

  /** Lets go of a held frame with its likely duration: nothing follows soon. */
  flush(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#emit(held.payload, held.ptsTicks, Math.round(held.ticks + this.#frameTicks()));
  }

  /** A frame of ours that fills the time up to `endTicks`. It is shown after all before it. Does nothing where there is no time to fill. */
  fill(endTicks: number, payload: Payload): void {
    const { nextDts } = this;
    if (nextDts === undefined || endTicks <= nextDts) return;
    const pts = Math.max(nextDts, this.#presentedUntil);
    this.nextDts = endTicks;
    this.#shownUntil = endTicks;
    this.#presentedUntil = Math.max(endTicks, pts + 1);
    this.#sink.stamped(payload, nextDts, pts - nextDts, endTicks - nextDts);
  }

  #frameTicks(): number {
    return this.#rate === undefined ? this.#typicalTicks : (VIDEO_TIMESCALE * this.#rate.den) / this.#rate.num;
  }

  #lineAt(count: number): number {
    const rate = this.#rate;
    if (rate === undefined) return this.#baseTicks + count * UNKNOWN_TICKS;
    return this.#baseTicks + Math.round((count * VIDEO_TIMESCALE * rate.den) / rate.num);
  }

  #lock(rate: Rational, ticks: number): void {
    this.#rate = rate;
    this.#baseTicks = ticks;
    this.#count = 0;
    this.#doubts = 0;
    this.#offRun = 0;
    this.#sinceMove = 0;
    this.#moves = 0;
    this.#shiftFrames = Math.round(this.#shiftTicks / ((VIDEO_TIMESCALE * rate.den) / rate.num));
  }

  /** Whether the frame belongs to the line; moves on over frames that were left out. Unlocks when it does not. */
  #followsLine(ticks: number): boolean {
    const frame = this.#frameTicks();
    const residual = ticks - this.#lineAt(this.#count);
    const skipped = residual > frame / 2 ? Math.round(residual / frame) : 0;
    const rest = residual - skipped * frame;
    if (residual < -frame / 2 || Math.abs(rest) > frame * 0.45) return this.#unlock();
    if (skipped > 0) this.#doubts += Math.abs(rest) > frame / 4 ? 4 : 1;
    else if (this.#doubts > 0) this.#doubts -= 0.25;
    if (this.#doubts >= DOUBTS_MAX) return this.#unlock();
    this.#count += skipped;
    return this.#moveLine(rest);
  }

  /** Follows an encoder whose frames come a little off their nominal rate; `false` when the rate itself must be wrong. */
  #moveLine(rest: number): boolean {
    this.#sinceMove++;
    if (Math.abs(rest) <= ON_LINE_TICKS || rest > 0 !== this.#offRun > 0) {
      this.#offRun = 0;
      this.#offTicks = 0;
    }
    if (Math.abs(rest) <= ON_LINE_TICKS) return true;
    this.#offRun += rest > 0 ? 1 : -1;
    this.#offTicks += rest;
    if (Math.abs(this.#offRun) < OFF_LINE_FRAMES) return true;
    this.#moves = this.#sinceMove < STEADY_FRAMES ? this.#moves + 1 : 0;
    if (this.#moves >= MOVES_MAX) return this.#unlock();
    this.#baseTicks += Math.round(this.#offTicks / OFF_LINE_FRAMES);
    this.#offRun = 0;
    this.#offTicks = 0;
    this.#sinceMove = 0;
    return true;
  }

  #unlock(): false {
    this.#typicalTicks = Math.round(this.#frameTicks());
    this.#rate = undefined;
    this.#meter.reset();
    this.#lastTicks = undefined;
    return false;
  }

  #emitOnLine(offsetTicks: number, payload: Payload): void {
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
    this.nextDts ??= at;
    this.#emit(payload, ptsTicks, end);
  }

  /** Where something is shown that belongs at `ticks`: no earlier than what was shown before the session ends, and in order. */
  #afterBefore(ticks: number): number {
    if (this.#lateTicks === 0) return ticks;
    const since = ticks - this.#beginTicks;
    return this.#beginTicks + Math.max(since, Math.round(this.#lateTicks + since / HURRY));
  }

  /** Stamps a frame that belongs at `at` and should last until `until`. */
  #emit(payload: Payload, at: number, until: number): void {
    const [ptsTicks, end] = [this.#afterBefore(at), this.#afterBefore(until)];
    const dts = this.nextDts ?? end - UNKNOWN_TICKS;
    this.#shownUntil = Math.max(dts + 1, end);
    const shownTicks = Math.min(this.#frameTicks(), SHOWN_TICKS);
    this.#presentedUntil = Math.max(this.#presentedUntil, Math.floor(ptsTicks + shownTicks));
    const usual = Math.max(CATCH_UP_SHARE * this.#partTicks, CATCH_UP_FRAMES * this.#frameTicks());
    const longest = Math.round(Math.min(this.#partTicks, usual));
    this.nextDts = Math.min(this.#shownUntil, Math.max(dts + longest, this.#shownUntil - BEHIND_TICKS_MAX));
    this.#sink.stamped(payload, dts, ptsTicks - dts, this.nextDts - dts);
  }
}
