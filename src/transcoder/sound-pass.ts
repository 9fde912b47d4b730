/**
 * One segment of a sound and all its rungs. Decoder and encoders are its own:
 *
 *     source   ···│before: K frames│ the segment's frames │after: as many as the encoder looks ahead│···
 *     decoder     ├── settles ─────┼──────────────────────┼──────────┤
 *     encoder     ├── settles ─────┼── told ──────────────┼──────────┤
 *
 * so a rung's segment is a pure function of these frames, and the next pass, which has heard the end of this segment before its own beginning,
 * goes on where this one ends: a frame of AAC overlaps with those beside it, and both passes encode the same there.
 */
import { FrameFlag } from "#media/frame.ts";
import type { AudioConfig } from "#media/track.ts";
import type { SoundRung } from "./rung.ts";
import { hasRung } from "./rung-mask.ts";
import { SoundDecoder } from "./sound-decoder.ts";
import { SOUND_LOOKAHEAD_BLOCKS, SoundEncoder } from "./sound-encoder.ts";
import { SOUND_BLOCK_SAMPLES, SoundGrid } from "./sound-grid.ts";
import { mixed, type Planes, type Sound } from "./sound-mix.ts";
import { fitted, SoundResampler } from "./sound-resampler.ts";
import type { WireFrame, WorkerReport } from "./worker-wire.ts";

/** What a {@link SoundPass} is told. */
export interface SoundPassOptions {
  readonly segment: number;
  /** Codec parameters of all frames it will be given. */
  readonly source: AudioConfig;
  /** Ticks per second of the source's track. */
  readonly timescale: number;
  readonly rungs: readonly SoundRung[];
  /** Of the rungs, in Hz. */
  readonly sampleRate: number;
  /** Bits of the rungs that are made, counted from the lowest. */
  readonly mask: number;
  /** Decode time of the first frame it will be given. */
  readonly firstDts: number;
}

/** A frame of the rungs that is on its way through the encoders. */
interface Slot {
  readonly index: number;
  readonly dts: number;
  duration: number;
}

/** Rounding of the source's times, samples: by so much a frame may be longer or shorter than its duration says. */
const ROUNDING_SAMPLES = 2;

/** Makes one segment. What it makes is collected for the caller to take. */
export class SoundPass {
  readonly segment: number;
  readonly #options: SoundPassOptions;
  readonly #grid: SoundGrid;
  readonly #decoder: SoundDecoder;
  readonly #encoders: readonly { readonly rung: number; readonly encoder: SoundEncoder }[];
  #resampler: SoundResampler | undefined;
  /** Rate of what the decoder gave last, in Hz. */
  #rate: number;
  /** The block that is being filled. */
  readonly #block: readonly Float32Array[];
  #filled: number;
  /** One for each block to come or on its way; `undefined`: it is not of this segment. */
  readonly #slots: (Slot | undefined)[] = [];
  /** Blocks given to the encoders whose frames are not out. */
  #encoding = 0;
  #frameCount = 0;
  #untold = 0;
  #isEnded = false;
  #reports: WorkerReport[] = [];

  /** @throws Fault `CODEC_UNSUPPORTED`. */
  constructor(options: SoundPassOptions) {
    const { segment, source, rungs, sampleRate, mask, firstDts } = options;
    this.segment = segment;
    this.#options = options;
    this.#grid = new SoundGrid(options);
    this.#rate = source.sampleRate;
    this.#decoder = SoundDecoder.open(source);
    this.#encoders = rungs.flatMap((rung, i) =>
      hasRung(mask, i) ? { rung: i, encoder: new SoundEncoder(rung, sampleRate) } : [],
    );
    const channels = Math.max(1, ...rungs.map((rung) => rung.channels));
    this.#block = Array.from({ length: channels }, () => new Float32Array(SOUND_BLOCK_SAMPLES));
    this.#filled = this.#grid.phaseOf(firstDts);
    // The block under way then began before.
    if (this.#filled > 0) this.#slots.push(undefined);
  }

  /** The rungs' codec parameters, of those that are made. */
  get configs(): readonly AudioConfig[] {
    return this.#encoders.map(({ encoder }) => encoder.config);
  }

