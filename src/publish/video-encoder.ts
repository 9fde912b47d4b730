import { Codec, CodecContext, FFmpegError, type Frame, Packet, Rational as AvRational } from "node-av/lib";
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_TRC_BT709,
  type FFVideoEncoder,
} from "node-av/constants";
import { Fault } from "#faults/fault.ts";
import type { Rational } from "#time/ticks.ts";

/** What {@link VideoEncoder} is told. */
export interface VideoEncoderSettings {
  readonly codec: "avc" | "hevc" | "av1";
  readonly width: number;
  readonly height: number;
  readonly frameRate: Rational;
  /** Bits per second. */
  readonly bitrate: number;
  readonly gopFrames: number;
  readonly bframes: number;
}

/** One encoded picture; times in frames. */
export interface EncodedPicture {
  readonly dts: number;
  readonly pts: number;
  readonly keyframe: boolean;
  readonly payload: Uint8Array;
}

const ENCODERS: Readonly<Record<VideoEncoderSettings["codec"], string>> = {
  avc: "libx264",
  hevc: "libx265",
  av1: "libsvtav1",
};

function optionsOf(settings: VideoEncoderSettings): Record<string, string> {
  const { gopFrames, bframes } = settings;
  const gop = `keyint=${gopFrames}:min-keyint=${gopFrames}:scenecut=0:open-gop=0:bframes=${bframes}`;
  const tune = bframes === 0 ? { tune: "zerolatency" } : {};
  if (settings.codec === "av1") return { preset: "12", "svtav1-params": "pred-struct=1:lp=1:rc=2:scd=0" };
  if (settings.codec === "avc") {
    const params = `${gop}:b-adapt=0:rc-lookahead=0:sync-lookahead=0:sliced-threads=0:force-cfr=1`;
    return { preset: "superfast", "forced-idr": "1", ...tune, "x264-params": params };
  }
  const params = `${gop}:b-adapt=0:rc-lookahead=${Math.max(1, bframes + 1)}:frame-threads=1:log-level=none`;
  return { preset: "ultrafast", "forced-idr": "1", ...tune, "x265-params": params };
}

/** Encodes pictures in constant frame rate with a fixed key frame distance and closed groups of pictures. */
export class VideoEncoder {
  readonly #context = new CodecContext();
  readonly #packet = new Packet();

  /** Opens the encoder. @throws Fault `CODEC_UNSUPPORTED` when the library refuses the settings. */
  static async open(settings: VideoEncoderSettings): Promise<VideoEncoder> {
    const encoder = new VideoEncoder();
    const name = ENCODERS[settings.codec];
    const codec = Codec.findEncoderByName(name as FFVideoEncoder);
    if (codec === null)
      throw new Fault("CODEC_UNSUPPORTED", `the encoder ${name} is missing`, { hint: "choose codec avc" });
    const context = encoder.#context;
    encoder.#packet.alloc();
    context.allocContext3(codec);
    context.width = settings.width;
    context.height = settings.height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new AvRational(settings.frameRate.den, settings.frameRate.num);
    context.framerate = new AvRational(settings.frameRate.num, settings.frameRate.den);
    context.gopSize = settings.gopFrames;
    context.maxBFrames = settings.bframes;
    context.threadCount = 1;
    context.bitRate = BigInt(settings.bitrate);
    // SVT-AV1 takes a peak rate in constant quality mode only.
    if (settings.codec !== "av1") {
      context.rcMaxRate = BigInt(settings.bitrate);
      context.rcBufferSize = settings.bitrate;
    }
    context.colorRange = AVCOL_RANGE_MPEG;
    context.colorPrimaries = AVCOL_PRI_BT709;
    context.colorTrc = AVCOL_TRC_BT709;
    context.colorSpace = AVCOL_SPC_BT709;
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    // Not a Dictionary: opening consumes it, and the collector frees it a second time.
    for (const [option, value] of Object.entries(optionsOf(settings)))
      FFmpegError.throwIfError(context.setOption(option, value), `set the encoder's option ${option}`);
    const result = await context.open2(codec);
    if (result < 0) {
      throw new Fault(
        "CODEC_UNSUPPORTED",
        `${name} refuses ${settings.width}x${settings.height}: ${new FFmpegError(result).message}`,
        {
          hint: "choose another size, frame rate or codec",
        },
      );
    }
    return encoder;
  }

  /** Parameter sets (Annex B) or the sequence header (OBU), as the library gives them. */
  get extraData(): Uint8Array {
    return this.#context.extraData ?? new Uint8Array(0);
  }

  /** Encodes one picture, or drains the encoder with `null`; gives what is ready. */
  encode(frame: Frame | null): EncodedPicture[] {
    FFmpegError.throwIfError(this.#context.sendFrameSync(frame), "encode a picture");
    const pictures: EncodedPicture[] = [];
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      const data = this.#packet.data;
      if (data !== null) {
        pictures.push({
          dts: Number(this.#packet.dts),
          pts: Number(this.#packet.pts),
          keyframe: this.#packet.isKeyframe,
          // The packet's memory goes back to the library.
          payload: new Uint8Array(data),
        });
      }
      this.#packet.unref();
    }
    return pictures;
  }
}
