import { Codec, CodecContext, FFmpegError, Frame, Packet, Rational as AvRational } from "node-av/lib";
import {
  AV_CHANNEL_LAYOUT_MONO,
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_SAMPLE_FMT_FLTP,
  FF_ENCODER_AAC,
} from "node-av/constants";
import { Fault } from "#faults/fault.ts";

/** One encoded access unit; `pts` in samples. */
export interface EncodedAudio {
  readonly pts: number;
  readonly payload: Uint8Array;
}

/** Samples of each channel in an access unit of AAC-LC. */
export const AAC_FRAME_SAMPLES = 1024;

/** Encodes AAC-LC with FFmpeg's own encoder. */
export class AudioEncoder {
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  #samples = 0;

  /** Opens the encoder; `bitrate` in bits per second. @throws Fault `CODEC_UNSUPPORTED` when the library refuses the settings. */
  static async open(settings: { sampleRate: number; channels: 1 | 2; bitrate: number }): Promise<AudioEncoder> {
    const encoder = new AudioEncoder();
    const codec = Codec.findEncoderByName(FF_ENCODER_AAC);
    if (codec === null) throw new Fault("CODEC_UNSUPPORTED", "the AAC encoder is missing");
    const layout = settings.channels === 1 ? AV_CHANNEL_LAYOUT_MONO : AV_CHANNEL_LAYOUT_STEREO;
    const context = encoder.#context;
    encoder.#packet.alloc();
    context.allocContext3(codec);
    context.sampleRate = settings.sampleRate;
    context.channelLayout = layout;
    context.sampleFormat = AV_SAMPLE_FMT_FLTP;
    context.bitRate = BigInt(settings.bitrate);
    context.timeBase = new AvRational(1, settings.sampleRate);
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    const result = await context.open2(codec, null);
    if (result < 0) {
      throw new Fault(
        "CODEC_UNSUPPORTED",
        `AAC refuses ${settings.sampleRate} Hz: ${new FFmpegError(result).message}`,
        {
          hint: "use 44100 or 48000 Hz",
        },
      );
    }
    const frame = encoder.#frame;
    frame.alloc();
    frame.format = AV_SAMPLE_FMT_FLTP;
    frame.sampleRate = settings.sampleRate;
    frame.channelLayout = layout;
    frame.nbSamples = AAC_FRAME_SAMPLES;
    FFmpegError.throwIfError(frame.getBuffer(0), "allocate an audio frame");
    return encoder;
  }

  /** The AudioSpecificConfig. */
  get extraData(): Uint8Array {
    return this.#context.extraData ?? new Uint8Array(0);
  }

  /**
   * Encodes {@link AAC_FRAME_SAMPLES} samples of each channel; one plane serves all channels. Access units before time 0 (the encoder's
   * priming) are left out.
   */
  encode(planes: readonly Float32Array[]): EncodedAudio[] {
    const frame = this.#frame;
    FFmpegError.throwIfError(frame.makeWritable(), "reuse an audio frame");
    for (const [channel, target] of (frame.data ?? []).entries()) {
      const samples = planes[channel] ?? planes[0];
      if (samples !== undefined) target.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    }
    frame.pts = BigInt(this.#samples);
    this.#samples += AAC_FRAME_SAMPLES;
    FFmpegError.throwIfError(this.#context.sendFrameSync(frame), "encode audio");
    const units: EncodedAudio[] = [];
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      const data = this.#packet.data;
      const pts = Number(this.#packet.pts);
      // The packet's memory goes back to the library, so a copy.
      if (data !== null && pts >= 0) units.push({ pts, payload: new Uint8Array(data) });
      this.#packet.unref();
    }
    return units;
  }
}
