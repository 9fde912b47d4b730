import {
  AV_CHANNEL_LAYOUT_MONO,
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CODEC_FLAG_BITEXACT,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_SAMPLE_FMT_FLTP,
  FF_ENCODER_AAC,
} from "node-av/constants";
import { Codec, CodecContext, FFmpegError, Frame, Packet, Rational as AvRational } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { parseAacConfig } from "#media/codecs/aac.ts";
import type { AudioConfig } from "#media/track.ts";
import type { SoundRung } from "./rung.ts";
import { SOUND_BLOCK_SAMPLES } from "./sound-grid.ts";
import type { Planes } from "./sound-mix.ts";

/** Blocks that an encoder has to see after a block before that one's frame comes out: the one it overlaps with, and one to look for attacks in. */
export const SOUND_LOOKAHEAD_BLOCKS = 2;

/** At 64 kbit/s the other one, `twoloop`, is 15 dB worse on steady tones, keeps the rate less well, and takes three times the processor time. */
const CODER = "fast";

/** Encodes AAC-LC, block by block. */
export class SoundEncoder {
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  readonly #channels: number;
  #count = 0;

  /**
   * `sampleRate` in Hz, one that AAC has.
   * @throws Fault `CODEC_UNSUPPORTED` when the library refuses the rung.
   */
  constructor({ name, bitrate, channels }: SoundRung, sampleRate: number) {
    this.#channels = channels;
    const codec = Codec.findEncoderByName(FF_ENCODER_AAC);
    if (codec === null) throw new Fault("CODEC_UNSUPPORTED", "the encoder aac is missing");
    const layout = channels === 1 ? AV_CHANNEL_LAYOUT_MONO : AV_CHANNEL_LAYOUT_STEREO;
    const context = this.#context;
    context.allocContext3(codec);
    context.sampleRate = sampleRate;
    context.channelLayout = layout;
    context.sampleFormat = AV_SAMPLE_FMT_FLTP;
    context.bitRate = BigInt(bitrate);
    context.timeBase = new AvRational(1, sampleRate);
    context.threadCount = 1;
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_BITEXACT);
    FFmpegError.throwIfError(context.setOption("aac_coder", CODER), "choose how sound is encoded");
    const opened = context.open2Sync(codec);
    if (opened < 0) {
      const why = new FFmpegError(opened).message;
      throw new Fault("CODEC_UNSUPPORTED", `aac refuses the rung ${name} of ${sampleRate} Hz: ${why}`);
    }
    this.#packet.alloc();
    const frame = this.#frame;
    frame.alloc();
    frame.format = AV_SAMPLE_FMT_FLTP;
    frame.sampleRate = sampleRate;
    frame.channelLayout = layout;
    frame.nbSamples = SOUND_BLOCK_SAMPLES;
    FFmpegError.throwIfError(frame.getBuffer(0), "allocate a sound");
  }

  /** The rung's codec parameters. */
  get config(): AudioConfig {
    return parseAacConfig(new Uint8Array(this.#context.extraData ?? []));
  }

  /**
   * Takes the next block of {@link SOUND_BLOCK_SAMPLES} samples and gives the frame of the one {@link SOUND_LOOKAHEAD_BLOCKS} before it. What comes
   * out for the very first block is good only if the encoder is fresh where the sound begins, or as a warm-up.
   */
  encode(planes: Planes): Uint8Array | undefined {
    const frame = this.#frame;
    FFmpegError.throwIfError(frame.makeWritable(), "reuse a sound");
    for (const [channel, target] of (frame.data ?? []).entries()) {
      const plane = planes[Math.min(channel, this.#channels - 1)];
      if (plane !== undefined) target.set(new Uint8Array(plane.buffer, plane.byteOffset, plane.byteLength));
    }
    frame.pts = BigInt(this.#count * SOUND_BLOCK_SAMPLES);
    const wantedPts = BigInt((this.#count - SOUND_LOOKAHEAD_BLOCKS) * SOUND_BLOCK_SAMPLES);
    this.#count++;
    FFmpegError.throwIfError(this.#context.sendFrameSync(frame), "encode a sound");
    let payload: Uint8Array | undefined;
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      // A frame of time before the first block is the encoder's own priming. The packet's memory goes back to the library, so a copy.
      if (this.#packet.pts === wantedPts) payload = new Uint8Array(this.#packet.data ?? []);
      this.#packet.unref();
    }
    return payload;
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}
