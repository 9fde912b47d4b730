import {
  Codec,
  CodecContext,
  FFmpegError,
  Frame,
  type Packet,
  SoftwareResampleContext,
  SoftwareScaleContext,
  type Stream,
} from "node-av/lib";
import { AV_CHANNEL_LAYOUT_STEREO, AV_PIX_FMT_YUV420P, AV_SAMPLE_FMT_FLTP } from "node-av/constants";
import { Fault } from "#faults/fault.ts";
import { MICROS_PER_SECOND, type Rational } from "#time/ticks.ts";
import { AAC_FRAME_SAMPLES, AudioEncoder, type EncodedAudio } from "./audio-encoder.ts";
import { type MediaUnit, microsOf, NO_TIME, type TrackReader } from "#codecs/media-unit.ts";
import { type EncodedPicture, VideoEncoder } from "./video-encoder.ts";

const TRANSCODE_SAMPLE_RATE = 48_000;
const TRANSCODE_AUDIO_BITRATE = 160_000;
const GOP_SECONDS = 2;
const FPS_MAX = 60;
/** Bits for each luma sample and second: 3.2 Mbit/s at 1280x720 and 30 frames per second. */
const BITS_PER_SAMPLE = 0.115;
const PICTURE_SIDE_MAX = 4096;

async function openDecoder(stream: Stream): Promise<CodecContext> {
  const codec = Codec.findDecoder(stream.codecpar.codecId);
  if (codec === null)
    throw new Fault("CODEC_UNSUPPORTED", "FFmpeg has no decoder for a track of this file", {
      hint: "convert the file",
    });
  const decoder = new CodecContext();
  decoder.allocContext3(codec);
  decoder.parametersToContext(stream.codecpar);
  decoder.pktTimebase = stream.timeBase;
  FFmpegError.throwIfError(await decoder.open2(codec, null), "open a decoder");
  return decoder;
}

function frameRateOfStream(stream: Stream): Rational {
  const { num, den } = stream.avgFrameRate;
  if (num <= 0 || den <= 0) return { num: 30, den: 1 };
  return num / den > FPS_MAX ? { num: FPS_MAX, den: 1 } : { num, den };
}

/** Decodes pictures and encodes them as H.264 in constant frame rate, a key frame each two seconds. */
export class VideoTranscode implements TrackReader {
  readonly #decoder: CodecContext;
  readonly #encoder: VideoEncoder;
  readonly #base: Rational;
  readonly #rate: Rational;
  readonly #scaler = new SoftwareScaleContext();
  readonly #decoded = new Frame();
  readonly #picture = new Frame();
  #scalerKey = "";
  #lastNumber = -1;
  #originMicros: number | undefined;

