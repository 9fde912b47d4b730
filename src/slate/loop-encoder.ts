import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  FF_ENCODER_LIBSVTAV1,
  FF_ENCODER_LIBX264,
  FF_ENCODER_LIBX265,
  type FFVideoEncoder,
} from "node-av/constants";
import { Codec, CodecContext, FFmpegError, type Frame, Rational as AvRational } from "node-av/lib";
import { encodedSampleOf } from "#codecs/encoded-sample.ts";
import type { EncodedCodec, EncoderOptions } from "#codecs/encoding.ts";
import { nameColour } from "#codecs/open-encoder.ts";
import { VideoEncoder } from "#codecs/video-encoder.ts";
import { Fault } from "#faults/fault.ts";
import { av1ConfigOf } from "#media/codecs/av1.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { parseHevcConfig } from "#media/codecs/hevc.ts";
import type { SlatePicture } from "#media/slate.ts";
import type { Rational } from "#time/ticks.ts";
import type { PictureFormat } from "./picture-format.ts";

/** Seconds from one keyframe to the next at most. */
const KEY_SECONDS_MAX = 2;
/** Seconds of a loop that does not move, at least. */
const STILL_SECONDS_MIN = 0.5;

interface LoopCodec {
  readonly name: FFVideoEncoder;
  readonly options: EncoderOptions;
  /** A constant quantiser: a picture that does not change costs next to nothing after its first frame. */
  readonly still: EncoderOptions;
  /** A constant quality, for pictures that move. */
  readonly moving: EncoderOptions;
  /** How many luma samples a loop that does not move may have: a second's work. */
  readonly stillSamples: number;
}

/** No picture waits for a later one; keyframes where we say and nowhere else. */
const CODECS: Readonly<Record<EncodedCodec, LoopCodec>> = {
  avc: {
    name: FF_ENCODER_LIBX264,
    options: {
      preset: "superfast",
      tune: "zerolatency",
      a53cc: "0",
      "forced-idr": "1",
      "x264-params":
        "scenecut=0:bframes=0:weightp=0:ref=1:keyint=infinite:open-gop=0:sliced-threads=0:rc-lookahead=0:sync-lookahead=0:mbtree=0:force-cfr=1",
    },
    still: { qp: "23" },
    moving: { crf: "23" },
    stillSamples: 130_000_000,
  },
  hevc: {
    name: FF_ENCODER_LIBX265,
    options: {
      preset: "ultrafast",
      tune: "zerolatency",
      a53cc: "0",
      "forced-idr": "1",
      "x265-params":
        "scenecut=0:bframes=0:b-adapt=0:weightp=0:ref=1:keyint=-1:open-gop=0:rc-lookahead=0:cutree=0:ctu=64:early-skip=1:rd=1:max-merge=1:pools=none:frame-threads=1:wpp=0:repeat-headers=0:info=0:aud=0:log-level=none",
    },
    still: { qp: "24" },
    moving: { crf: "24" },
    stillSamples: 65_000_000,
  },
  av1: {
    name: FF_ENCODER_LIBSVTAV1,
    options: {
      preset: "10",
      "svtav1-params": "pred-struct=1:lookahead=0:scd=0:enable-overlays=0:enable-tf=0:irefresh-type=2:lp=1",
    },
    still: { qp: "24" },
    moving: { crf: "32" },
    stillSamples: 130_000_000,
  },
};

/** What {@link LoopEncoder} is told. */
export interface LoopSettings {
  readonly format: PictureFormat;
  readonly frameRate: Rational;
  /** Bits per second at most, for pictures that move; `undefined`: they do not. */
  readonly bitrateMax?: number;
}

/** Pictures from one keyframe to the next at a frame rate: {@link KEY_SECONDS_MAX} seconds, rounded down. */
export function keyInterval({ num, den }: Rational): number {
  return Math.max(1, Math.floor((KEY_SECONDS_MAX * num) / den));
}

