import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  type AVColorPrimaries,
  type AVColorSpace,
  type AVColorTransferCharacteristic,
  FF_ENCODER_LIBX264,
} from "node-av/constants";
import { Codec, CodecContext, FFmpegError, type Frame, Packet, Rational as AvRational } from "node-av/lib";
import type { Profile } from "#codecs/encoding.ts";
import { assert, Fault } from "#faults/fault.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { joinLengthPrefixed, sameBytes, splitAnnexB } from "#media/codecs/nal.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import type { Encoding, Rung } from "./rung.ts";

const USUAL_RATE: Rational = { num: 30, den: 1 };
const PRESETS: Readonly<Record<Profile, string>> = { realtime: "superfast", balanced: "veryfast", quality: "fast" };
/** What a second may have beyond the average. */
const PEAK_FACTOR = 1.2;
/** Seconds of the peak rate that a decoder may have buffered. */
const BUFFER_SECONDS = 1.5;
/** NAL unit types of ITU-T H.264 Table 7-1 that a sample needs: slices. Neither the encoder's signature nor delimiters. */
const SLICE_TYPE_MAX = 5;

/**
 * Nothing that looks ahead or back over a cut, headers that no picture changes, one thread, and the same instructions' results on every
 * processor: what a fresh encoder makes depends on the pictures of the segment alone, and what encoders with different pasts make fits together.
 */
const STRUCTURE = [
  "scenecut=0",
  "bframes=0",
  "weightp=0",
  "ref=1",
  "keyint=infinite",
  "stitchable=1",
  "open-gop=0",
  "sliced-threads=0",
  "rc-lookahead=0",
  "sync-lookahead=0",
  "mbtree=0",
  "force-cfr=1",
  "cpu-independent=1",
].join(":");

/** What {@link RungEncoder} is told; it never changes for a rung. */
export interface RungEncoderSettings {
  readonly rung: Rung;
  readonly encoding: Encoding;
  /** The source's; its pixel aspect and colours are the rung's. */
  readonly source: VideoConfig;
  /** Pictures per second of the source. */
  readonly frameRate: Rational | undefined;
}

/** Encodes the pictures of a rung: of one segment in identical coding, of all that come in locked coding. */
export class RungEncoder {
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #parameterSets: Uint8Array;
  #count = 0;

  private constructor(settings: RungEncoderSettings) {
    this.#packet.alloc();
    const codec = Codec.findEncoderByName(FF_ENCODER_LIBX264);
    if (codec === null) throw new Fault("CODEC_UNSUPPORTED", "the encoder libx264 is missing");
    const context = this.#context;
    context.allocContext3(codec);
    configure(context, settings);
    const options = {
      preset: PRESETS[settings.encoding.profile],
      tune: "zerolatency",
      a53cc: "0",
      "forced-idr": "1",
      "x264-params": STRUCTURE,
    };
    // Not a Dictionary: opening consumes it, and the collector frees it a second time.
    for (const [name, value] of Object.entries(options))
      FFmpegError.throwIfError(context.setOption(name, value), `set the encoder's option ${name}`);
    const opened = context.open2Sync(codec);
    const { name, width, height } = settings.rung;
    if (opened < 0) {
      const why = new FFmpegError(opened).message;
      throw new Fault("CODEC_UNSUPPORTED", `libx264 refuses the rung ${name} of ${width}x${height}: ${why}`);
    }
    this.#parameterSets = Uint8Array.from(context.extraData ?? new Uint8Array(0));
  }

  /**
   * Opens an encoder. `config` is the rung's, of an encoder before it.
   * @throws Fault `CODEC_UNSUPPORTED` when the library refuses the rung.
   */
  static open(settings: RungEncoderSettings, config?: VideoConfig): RungEncoder {
    const encoder = new RungEncoder(settings);
    if (config !== undefined)
      assert(sameBytes(encoder.config.record, config.record), "a rung's parameter sets are the same in every segment");
    return encoder;
  }

  /** The rung's codec parameters. */
  get config(): VideoConfig {
    return parseAvcConfig(this.#parameterSets);
  }

  /**
   * Encodes the next picture, which is read only until the promise resolves. Gives a length-prefixed sample: an IDR if the picture is the
   * first of its segment, else one that refers to the picture before.
   */
  async encode(picture: Frame, isFirst: boolean): Promise<Uint8Array> {
    picture.pictType = isFirst ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    picture.pts = BigInt(this.#count++);
    FFmpegError.throwIfError(await this.#context.sendFrame(picture), "encode a picture");
    FFmpegError.throwIfError(this.#context.receivePacketSync(this.#packet), "take an encoded picture");
    const bytes = this.#packet.data ?? new Uint8Array(0);
    const sample = joinLengthPrefixed(splitAnnexB(bytes).filter((unit) => ((unit[0] ?? 0) & 0x1f) <= SLICE_TYPE_MAX));
    this.#packet.unref();
    return sample;
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}

function configure(context: CodecContext, { rung, source, frameRate }: RungEncoderSettings): void {
  const { num, den } = frameRate ?? USUAL_RATE;
  context.width = rung.width;
  context.height = rung.height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.timeBase = new AvRational(den * rung.frameRateDivisor, num);
  context.framerate = new AvRational(num, den * rung.frameRateDivisor);
  context.sampleAspectRatio = new AvRational(source.pixelAspect.num, source.pixelAspect.den);
  context.threadCount = 1;
  context.bitRate = BigInt(Math.round(rung.bitrate));
  context.rcMaxRate = BigInt(Math.round(rung.bitrate * PEAK_FACTOR));
  context.rcBufferSize = Math.round(rung.bitrate * PEAK_FACTOR * BUFFER_SECONDS);
  const { colour } = source;
  if (colour !== undefined) {
    context.colorRange = colour.fullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    // The library's numbers are those of ISO/IEC 23091-2.
    context.colorPrimaries = colour.primaries as AVColorPrimaries;
    context.colorTrc = colour.transfer as AVColorTransferCharacteristic;
    context.colorSpace = colour.matrix as AVColorSpace;
  }
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
}
