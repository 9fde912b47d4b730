/**
 * A sound's frames in, every rung's frames out: a pass for each segment.
 *
 *     frames      │ 697 ········│ 698 ········│ 699 ········│
 *     passes              ├─────┼─────────────┼─┤                  pass 698: hears the end of 697 and the beginning of 699
 *                                       ├─────┼─────────────┼─┤    pass 699
 *
 * A worker that joins makes the first segment before which it has heard enough. Where the timeline breaks (a discontinuity, other parameters, a
 * hole), what is before is silence to what is after, and the other way round.
 */
import { assert } from "#faults/fault.ts";
import { FrameFlag } from "#media/frame.ts";
import type { AudioConfig, TrackConfig } from "#media/track.ts";
import type { Tell } from "./rung-line.ts";
import { ALL_RUNGS } from "./rung-mask.ts";
import { SOUND_FRAME_BYTES_MAX } from "./sound-decoder.ts";
import { SOUND_BLOCK_SAMPLES, SoundGrid } from "./sound-grid.ts";
import { soundRateOf } from "./sound-ladder.ts";
import { SoundPass } from "./sound-pass.ts";
import type { TrackTranscoder } from "./track-transcoder.ts";
import type { SoundJob, WireFrame } from "./worker-wire.ts";

/**
 * How much a pass hears before its segment, in blocks: decoder and encoder have forgotten by then that nothing was before. With a source in AAC a
 * segment's first frames are as good as the others from 2 blocks on, with one in Opus from 6 on, and as large from 6 and 8 on.
 */
const WARM_UP_BLOCKS = 8;
/** Frames it hears before its segment, at most: 640 ms of the shortest packets of Opus. */
const WARM_UP_FRAMES_MAX = 256;
/** Passes at the same time, at most: a pass lasts a few frames beyond its segment, and segments may have a single one. */
const PASSES_MAX = 32;

/** Makes all rungs of a sound. Its methods are called one after the other. */
export class SoundTranscoder implements TrackTranscoder {
  readonly configs: readonly TrackConfig[];
  readonly #job: SoundJob;
  readonly #tell: Tell;
  readonly #sampleRate: number;
  readonly #passes: SoundPass[] = [];
  #source: AudioConfig;
  #isSourceNew = false;
  /** The newest frames, as many as a warm-up takes. */
  readonly #heard: WireFrame[] = [];
  #heardTicks = 0;
  /** Nothing was before what was heard. */
  #isFromStart: boolean;
  /** Decode time of the next frame, if it follows. */
  #nextDts: number | undefined;
  /** Number of the newest segment. */
  #segment = -1;
  #mask = ALL_RUNGS;

  /** @throws Fault `CODEC_UNSUPPORTED` when the source cannot be decoded or a rung cannot be encoded. */
  constructor(job: SoundJob, tell: Tell) {
    this.#job = job;
    this.#tell = tell;
    this.#source = job.source;
    this.#isFromStart = job.isFromStart;
    this.#sampleRate = soundRateOf(job.timescale);
    const trial = this.#open(-1, 0);
    this.configs = trial.configs;
    trial.close();
  }
  /** Parameters that hold from the next frame on; the rungs stay as they are. */
  setSource(source: TrackConfig): void {
    assert(source.kind === "audio", "a sound's parameters are a sound's");
    this.#source = source;
    this.#isSourceNew = true;
  }

  /** From the next segment on, only the rungs whose bits are set are made, counted from the lowest; the others end each segment without a frame. */
  setRungs(mask: number): void {
    this.#mask = mask;
  }

