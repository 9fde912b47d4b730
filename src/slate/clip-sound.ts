import { AV_SAMPLE_FMT_FLTP, type AVSampleFormat } from "node-av/constants";
import {
  type ChannelLayout,
  type CodecContext,
  FFmpegError,
  Frame,
  type Packet,
  SoftwareResampleContext,
} from "node-av/lib";
import { microsOf, NO_TIME } from "#codecs/media-unit.ts";
import type { AudioConfig } from "#media/track.ts";
import { MICROS_PER_SECOND, type Rational } from "#time/ticks.ts";

/** The sound fades over this time at both ends of a loop, so that the seam does not click. */
const RAMP_SECONDS = 0.005;

/** Decodes the sound of a clip into samples of the broadcast's rate and channels. */
export class ClipSound {
  readonly #decoder: CodecContext;
  readonly #base: Rational;
  readonly #config: AudioConfig;
  readonly #layout: ChannelLayout;
  readonly #resampler = new SoftwareResampleContext();
  readonly #decoded = new Frame();
  /** For each channel the pieces of what came out. */
  readonly #pieces: Float32Array[][];
  readonly #samplesMax: number;
  #samples = 0;
  #startMicros: number | undefined;

  /** Takes the decoder over. Of more than `secondsMax` the rest is left out. */
  constructor(
    decoder: CodecContext,
    {
      base,
      config,
      layout,
      secondsMax,
    }: { base: Rational; config: AudioConfig; layout: ChannelLayout; secondsMax: number },
  ) {
    this.#decoder = decoder;
    this.#base = base;
    this.#config = config;
    this.#layout = layout;
    this.#samplesMax = secondsMax * config.sampleRate;
    this.#pieces = Array.from({ length: config.channels }, () => []);
    this.#resampler.alloc();
    this.#decoded.alloc();
  }

  /** Takes a packet, or the end. A damaged packet costs its sound, not the clip. */
  async read(packet: Packet | null): Promise<void> {
    if ((await this.#decoder.sendPacket(packet)) < 0) return;
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      const time = this.#decoded.bestEffortTimestamp;
      this.#startMicros ??= time === NO_TIME ? 0 : microsOf(time, this.#base);
      this.#resample(this.#decoded);
      this.#decoded.unref();
    }
    if (packet === null && this.#samples > 0) this.#resample(null);
  }

  /** Samples of each channel from `fromMicros` of the clip on, exactly `count`; silence where the clip has none. */
  samples(fromMicros: number, count: number): Float32Array[] {
    const offsetMicros = (this.#startMicros ?? 0) - fromMicros;
    const offset = Math.round((offsetMicros * this.#config.sampleRate) / MICROS_PER_SECOND);
    const ramp = Math.round(RAMP_SECONDS * this.#config.sampleRate);
    return this.#pieces.map((pieces) => {
      const all = new Float32Array(count);
      let at = offset;
      for (const piece of pieces) {
        const skip = Math.max(0, -at);
        const room = count - Math.max(0, at);
        if (skip < piece.length && room > 0) all.set(piece.subarray(skip, skip + room), Math.max(0, at));
        at += piece.length;
      }
      for (let i = 0; i < Math.min(ramp, count); i++) {
        all[i] = ((all[i] ?? 0) * i) / ramp;
        all[count - 1 - i] = ((all[count - 1 - i] ?? 0) * i) / ramp;
      }
      return all;
    });
  }

  /** Gives its memory back. */
  close(): void {
    this.#decoded.free();
    this.#resampler.free();
    this.#decoder.freeContext();
  }

  #resample(from: Frame | null): void {
    if (this.#samples >= this.#samplesMax) return;
    // A frame that is used again shows memory that it has given back.
    const out = new Frame();
    out.alloc();
    try {
      out.format = AV_SAMPLE_FMT_FLTP satisfies AVSampleFormat;
      out.sampleRate = this.#config.sampleRate;
      out.channelLayout = this.#layout;
      FFmpegError.throwIfError(this.#resampler.convertFrame(out, from), "resample a sound");
      const count = out.nbSamples;
      if (count === 0) return;
      for (const [channel, plane] of (out.data ?? []).entries()) {
        const copy = new Uint8Array(plane.subarray(0, count * 4));
        this.#pieces[channel]?.push(new Float32Array(copy.buffer, 0, count));
      }
      this.#samples += count;
    } finally {
      out.free();
    }
  }
}