  /** Whether no further frame of the segment comes. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether everything of the segment is in what was taken or can be taken. */
  get isDone(): boolean {
    return this.#isEnded && this.#untold === 0;
  }

  /** Hears the next frame, which is of this segment or beside it. @throws FFmpegError when a codec gave up. */
  feed(frame: WireFrame): void {
    if (this.isDone) return;
    const isOwn = frame.segment === this.segment;
    for (const span of this.#grid.framesOf(frame)) {
      this.#slots.push(isOwn ? { index: this.#frameCount++, ...span } : undefined);
      if (isOwn) this.#untold++;
    }
    this.#hear(this.#decoder.decode(frame.payload), this.#grid.samplesOf(frame));
  }

  /** The segment has no further frame. */
  end(): void {
    this.#isEnded = true;
  }

  /** Nothing that could be heard follows: finishes with silence. The last frame lasts until `untilDts`, in ticks of the rungs, where that is near. */
  finish(untilDts?: number): void {
    this.end();
    const last = this.#slots.findLast((slot) => slot !== undefined);
    const duration = (untilDts ?? 0) - (last?.dts ?? 0);
    if (last !== undefined && duration > 0 && duration < 2 * SOUND_BLOCK_SAMPLES) last.duration = duration;
    while (!this.isDone) this.#hear(undefined, SOUND_BLOCK_SAMPLES);
  }

  /** The frames that are ready to be told, in order. */
  take(): readonly WorkerReport[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  /** That the segment is complete, for each rung. */
  sealed(): readonly WorkerReport[] {
    const { segment } = this;
    return this.#options.rungs.map((_, rung) => ({ kind: "sealed", rung, segment, frameCount: this.#frameCount }));
  }

  /** Gives its memory back. */
  close(): void {
    this.#decoder.close();
    for (const { encoder } of this.#encoders) encoder.close();
  }

  /** Takes what was made of a frame that gives `samples` at the rung's rate. */
  #hear(sound: Sound | undefined, samples: number): void {
    const { sampleRate } = this.#options;
    this.#rate = sound?.sampleRate ?? this.#rate;
    const wanted = (samples * this.#rate) / sampleRate;
    const planes: Planes =
      sound === undefined
        ? this.#block.map(() => new Float32Array(Math.round(wanted)))
        : mixed(sound, this.#block.length);
    if (this.#rate === sampleRate) {
      this.#resampler = undefined;
      this.#fill(fitted(planes, samples));
      return;
    }
    if (this.#resampler?.from !== this.#rate) this.#resampler = new SoundResampler(this.#rate, sampleRate);
    const isFit = Math.abs((planes[0]?.length ?? 0) - wanted) < ROUNDING_SAMPLES;
    this.#fill(this.#resampler.push(isFit ? planes : fitted(planes, Math.round(wanted))));
  }

  #fill(planes: Planes): void {
    const count = planes[0]?.length ?? 0;
    for (let at = 0; at < count; ) {
      const taken = Math.min(count - at, SOUND_BLOCK_SAMPLES - this.#filled);
      for (const [channel, plane] of planes.entries())
        this.#block[channel]?.set(plane.subarray(at, at + taken), this.#filled);
      at += taken;
      this.#filled += taken;
      if (this.#filled < SOUND_BLOCK_SAMPLES) return;
      this.#filled = 0;
      this.#encode();
    }
  }

  #encode(): void {
    const isOut = this.#encoding === SOUND_LOOKAHEAD_BLOCKS;
    const slot = isOut ? this.#slots.shift() : undefined;
    if (!isOut) this.#encoding++;
    if (slot !== undefined) this.#untold--;
    for (const { rung, encoder } of this.#encoders) {
      const payload = encoder.encode(this.#block);
      if (slot === undefined || payload === undefined) continue;
      const { index, dts, duration } = slot;
      const name = { segment: this.segment, index, dts, ptsOffset: 0, duration };
      this.#reports.push({ kind: "frame", rung, frame: { ...name, flags: FrameFlag.KEY, payload } });
    }
  }
}
