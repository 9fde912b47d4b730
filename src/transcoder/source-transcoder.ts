/**
 * The worker's heart: the source's frames in, every rung's frames out.
 *
 *     frame ─▶ decoder ─picture─▶ its segment ─k-th picture shown─▶ sizes ─▶ rung, if k is a multiple of its divisor ─▶ encoder
 *
 * In identical coding decoder and encoders are fresh at each cut, so a rung's segment is a pure function of the source's: workers with different
 * pasts make the same bytes. In locked coding the encoders run on, and only their structure is the same. Where the source's own segment needs a past (no keyframe, or pictures that are shown before it), the decoder runs on; a worker
 * that joins there lets one segment go by.
 *
 * Each frame of the source is one picture. One that never comes out of the decoder is replaced by the picture shown before it, or the one
 * after it at a segment's start.
 */
import { FrameFlag } from "#media/frame.ts";
import { assert } from "#faults/fault.ts";
import type { TrackConfig, VideoConfig } from "#media/track.ts";
import { HeldPicture } from "./held-picture.ts";
import { neutralPicture } from "./neutral-picture.ts";
import { RungLine, type Tell } from "./rung-line.ts";
import { ALL_RUNGS, hasRung } from "./rung-mask.ts";
import { ScalingStage } from "./scaling-stage.ts";
import { SegmentTiming } from "./segment-timing.ts";
import { type DecodedPicture, isCleanStart, SourceDecoder } from "./source-decoder.ts";
import type { TrackTranscoder } from "./track-transcoder.ts";
import type { PictureJob, WireFrame } from "./worker-wire.ts";

/** Pictures by which decoding runs ahead of showing, at most, in streams that do not say it. */
const REORDER_PICTURES_MAX = 4;
/** Pictures of a segment that wait for the one before it to be whole; with more, what that one lacks is taken as lost. Reordering is at most 16. */
const EARLY_PICTURES_MAX = 16;

interface SourceFrame {
  readonly sequence: number;
  readonly pts: number;
}

interface OpenSegment {
  readonly timing: SegmentTiming;
  /** Bits of the rungs that are made of it. */
  readonly mask: number;
  /** Not yet shown, in the order they are shown. */
  readonly unshown: SourceFrame[];
  /** Out of the decoder before the segment before was whole. */
  readonly early: DecodedPicture[];
  shownCount: number;
}

/** Decodes the source once and encodes all rungs of it. Its methods are called one after the other. */
export class SourceTranscoder implements TrackTranscoder {
  readonly #lines: readonly RungLine[];
  readonly #scaling: ScalingStage;
  readonly #tell: Tell;
  readonly #segments: OpenSegment[] = [];
  /** Where a picture belongs, by the number it was given to the decoder with. */
  readonly #owners = new Map<number, OpenSegment>();
  #source: VideoConfig;
  #decoder: SourceDecoder | undefined;
  #isSourceNew = false;
  /** The decoder only gets to know what the next segment needs. */
  #isWarmingUp = false;
  /** Bits of the rungs that are made of the next segment. */
  #mask = ALL_RUNGS;
  #sequence = 0;
  /** What was shown last. */
  #shown: HeldPicture | undefined;