  private constructor(decoder: CodecContext, encoder: VideoEncoder, base: Rational, rate: Rational) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#base = base;
    this.#rate = rate;
    this.#decoded.alloc();
    this.#picture.alloc();
  }

  /** @throws Fault `CODEC_UNSUPPORTED` when it can be neither decoded nor encoded. */
  static async open(stream: Stream): Promise<VideoTranscode> {
    const decoder = await openDecoder(stream);
    const frameRate = frameRateOfStream(stream);
    const width = Math.min(PICTURE_SIDE_MAX, stream.codecpar.width) & ~1;
    const height = Math.min(PICTURE_SIDE_MAX, stream.codecpar.height) & ~1;
    const fps = frameRate.num / frameRate.den;
    const encoder = await VideoEncoder.open({
      codec: "avc",
      width,
      height,
      frameRate,
      bitrate: Math.max(200_000, Math.round(width * height * fps * BITS_PER_SAMPLE)),
      gopFrames: Math.max(1, Math.round(GOP_SECONDS * fps)),
      bframes: 0,
    });
    const transcode = new VideoTranscode(decoder, encoder, stream.timeBase, frameRate);
    const picture = transcode.#picture;
    picture.format = AV_PIX_FMT_YUV420P;
    picture.width = width;
    picture.height = height;
    FFmpegError.throwIfError(picture.getBuffer(0), "allocate a picture");
    return transcode;
  }

  get config(): Uint8Array {
    return this.#encoder.extraData;
  }

  read(packet: Packet): MediaUnit[] {
    // A damaged packet costs its picture, not the broadcast.
    if (this.#decoder.sendPacketSync(packet) < 0) return [];
    return this.#receive();
  }

  drain(): MediaUnit[] {
    this.#decoder.sendPacketSync(null);
    const units = this.#receive();
    for (const picture of this.#encoder.encode(null)) units.push(this.#unit(picture));
    return units;
  }

  #receive(): MediaUnit[] {
    const units: MediaUnit[] = [];
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      const time = this.#decoded.bestEffortTimestamp;
      const micros = time === NO_TIME ? 0 : microsOf(time, this.#base);
      this.#originMicros ??= micros;
      const number = Math.max(
        time === NO_TIME ? this.#lastNumber + 1 : 0,
        Math.round(((micros - this.#originMicros) * this.#rate.num) / this.#rate.den / MICROS_PER_SECOND),
      );
      if (number > this.#lastNumber) {
        this.#lastNumber = number;
        this.#scale();
        this.#picture.pts = BigInt(number);
        for (const picture of this.#encoder.encode(this.#picture)) units.push(this.#unit(picture));
      }
      this.#decoded.unref();
    }
    return units;
  }

  #scale(): void {
    const from = this.#decoded;
    const to = this.#picture;
    const key = `${from.width}x${from.height}:${from.format}`;
    if (key !== this.#scalerKey) {
      this.#scalerKey = key;
      this.#scaler.freeContext();
      // A video frame's format is a pixel format.
      const format = from.format as typeof AV_PIX_FMT_YUV420P;
      this.#scaler.getContext(from.width, from.height, format, to.width, to.height, AV_PIX_FMT_YUV420P);
    }
    FFmpegError.throwIfError(to.makeWritable(), "reuse a picture");
    FFmpegError.throwIfError(this.#scaler.scaleFrameSync(to, from), "scale a picture");
  }

  #unit(picture: EncodedPicture): MediaUnit {
    const micros = (frames: number): number =>
      (this.#originMicros ?? 0) + (frames * MICROS_PER_SECOND * this.#rate.den) / this.#rate.num;
    const { keyframe, payload } = picture;
    return { keyframe, dtsMicros: micros(picture.dts), ptsMicros: micros(picture.pts), payload };
  }
}

/** Decodes sound and encodes it as stereo AAC-LC at 48 kHz. */
export class AudioTranscode implements TrackReader {
  readonly #decoder: CodecContext;
  readonly #encoder: AudioEncoder;
  readonly #base: Rational;
  readonly #resampler = new SoftwareResampleContext();
  readonly #decoded = new Frame();
  readonly #resampled = new Frame();
  readonly #planes = [new Float32Array(AAC_FRAME_SAMPLES), new Float32Array(AAC_FRAME_SAMPLES)];
  #filled = 0;
  #originMicros: number | undefined;

  private constructor(decoder: CodecContext, encoder: AudioEncoder, base: Rational) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#base = base;
    this.#decoded.alloc();
    this.#resampled.alloc();
    this.#resampler.alloc();
  }

  /** @throws Fault `CODEC_UNSUPPORTED` when it cannot be decoded. */
  static async open(stream: Stream): Promise<AudioTranscode> {
    const decoder = await openDecoder(stream);
    const encoder = await AudioEncoder.open({
      sampleRate: TRANSCODE_SAMPLE_RATE,
      channels: 2,
      bitrate: TRANSCODE_AUDIO_BITRATE,
    });
    return new AudioTranscode(decoder, encoder, stream.timeBase);
  }

  get config(): Uint8Array {
    return this.#encoder.extraData;
  }

  read(packet: Packet): MediaUnit[] {
    // A damaged packet costs its sound, not the broadcast.
    if (this.#decoder.sendPacketSync(packet) < 0) return [];
    return this.#receive();
  }

  drain(): MediaUnit[] {
    this.#decoder.sendPacketSync(null);
    return this.#receive();
  }

  #receive(): MediaUnit[] {
    const units: MediaUnit[] = [];
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      const time = this.#decoded.bestEffortTimestamp;
      this.#originMicros ??= time === NO_TIME ? 0 : microsOf(time, this.#base);
      const out = this.#resampled;
      out.unref();
      out.format = AV_SAMPLE_FMT_FLTP;
      out.sampleRate = TRANSCODE_SAMPLE_RATE;
      out.channelLayout = AV_CHANNEL_LAYOUT_STEREO;
      FFmpegError.throwIfError(this.#resampler.convertFrame(out, this.#decoded), "resample");
      this.#push(out, units);
      this.#decoded.unref();
    }
    return units;
  }

  #push(frame: Frame, units: MediaUnit[]): void {
    const samples = frame.nbSamples;
    const sources = (frame.data ?? []).map((plane) => new Float32Array(plane.buffer, plane.byteOffset, samples));
    for (let at = 0; at < samples; ) {
      const count = Math.min(samples - at, AAC_FRAME_SAMPLES - this.#filled);
      for (const [channel, plane] of this.#planes.entries()) {
        const source = sources[channel] ?? sources[0];
        if (source !== undefined) plane.set(source.subarray(at, at + count), this.#filled);
      }
      at += count;
      this.#filled += count;
      if (this.#filled < AAC_FRAME_SAMPLES) break;
      this.#filled = 0;
      for (const unit of this.#encoder.encode(this.#planes)) units.push(this.#unit(unit));
    }
  }

  #unit(unit: EncodedAudio): MediaUnit {
    const micros = (this.#originMicros ?? 0) + (unit.pts * MICROS_PER_SECOND) / TRANSCODE_SAMPLE_RATE;
    return { keyframe: true, dtsMicros: micros, ptsMicros: micros, payload: unit.payload };
  }
}
