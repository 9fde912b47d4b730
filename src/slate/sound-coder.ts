import {
  AV_CODEC_FLAG_BITEXACT,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
  AV_SAMPLE_FMT_S16,
  AV_SAMPLE_FMT_S32,
  type AVSampleFormat,
  FF_ENCODER_AAC,
  FF_ENCODER_AC3,
  FF_ENCODER_EAC3,
  FF_ENCODER_FLAC,
  FF_ENCODER_LIBMP3LAME,
  FF_ENCODER_LIBOPUS,
  type FFAudioEncoder,
} from "node-av/constants";
import {
  type ChannelLayout,
  Codec,
  CodecContext,
  FFmpegError,
  Frame,
  Packet,
  Rational as AvRational,
} from "node-av/lib";
import { readAudioSpecificConfig } from "#media/codecs/aac.ts";
import { parseAc3Frame, parseEac3Frame } from "#media/codecs/ac3.ts";
import { parseMp3Frame } from "#media/codecs/mp3.ts";
import { sameBytes } from "#media/codecs/nal.ts";
import { opusPacketSamples } from "#media/codecs/opus.ts";
import type { AudioCodec, AudioConfig } from "#media/track.ts";

/** Bits per second and channel of codecs that leave the rate to us. */
const CHANNEL_BITRATE = 64_000;
/** AC-3's rates by their code, kbit/s (ETSI TS 102 366 Table 4.13). */
const AC3_KBITS: readonly number[] = [
  32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
];
/** Samples of a 20 ms packet of Opus. */
const OPUS_SAMPLES = 960;
/** Where STREAMINFO begins in `dfLa`. */
const FLAC_INFO_AT = 8;

interface Form {
  readonly name: FFAudioEncoder;
  readonly format: (config: AudioConfig) => AVSampleFormat;
  readonly bitrate: (config: AudioConfig) => number;
  readonly options: Readonly<Record<string, string>>;
}

const planar = (): AVSampleFormat => AV_SAMPLE_FMT_FLTP;
const usual = ({ channels }: AudioConfig): number => CHANNEL_BITRATE * channels;

const FORMS: Readonly<Record<AudioCodec, Form>> = {
  aac: { name: FF_ENCODER_AAC, format: planar, bitrate: usual, options: { aac_coder: "fast" } },
  opus: { name: FF_ENCODER_LIBOPUS, format: () => AV_SAMPLE_FMT_FLT, bitrate: usual, options: {} },
  ac3: {
    name: FF_ENCODER_AC3,
    format: planar,
    bitrate: ({ record }) => (AC3_KBITS[((record[1] ?? 0) & 3) * 8 + ((record[2] ?? 0) >> 5)] ?? 0) * 1000,
    options: {},
  },
  eac3: {
    name: FF_ENCODER_EAC3,
    format: planar,
    bitrate: ({ record }) => (((record[0] ?? 0) << 5) | ((record[1] ?? 0) >> 3)) * 1000,
    options: {},
  },
  flac: {
    name: FF_ENCODER_FLAC,
    format: (config) => (flacBits(config) > 16 ? AV_SAMPLE_FMT_S32 : AV_SAMPLE_FMT_S16),
    bitrate: () => 0,
    options: {},
  },
  // Without a reservoir no frame needs bits of the one before it.
  mp3: { name: FF_ENCODER_LIBMP3LAME, format: planar, bitrate: usual, options: { reservoir: "0" } },
};

/** Bits per sample of a FLAC stream (RFC 9639 §8.2). */
function flacBits({ record }: AudioConfig): number {
  const at = FLAC_INFO_AT + 12;
  return ((((record[at] ?? 0) & 1) << 4) | ((record[at + 1] ?? 0) >> 4)) + 1;
}

/** Encodes sound in frames that fit a configuration we did not choose. */
export class SoundCoder {
  /** Samples of a frame. */
  readonly frameSamples: number;
  readonly #config: AudioConfig;
  readonly #context: CodecContext;
  readonly #format: AVSampleFormat;
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  #count = 0;

  private constructor(config: AudioConfig, layout: ChannelLayout, context: CodecContext) {
    this.#config = config;
    this.#context = context;
    this.#format = FORMS[config.codec].format(config);
    this.frameSamples = SoundCoder.frameSamplesOf(config);
    this.#packet.alloc();
    const frame = this.#frame;
    frame.alloc();
    frame.format = this.#format;
    frame.sampleRate = config.sampleRate;
    frame.channelLayout = layout;
    frame.nbSamples = this.frameSamples;
    FFmpegError.throwIfError(frame.getBuffer(0), "allocate a sound");
  }