  /** Takes the next frame; a broken one becomes silence. @throws Fault, FFmpegError when a codec gave up. */
  frame(told: WireFrame): Promise<void> {
    // What is too large to be decoded need not be remembered.
    const frame = told.payload.byteLength > SOUND_FRAME_BYTES_MAX ? { ...told, payload: new Uint8Array(0) } : told;
    const follows = this.#nextDts === undefined || (frame.dts === this.#nextDts && !this.#isSourceNew);
    const isAnew = frame.index === 0 && (frame.flags & FrameFlag.DISCONTINUITY) !== 0;
    if (!follows || isAnew) this.#break(frame);
    this.#isSourceNew = false;
    if (frame.index === 0) this.#begin(frame);
    for (const pass of this.#passes) pass.feed(frame);
    const isUnused = this.#passes.at(-1)?.segment !== frame.segment;
    this.#remember(frame);
    this.#tellReady();
    this.#tell({ kind: "taken", isUnused });
    return Promise.resolve();
  }

  /** The source's share of the segment is complete; it may be one without a frame. */
  seal(segment: number): Promise<void> {
    if (segment > this.#segment) {
      this.#segment = segment;
      this.#endAll();
      this.#passes.push(this.#open(segment, 0));
    }
    this.#passes.find((pass) => pass.segment === segment)?.end();
    this.#tellReady();
    return Promise.resolve();
  }

  /** Gives up the segment that is not sealed; goes on at the next one before which enough could be heard. */
  abandon(): Promise<void> {
    const open = this.#passes.findIndex((pass) => !pass.isEnded);
    for (const pass of open < 0 ? [] : this.#passes.splice(open)) pass.close();
    this.#finishAll();
    this.#forget();
    this.#isFromStart = false;
    return Promise.resolve();
  }

  /** Encodes and tells everything that was given. @throws Fault, FFmpegError when a codec gave up. */
  finish(): Promise<void> {
    this.#finishAll();
    return Promise.resolve();
  }

  /** The frame has nothing to do with what was before. */
  #break(frame: WireFrame): void {
    if (frame.index === 0) {
      const grid = new SoundGrid({ ...this.#job, source: this.#source, sampleRate: this.#sampleRate });
      this.#finishAll(grid.firstDts(frame.dts));
      this.#forget();
      this.#isFromStart = true;
    } else {
      void this.abandon();
    }
  }

  /** A segment begins. */
  #begin({ segment, dts }: WireFrame): void {
    this.#segment = segment;
    this.#endAll();
    const isEnough = this.#heardTicks >= this.#warmUpTicks || this.#heard.length === WARM_UP_FRAMES_MAX;
    if (!isEnough && !this.#isFromStart) return;
    if (this.#passes.length === PASSES_MAX) this.#passes[0]?.finish();
    this.#tellReady();
    const pass = this.#open(segment, this.#heard[0]?.dts ?? dts);
    for (const heard of this.#heard) pass.feed(heard);
    this.#passes.push(pass);
  }

  #open(segment: number, firstDts: number): SoundPass {
    const { timescale, rungs } = this.#job;
    const source = this.#source;
    return new SoundPass({
      segment,
      source,
      timescale,
      rungs,
      sampleRate: this.#sampleRate,
      mask: this.#mask,
      firstDts,
    });
  }

  get #warmUpTicks(): number {
    return (WARM_UP_BLOCKS * SOUND_BLOCK_SAMPLES * this.#job.timescale) / this.#sampleRate;
  }

  #remember(frame: WireFrame): void {
    this.#nextDts = frame.dts + frame.duration;
    this.#heard.push(frame);
    this.#heardTicks += frame.duration;
    for (;;) {
      const oldest = this.#heard[0]?.duration ?? 0;
      if (this.#heard.length <= WARM_UP_FRAMES_MAX && this.#heardTicks - oldest < this.#warmUpTicks) return;
      this.#heard.shift();
      this.#heardTicks -= oldest;
    }
  }

  #forget(): void {
    this.#heard.length = 0;
    this.#heardTicks = 0;
    this.#nextDts = undefined;
  }

  #endAll(): void {
    for (const pass of this.#passes) pass.end();
  }

  #finishAll(untilDts?: number): void {
    for (const pass of this.#passes) pass.finish(untilDts);
    this.#tellReady();
  }

  /** Tells what is ready, one segment after the other. */
  #tellReady(): void {
    for (;;) {
      const first = this.#passes[0];
      if (first === undefined) return;
      for (const report of first.take()) this.#tell(report);
      if (!first.isDone) return;
      for (const report of first.sealed()) this.#tell(report);
      first.close();
      this.#passes.shift();
    }
  }
}
