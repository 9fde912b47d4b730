/**
 * When a rung's frames of 1024 samples begin. It follows from each frame of the source by itself, so no worker needs to have seen the first.
 *
 *   aligned   the source's frames are AAC of 1024 or 2048 samples at the rung's rate: one or two of the rung's for each of the source's
 *             source  ├────0────┼────1────┼────2────┤
 *             rung    ├────0────┼────1────┼────2────┤
 *
 *   fixed     anything else: at the multiples of 1024 samples of stream time
 *             source  ├──0──┼──1──┼──2──┼──3──┼──4──┤     the source's segment begins with its frame 1: the rung's begins with b
 *             rung    ─┼────a────┼────b────┼────c────┼
 */
import type { AudioConfig } from "#media/track.ts";

/** Samples of each channel in a frame of a rung. */
export const SOUND_BLOCK_SAMPLES = 1024;
/** Samples that a frame of the source gives at most; one that lasts longer is followed by a rung's frame that lasts longer. Ten seconds at 48 kHz. */
export const SOUND_FRAME_SAMPLES_MAX = 480_000;

/** A span of time in ticks. */
export interface SoundSpan {
  readonly dts: number;
  readonly duration: number;
}

/** What a {@link SoundGrid} is told. */
export interface SoundGridOptions {
  /** Codec parameters of the source's frames. */
  readonly source: AudioConfig;
  /** Ticks per second of the source's track. */
  readonly timescale: number;
  /** Of the rung, in Hz. */
  readonly sampleRate: number;
}

/** Where the frames of a rung stand against those of its source. */
export class SoundGrid {
  readonly #timescale: number;
  readonly #sampleRate: number;
  /** Frames of the rung for each of the source's; 0: the grid is fixed. */
  readonly #multiple: number;

  constructor({ source, timescale, sampleRate }: SoundGridOptions) {
    this.#timescale = timescale;
    this.#sampleRate = sampleRate;
    const isSameRate = source.sampleRate === sampleRate && timescale === sampleRate;
    const multiple = source.codec === "aac" && isSameRate ? source.samplesPerFrame / SOUND_BLOCK_SAMPLES : 0;
    this.#multiple = Number.isInteger(multiple) ? multiple : 0;
  }

  /** When the first of the rung's frames begins that does not begin before `dts` of the source's track; ticks of the rung. */
  firstDts(dts: number): number {
    return this.#multiple > 0 ? dts : roundUp(this.#ticks(dts));
  }

  /** Samples of the block under way at `dts` of the source's track that lie before it. */
  phaseOf(dts: number): number {
    return this.#multiple > 0 ? 0 : this.#ticks(dts) % SOUND_BLOCK_SAMPLES;
  }

  /** How many samples at the rung's rate a frame of the source gives. */
  samplesOf(frame: SoundSpan): number {
    if (this.#multiple > 0) return Math.min(this.#multiple, frame.duration) * SOUND_BLOCK_SAMPLES;
    return this.#lengthOf(frame) - this.#blocksLeftOut(frame) * SOUND_BLOCK_SAMPLES;
  }

  /** The rung's frames that begin within a frame of the source, in ticks of the rung; the last one ends where the next frame's first begins. */
  framesOf(frame: SoundSpan): SoundSpan[] {
    const endDts = this.firstDts(frame.dts + frame.duration);
    return this.#startsOf(frame).map((dts, i, starts) => ({ dts, duration: (starts[i + 1] ?? endDts) - dts }));
  }

  #startsOf(frame: SoundSpan): number[] {
    const { dts, duration } = frame;
    if (this.#multiple > 0) {
      const count = Math.min(this.#multiple, duration);
      return Array.from({ length: count }, (_, i) => dts + Math.floor((duration * i) / count));
    }
    const firstDts = this.firstDts(dts);
    const wholeBlocks = (this.firstDts(dts + duration) - firstDts) / SOUND_BLOCK_SAMPLES;
    const count = Math.max(0, wholeBlocks - this.#blocksLeftOut(frame));
    return Array.from({ length: count }, (_, i) => firstDts + i * SOUND_BLOCK_SAMPLES);
  }

  #lengthOf({ dts, duration }: SoundSpan): number {
    return this.#ticks(dts + duration) - this.#ticks(dts);
  }

  #blocksLeftOut(frame: SoundSpan): number {
    return Math.max(0, Math.ceil((this.#lengthOf(frame) - SOUND_FRAME_SAMPLES_MAX) / SOUND_BLOCK_SAMPLES));
  }

  /** Ticks of the rung for ticks of the source's track, rounded down. Split into seconds, so that no product leaves the safe integers. */
  #ticks(dts: number): number {
    if (this.#timescale === this.#sampleRate) return dts;
    const seconds = Math.floor(dts / this.#timescale);
    const rest = dts - seconds * this.#timescale;
    return seconds * this.#sampleRate + Math.floor((rest * this.#sampleRate) / this.#timescale);
  }
}

function roundUp(ticks: number): number {
  return Math.ceil(ticks / SOUND_BLOCK_SAMPLES) * SOUND_BLOCK_SAMPLES;
}
