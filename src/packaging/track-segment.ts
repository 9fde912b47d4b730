import { assert } from "#faults/fault.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { sequenceNumber, writeChunk } from "./cmaf/chunk.ts";
import { beginsNewPart, closesPart } from "./part-rule.ts";
import type { Track } from "#media/track.ts";
import { ticksToMicros } from "#time/ticks.ts";
import type { InitSegment, Part, Segment } from "./window.ts";
import { UsualDuration } from "./usual-duration.ts";

/** What a segment is born with. */
export interface SegmentBirth {
  readonly number: number;
  readonly startDts: number;
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  /** The track with the parameters it has from here on, and the init segment of these. */
  readonly track: Track;
  readonly init: InitSegment;
  /** Part target in ticks of the track; `Infinity` where the stream has no parts. */
  readonly partTargetTicks: number;
}

/**
 * One track's share of a segment while it grows and after:
 *
 *   frames ─▶ open part (payload references) ─close─▶ Part (one array) ─asked for whole─▶ one array, parts are views of it
 *
 * Low-latency players take parts only, so most segments are never joined: joining all of them would copy every byte once more.
 *
 * A hole in the frames spoils it: it then takes nothing more and ends as a gap.
 */
export class TrackSegment implements Segment {
  readonly number: number;
  readonly startDts: number;
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  readonly track: Track;
  readonly init: InitSegment;
  duration = 0;
  parts: Part[] = [];
  sealed = false;
  independent = true;
  gap = false;
  frameCount = 0;
  heldFrameCount = 0;
  sizeBytes = 0;
  usualFrameTicks = 0;
  /** A frame was lost: this segment can only become a gap. */
  spoiled = false;
  /** No further frame of it will come. */
  complete = false;
  /** Index of the next frame. */
  nextIndex = 0;
  readonly #targetTicks: number;
  #durations: UsualDuration | undefined = new UsualDuration();
  #open: Frame[] = [];
  #openTicks = 0;
  #joined: Uint8Array | undefined;

  constructor(birth: SegmentBirth) {
    this.number = birth.number;
    this.startDts = birth.startDts;
    this.discontinuity = birth.discontinuity;
    this.discontinuitySequence = birth.discontinuitySequence;
    this.track = birth.track;
    this.init = birth.init;
    this.#targetTicks = birth.partTargetTicks;
  }

  get initName(): string {
    return this.init.name;
  }

  /** End of everything received, whole parts or not, microseconds of stream time. */
  get endMicros(): number {
    return ticksToMicros(this.startDts + this.duration + this.#openTicks, this.track.timescale);
  }

  /** There are parts, and frames after them that are not in one yet. */
  get hasRest(): boolean {
    return this.parts.length > 0 && this.#open.length > 0;
  }

  /** Takes the frame of index {@link nextIndex}. Answers how many parts it closed: 0, 1, or 2 where it is too long to share one. */
  add(frame: Frame): number {
    let closed = 0;
    if (this.nextIndex === 0 && this.track.config.kind === "video")
      this.independent = (frame.flags & FrameFlag.INDEPENDENT) !== 0;
    if (beginsNewPart(this.#openTicks, frame.duration, this.#targetTicks)) closed += this.#closePart();
    this.#open.push(frame);
    this.#openTicks += frame.duration;
    if ((frame.flags & FrameFlag.SLATE) === 0) this.#durations?.add(frame.duration);
    this.nextIndex++;
    if (closesPart(this.#openTicks, frame.duration, this.#targetTicks)) closed += this.#closePart();
    return closed;
  }

  /** No more frames: closes the last part. */
  seal(): void {
    if (this.#open.length > 0) this.#closePart();
    this.sealed = true;
    this.usualFrameTicks = this.#durations?.ticks ?? 0;
    this.#durations = undefined;
  }

  /** The whole segment in one array, joined when it is first asked for; `undefined` while it grows and for a gap. */
  get bytes(): Uint8Array | undefined {
    if (this.#joined === undefined && this.sealed && !this.gap) this.#joined = this.#join();
    return this.#joined;
  }

  #join(): Uint8Array | undefined {
    if (this.parts.length < 2) return this.parts[0]?.bytes;
    const bytes = new Uint8Array(this.sizeBytes);
    let at = 0;
    this.parts = this.parts.map((part) => {
      bytes.set(part.bytes, at);
      const view = bytes.subarray(at, at + part.bytes.byteLength);
      at += part.bytes.byteLength;
      return { ...part, bytes: view };
    });
    return bytes;
  }

  /** Ends this segment as a hole between two cuts; parts already published stay retrievable. */
  closeAsGap(duration: number): void {
    this.#durations = undefined;
    this.#open = [];
    this.#openTicks = 0;
    this.duration = duration;
    this.gap = true;
    this.sealed = true;
    this.independent = true;
  }

  /** A frame is missing: nothing more is taken, and what waits for its part is let go. */
  spoil(): void {
    this.spoiled = true;
    this.#open = [];
    this.#openTicks = 0;
  }

  #closePart(): number {
    const frames = this.#open;
    const first = frames[0];
    assert(first !== undefined, "a part has at least one frame");
    const index = this.parts.length;
    const bytes = writeChunk(frames, sequenceNumber(this.number, index));
    this.parts.push({
      index,
      startDts: first.dts,
      duration: this.#openTicks,
      independent: (first.flags & FrameFlag.KEY) !== 0,
      bytes,
    });
    this.duration += this.#openTicks;
    this.frameCount += frames.length;
    for (const frame of frames) if ((frame.flags & FrameFlag.SLATE) !== 0) this.heldFrameCount++;
    this.sizeBytes += bytes.byteLength;
    this.#open = [];
    this.#openTicks = 0;
    return 1;
  }
}
