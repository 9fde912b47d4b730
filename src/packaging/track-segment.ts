import { assert } from "#faults/fault.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { sequenceNumber, writeChunk } from "./cmaf/chunk.ts";
import { beginsNewPart, closesPart } from "./part-rule.ts";
import { UsualDuration } from "./usual-duration.ts";
import type { Part, Segment } from "./window.ts";

/** What a segment is born with. */
export interface SegmentBirth {
  readonly number: number;
  readonly startDts: number;
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  readonly initName: string;
  /** Every frame is one a decoder can start at: audio. */
  readonly alwaysIndependent: boolean;
  /** Part target in ticks of the track; `Infinity` where the stream has no parts. */
  readonly partTargetTicks: number;
}

/**
 * One track's share of a segment while it grows and after:
 *
 *   frames ─▶ open part (payload references) ─close─▶ Part (one array) ─seal─▶ one array, parts are views of it
 *
 * A hole in the frames spoils it: it then takes nothing more and ends as a gap.
 */
export class TrackSegment implements Segment {
  readonly number: number;
  readonly startDts: number;
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  readonly initName: string;
  presentationStart: number;
  duration = 0;
  parts: Part[] = [];
  sealed = false;
  independent = true;
  gap = false;
  frameCount = 0;
  sizeBytes = 0;
  usualFrameTicks = 0;
  bytes: Uint8Array | undefined;
  /** A frame was lost: this segment can only become a gap. */
  spoiled = false;
  /** No further frame of it will come. */
  complete = false;
  /** Index of the next frame. */
  nextIndex = 0;
  readonly #targetTicks: number;
  readonly #alwaysIndependent: boolean;
  #durations: UsualDuration | undefined = new UsualDuration();
  #open: Frame[] = [];
  #openTicks = 0;

  constructor(birth: SegmentBirth) {
    this.number = birth.number;
    this.startDts = birth.startDts;
    this.presentationStart = birth.startDts;
    this.discontinuity = birth.discontinuity;
    this.discontinuitySequence = birth.discontinuitySequence;
    this.initName = birth.initName;
    this.#alwaysIndependent = birth.alwaysIndependent;
    this.#targetTicks = birth.partTargetTicks;
  }

  /** Ticks of everything received, whole parts or not. */
  get receivedTicks(): number {
    return this.duration + this.#openTicks;
  }

  /** End of everything received, in ticks. */
  get end(): number {
    return this.startDts + this.receivedTicks;
  }

  /** Takes the frame of index {@link nextIndex}. Answers how many parts it closed: 0, 1, or 2 where it is too long to share one. */
  add(frame: Frame): number {
    let closed = 0;
    if (this.nextIndex === 0 && !this.#alwaysIndependent)
      this.independent = (frame.flags & FrameFlag.INDEPENDENT) !== 0;
    if (beginsNewPart(this.#openTicks, frame.duration, this.#targetTicks)) closed += this.#closePart();
    this.#open.push(frame);
    this.#openTicks += frame.duration;
    this.#durations?.add(frame.duration);
    this.nextIndex++;
    if (closesPart(this.#openTicks, frame.duration, this.#targetTicks)) closed += this.#closePart();
    return closed;
  }

  /** No more frames: closes the last part and joins all of them in one array. */
  seal(): void {
    if (this.#open.length > 0) this.#closePart();
    this.sealed = true;
    this.usualFrameTicks = this.#durations?.ticks ?? 0;
    this.#durations = undefined;
    const first = this.parts[0];
    if (first === undefined) return;
    if (this.parts.length === 1) {
      this.bytes = first.bytes;
      return;
    }
    const bytes = new Uint8Array(this.sizeBytes);
    let at = 0;
    this.parts = this.parts.map((part) => {
      bytes.set(part.bytes, at);
      const view = bytes.subarray(at, at + part.bytes.byteLength);
      at += part.bytes.byteLength;
      return { ...part, bytes: view };
    });
    this.bytes = bytes;
  }

  /** Ends this segment as a hole between two cuts; parts already published stay retrievable. */
  closeAsGap(duration: number): void {
    this.#open = [];
    this.#openTicks = 0;
    this.duration = duration;
    this.presentationStart = this.startDts;
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
    if (index === 0) this.presentationStart = earliestPresentation(frames);
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
    this.sizeBytes += bytes.byteLength;
    this.#open = [];
    this.#openTicks = 0;
    return 1;
  }
}

function earliestPresentation(frames: readonly Frame[]): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const frame of frames) earliest = Math.min(earliest, frame.dts + frame.ptsOffset);
  return earliest;
}