/** Pictures of a loop that does not move: {@link KEY_SECONDS_MAX} seconds of them, fewer where they are large. */
export function stillPictures({ codec, width, height }: PictureFormat, frameRate: Rational): number {
  const affordable = Math.ceil(CODECS[codec].stillSamples / (width * height));
  const least = Math.ceil((STILL_SECONDS_MIN * frameRate.num) / frameRate.den);
  return Math.min(keyInterval(frameRate), Math.max(least, affordable));
}

/** Encodes the pictures of a loop, each by the one before it alone, with a keyframe at the first and every {@link KEY_SECONDS_MAX} seconds. */
export class LoopEncoder {
  readonly #codec: EncodedCodec;
  readonly #encoder: VideoEncoder;
  readonly #keyInterval: number;
  #record: Uint8Array | undefined;
  #count = 0;

  /** @throws Fault `CODEC_UNSUPPORTED` when the library refuses the format. */
  constructor(settings: LoopSettings) {
    this.#codec = settings.format.codec;
    this.#keyInterval = keyInterval(settings.frameRate);
    const context = open(settings);
    const tellsInPackets = this.#codec === "av1";
    const name = CODECS[this.#codec].name;
    this.#encoder = new VideoEncoder({
      name,
      context,
      pixelFormat: AV_PIX_FMT_YUV420P,
      memory: undefined,
      tellsInPackets,
    });
    const sets = this.#encoder.parameterSets;
    if (sets !== undefined)
      this.#record = (this.#codec === "hevc" ? parseHevcConfig(sets) : parseAvcConfig(sets)).record;
  }

  /** The decoder configuration record; for AV1 it is known after the first picture. */
  get record(): Uint8Array {
    return this.#record ?? new Uint8Array(0);
  }

  /** Encodes the next picture, which is read only until the promise resolves. */
  async encode(picture: Frame): Promise<SlatePicture> {
    const keyframe = this.#count++ % this.#keyInterval === 0;
    const packet = await this.#encoder.encode(picture, keyframe);
    const payload = encodedSampleOf(this.#codec, packet);
    if (keyframe) this.#record ??= av1ConfigOf(payload).record;
    return { payload, keyframe };
  }

  /** Gives its memory back. */
  close(): void {
    this.#encoder.close();
  }
}

function open({ format, frameRate, bitrateMax }: LoopSettings): CodecContext {
  const { codec, width, height, colour } = format;
  const { name, options, still, moving } = CODECS[codec];
  const found = Codec.findEncoderByName(name);
  if (found === null) throw new Fault("CODEC_UNSUPPORTED", `the encoder ${name} is not in this library`);
  const context = new CodecContext();
  context.allocContext3(found);
  try {
    context.width = width;
    context.height = height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new AvRational(frameRate.den, frameRate.num);
    context.framerate = new AvRational(frameRate.num, frameRate.den);
    context.sampleAspectRatio = new AvRational(format.pixelAspect.num, format.pixelAspect.den);
    context.maxBFrames = 0;
    context.threadCount = 1;
    // What AV1's encoder keys by; the others are told picture by picture.
    context.gopSize = keyInterval(frameRate);
    if (bitrateMax !== undefined) {
      context.rcMaxRate = BigInt(Math.round(bitrateMax));
      if (codec !== "av1") context.rcBufferSize = Math.round(bitrateMax * KEY_SECONDS_MAX);
    }
    nameColour(context, colour);
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    // Not a Dictionary: opening consumes it, and the collector frees it a second time.
    for (const [option, value] of Object.entries({ ...options, ...(bitrateMax === undefined ? still : moving) }))
      FFmpegError.throwIfError(context.setOption(option, value), `set the option ${option} of ${name}`);
    FFmpegError.throwIfError(context.open2Sync(), `open ${name}`);
    return context;
  } catch (cause) {
    context.freeContext();
    const why = (cause as Error).message;
    throw new Fault("CODEC_UNSUPPORTED", `${name} refuses pictures of ${width}x${height}: ${why}`, { cause });
  }
}