  /** Samples of a frame of that sound. */
  static frameSamplesOf({ codec, samplesPerFrame, record }: AudioConfig): number {
    if (samplesPerFrame > 0) return samplesPerFrame;
    if (codec === "opus") return OPUS_SAMPLES;
    // The largest block that the stream may have.
    return ((record[FLAC_INFO_AT + 2] ?? 0) << 8) | (record[FLAC_INFO_AT + 3] ?? 0);
  }

  /** Opens an encoder; `undefined` where none makes such frames. */
  static open(config: AudioConfig, layout: ChannelLayout): SoundCoder | undefined {
    const { name, format, bitrate, options } = FORMS[config.codec];
    const codec = Codec.findEncoderByName(name);
    if (codec === null) return undefined;
    const context = new CodecContext();
    context.allocContext3(codec);
    context.sampleRate = config.sampleRate;
    context.channelLayout = layout;
    context.sampleFormat = format(config);
    context.bitRate = BigInt(bitrate(config));
    context.timeBase = new AvRational(1, config.sampleRate);
    context.threadCount = 1;
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_BITEXACT);
    const frameSamples = SoundCoder.frameSamplesOf(config);
    if (config.codec === "flac") {
      context.frameSize = frameSamples;
      context.bitsPerRawSample = flacBits(config);
    }
    const isSet = Object.entries(options).every(([option, value]) => context.setOption(option, value) >= 0);
    const isOpen = isSet && context.open2Sync(codec) >= 0;
    if (isOpen && context.frameSize === frameSamples && isSameSound(config, context.extraData))
      return new SoundCoder(config, layout, context);
    context.freeContext();
    return undefined;
  }

  /** Takes the next {@link frameSamples} samples of each channel and gives the frames that are ready. @throws FFmpegError. */
  async encode(planes: readonly Float32Array[]): Promise<Uint8Array[]> {
    const frame = this.#frame;
    FFmpegError.throwIfError(frame.makeWritable(), "reuse a sound");
    write(frame, this.#format, planes);
    frame.pts = BigInt(this.#count++ * this.frameSamples);
    FFmpegError.throwIfError(await this.#context.sendFrame(frame), "encode a sound");
    const frames: Uint8Array[] = [];
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      // The packet's memory goes back to the library, so a copy.
      frames.push(new Uint8Array(this.#packet.data ?? []));
      this.#packet.unref();
    }
    return frames;
  }

  /** Whether a decoder that was set up for the configuration takes a frame. */
  fits(frame: Uint8Array): boolean {
    const { codec, record, sampleRate, channels, samplesPerFrame } = this.#config;
    if (codec === "ac3") return sameBytes(parseAc3Frame(frame).record, record);
    if (codec === "eac3") return sameBytes(parseEac3Frame(frame).record, record);
    if (codec === "opus") return opusPacketSamples(frame) === this.frameSamples;
    if (codec !== "mp3") return frame.byteLength > 0;
    const made = parseMp3Frame(frame);
    return made.sampleRate === sampleRate && made.channels === channels && made.samplesPerFrame === samplesPerFrame;
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}

/** Whether an encoder's own configuration means the same to a decoder, for codecs where it matters. */
function isSameSound(config: AudioConfig, extraData: Uint8Array | null): boolean {
  if (config.codec === "opus") return config.record[10] === 0;
  if (config.codec !== "aac") return true;
  const [own, asked] = [
    readAudioSpecificConfig(extraData ?? new Uint8Array(0)),
    readAudioSpecificConfig(config.record),
  ];
  return (
    asked.sbrSampleRate === undefined &&
    asked.channelConfiguration > 0 &&
    own.channelConfiguration === asked.channelConfiguration &&
    own.coreSampleRate === asked.coreSampleRate &&
    own.coreSamples === asked.coreSamples
  );
}

/** Writes samples between -1 and 1 into a frame. */
function write(frame: Frame, format: AVSampleFormat, planes: readonly Float32Array[]): void {
  const data = frame.data ?? [];
  if (format === AV_SAMPLE_FMT_FLTP) {
    for (const [channel, target] of data.entries()) {
      const plane = planes[channel];
      if (plane !== undefined) target.set(new Uint8Array(plane.buffer, plane.byteOffset, plane.byteLength));
    }
    return;
  }
  const [target] = data;
  if (target === undefined) return;
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  for (const [channel, plane] of planes.entries()) {
    for (const [i, sample] of plane.entries()) {
      const at = i * planes.length + channel;
      const bounded = Math.max(-1, Math.min(1, sample));
      if (format === AV_SAMPLE_FMT_FLT) view.setFloat32(at * 4, sample, true);
      else if (format === AV_SAMPLE_FMT_S16) view.setInt16(at * 2, Math.round(bounded * 0x7fff), true);
      else view.setInt32(at * 4, Math.round(bounded * 0x7fffff) * 256, true);
    }
  }
}