  /** @throws Fault `CODEC_UNSUPPORTED` when a rung cannot be encoded. */
  constructor(job: PictureJob, tell: Tell) {
    const { source, encoding, frameRate } = job;
    this.#source = source;
    this.#tell = tell;
    this.#lines = job.rungs.map((rung, i) => new RungLine(i, { rung, encoding, source, frameRate }, tell));
    this.#scaling = new ScalingStage(this.#lines);
    const fallbacks = new Map(this.#lines.flatMap(({ fallback }) => (fallback ? [[fallback.wanted, fallback]] : [])));
    for (const fallback of fallbacks.values()) tell({ kind: "fallback", fallback });
  }

  /** The rungs' codec parameters, in the order of the job. */
  get configs(): readonly VideoConfig[] {
    return this.#lines.map(({ config }) => config);
  }

  /** Parameters that hold from the next frame on. */
  setSource(source: TrackConfig): void {
    assert(source.kind === "video", "a picture's parameters are a picture's");
    this.#source = source;
    this.#isSourceNew = true;
  }

  /** From the next segment on, only the rungs whose bits are set are made, counted from the lowest; the others end each segment without a frame. */
  setRungs(mask: number): void {
    this.#mask = mask;
  }

  /** Takes the next frame; resolves when there is room for another. @throws Fault, FFmpegError when a codec gave up. */
  async frame(frame: WireFrame): Promise<void> {
    if (frame.index === 0) await this.#begin(frame);
    const decoder = this.#decoder;
    const isUnused = decoder === undefined || this.#isWarmingUp;
    if (decoder !== undefined) {
      const sequence = this.#sequence++;
      const segment = this.#segments.at(-1);
      if (!this.#isWarmingUp && segment !== undefined) this.#enter(segment, sequence, frame);
      await this.#show(await decoder.decode(sequence, frame.payload));
    }
    this.#tell({ kind: "taken", isUnused });
  }

  /** The source's share of the segment is complete. */
  async seal(segment: number): Promise<void> {
    const current = this.#segments.at(-1);
    if (current?.timing.segment !== segment) return;
    this.#seal(current);
    await this.#endWholeOnes();
  }

  /** Gives up the segment that is not sealed; goes on at the next keyframe that begins one. */
  async abandon(): Promise<void> {
    const current = this.#segments.at(-1);
    if (current?.timing.isSealed === false) {
      this.#segments.pop();
      for (const { sequence } of current.unshown) this.#owners.delete(sequence);
      for (const { picture } of current.early) picture.release();
    }
    await this.#drain();
    this.#scaling.abandon();
  }

  /** Encodes and tells everything that was given. @throws Fault, FFmpegError when a codec gave up. */
  async finish(): Promise<void> {
    const current = this.#segments.at(-1);
    if (current !== undefined) this.#seal(current);
    await this.#drain();
    await this.#scaling.idle();
  }

  async #begin(frame: WireFrame): Promise<void> {
    const before = this.#segments.at(-1);
    if (before !== undefined) this.#seal(before);
    const isKey = (frame.flags & FrameFlag.KEY) !== 0;
    const isJoining = this.#decoder === undefined;
    const isClean = isKey && isCleanStart(this.#source.codec, frame.payload);
    this.#isWarmingUp = false;
    if (isClean || (isKey && (isJoining || this.#isSourceNew))) {
      await this.#drain();
      this.#decoder = SourceDecoder.open(this.#source, reorderPicturesOf(frame));
      this.#isWarmingUp = isJoining && !isClean;
      this.#isSourceNew = false;
    }
    if (this.#decoder === undefined || this.#isWarmingUp) return;
    const timing = new SegmentTiming(frame.segment);
    this.#segments.push({ timing, mask: this.#mask, unshown: [], early: [], shownCount: 0 });
  }

  #enter(segment: OpenSegment, sequence: number, { dts, ptsOffset, duration }: WireFrame): void {
    const pts = dts + ptsOffset;
    segment.timing.add({ dts, pts, duration });
    const at = segment.unshown.findLastIndex((other) => other.pts <= pts) + 1;
    segment.unshown.splice(at, 0, { sequence, pts });
    this.#owners.set(sequence, segment);
    for (const line of this.#lines) line.release();
  }

  #seal(segment: OpenSegment): void {
    if (segment.timing.isSealed) return;
    segment.timing.seal();
    for (const line of this.#lines) line.release();
  }

  /** Takes what the decoder still holds; what is missing then, is lost. */
  async #drain(): Promise<void> {
    const decoder = this.#decoder;
    if (decoder === undefined) return;
    await this.#show(await decoder.drain());
    decoder.close();
    this.#decoder = undefined;
    while (this.#segments.length > 0) await this.#endFirst();
  }

  async #show(pictures: readonly DecodedPicture[]): Promise<void> {
    for (const decoded of pictures) {
      const owner = this.#owners.get(decoded.sequence);
      const first = this.#segments[0];
      if (owner === undefined || first === undefined) {
        decoded.picture.release();
      } else if (owner === first) {
        await this.#showIn(owner, decoded);
      } else {
        await this.#showEarly(owner, decoded);
      }
    }
    await this.#endWholeOnes();
  }

  /** A picture of a later segment came: pictures come as they are shown, so what should have come before it is lost. */
  async #showEarly(owner: OpenSegment, decoded: DecodedPicture): Promise<void> {
    owner.early.push(decoded);
    const pts = owner.unshown.find(({ sequence }) => sequence === decoded.sequence)?.pts ?? 0;
    const isEnough = owner.early.length > EARLY_PICTURES_MAX;
    for (let first = this.#segments[0]; first !== undefined && first !== owner; first = this.#segments[0]) {
      if (!isEnough && first.unshown.some((frame) => frame.pts > pts)) return;
      await this.#endFirst();
    }
  }

  async #showIn(segment: OpenSegment, { sequence, picture }: DecodedPicture): Promise<void> {
    const at = segment.unshown.findIndex((frame) => frame.sequence === sequence);
    for (const lost of segment.unshown.splice(0, at)) {
      await this.#present(segment, lost, segment.shownCount === 0 ? picture : (this.#shown ?? picture));
    }
    const frame = segment.unshown.shift();
    if (frame !== undefined) await this.#present(segment, frame, picture);
    this.#shown?.release();
    this.#shown = picture;
  }

  /** Gives the rungs the segment's next picture. */
  async #present(segment: OpenSegment, frame: SourceFrame, picture: HeldPicture): Promise<void> {
    this.#owners.delete(frame.sequence);
    const position = segment.shownCount++;
    const lines = this.#lines.filter((line, i) => position % line.divisor === 0 && hasRung(segment.mask, i));
    if (lines.length === 0) return;
    await this.#scaling.room();
    this.#scaling.present(segment.timing, position, frame.pts, picture.hold(), lines);
  }

  async #endWholeOnes(): Promise<void> {
    for (;;) {
      const first = this.#segments[0];
      if (first === undefined || !first.timing.isSealed || first.unshown.length > 0) return;
      await this.#endFirst();
    }
  }

  /** Ends the oldest segment; pictures it still lacks are replaced. */
  async #endFirst(): Promise<void> {
    const [first, next] = this.#segments;
    if (first === undefined) return;
    if (first.unshown.length > 0) {
      this.#shown ??= new HeldPicture(neutralPicture(this.#source.width, this.#source.height));
      for (const lost of first.unshown.splice(0)) await this.#present(first, lost, this.#shown);
    }
    this.#scaling.end(first.timing);
    this.#segments.shift();
    for (const decoded of next?.early.splice(0) ?? []) if (next !== undefined) await this.#showIn(next, decoded);
  }
}

/** An encoder that reorders shows its keyframe by so many pictures later than it is decoded. */
function reorderPicturesOf({ ptsOffset, duration }: WireFrame): number {
  return Math.max(0, Math.min(REORDER_PICTURES_MAX, Math.round(ptsOffset / Math.max(1, duration))));
}
