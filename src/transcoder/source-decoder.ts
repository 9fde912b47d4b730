import {
  AV_CODEC_ID_AV1,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_VP9,
  AV_CODEC_FLAG_LOW_DELAY,
  AVMEDIA_TYPE_VIDEO,
  type AVCodecID,
  type FFVideoDecoder,
} from "node-av/constants";
import { Codec, CodecContext, CodecParameters, FFmpegError, Frame, Packet } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { AvcSample, inspectAvcSample } from "#media/codecs/avc-nal.ts";
import { HevcSample, inspectHevcSample } from "#media/codecs/hevc-nal.ts";
import type { VideoCodec, VideoConfig } from "#media/track.ts";

/** Luma samples of a decoded picture, at most; what claims more is not decoded. Room for 8192x4320. */
const PICTURE_SAMPLES_MAX = 36_000_000;

/** The only decoders that ever run: FFmpeg has some hundred more, and many of them are looked at by nobody. */
const DECODERS: Readonly<Record<VideoCodec, { readonly name: string; readonly id: AVCodecID }>> = {
  avc: { name: "h264", id: AV_CODEC_ID_H264 },
  hevc: { name: "hevc", id: AV_CODEC_ID_HEVC },
  av1: { name: "libdav1d", id: AV_CODEC_ID_AV1 },
  vp9: { name: "vp9", id: AV_CODEC_ID_VP9 },
};

/** A picture out of the decoder. */
export interface DecodedPicture {
  /** The number its frame was given to the decoder with. */
  readonly sequence: number;
  /** Belongs to the receiver, who frees it. */
  readonly picture: Frame;
}

/**
 * Whether a keyframe is a start without a past: no picture that follows it in decoding order refers to one before it. A clean random
 * access picture of HEVC, or a recovery point of AVC, is not: pictures that are shown before it may.
 */
export function isCleanStart(codec: VideoCodec, payload: Uint8Array): boolean {
  try {
    if (codec === "avc") return (inspectAvcSample(payload) & AvcSample.IDR) !== 0;
    if (codec === "hevc") return (inspectHevcSample(payload) & HevcSample.IDR) !== 0;
    return true;
  } catch {
    // Damaged: the decoder will say so, and nothing in it can be trusted to need a past.
    return true;
  }
}

/** One run of the source through its decoder, without delay beyond the reordering that the stream asks for. */
export class SourceDecoder {
  readonly #context: CodecContext;
  readonly #packet = new Packet();
  readonly #frame = new Frame();

  private constructor(context: CodecContext) {
    this.#context = context;
    this.#packet.alloc();
    this.#frame.alloc();
  }

  /**
   * Opens a decoder. `reorderPictures` is by how many pictures decoding runs ahead of showing, for streams that do not say it themselves.
   * @throws Fault `CODEC_UNSUPPORTED` when the library has no such decoder or refuses the parameters.
   */
  static open(config: VideoConfig, reorderPictures: number): SourceDecoder {
    const { name, id } = DECODERS[config.codec];
    const codec = Codec.findDecoderByName(name as FFVideoDecoder);
    if (codec === null) throw new Fault("CODEC_UNSUPPORTED", `the decoder ${name} is missing`);
    const parameters = new CodecParameters();
    parameters.alloc();
    parameters.codecType = AVMEDIA_TYPE_VIDEO;
    parameters.codecId = id;
    parameters.width = config.width;
    parameters.height = config.height;
    // VP9 has its parameters in the frames.
    if (config.codec !== "vp9") parameters.extradata = Buffer.from(config.record);
    parameters.videoDelay = reorderPictures;
    const context = new CodecContext();
    context.allocContext3(codec);
    FFmpegError.throwIfError(context.parametersToContext(parameters), "set up a decoder");
    context.threadCount = 1;
    // dav1d holds pictures back without it; the H.264 decoder would stop reordering with it.
    if (config.codec === "av1") context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    FFmpegError.throwIfError(context.setOption("max_pixels", String(PICTURE_SAMPLES_MAX)), "bound a decoder");
    const opened = context.open2Sync(codec);
    if (opened < 0)
      throw new Fault("CODEC_UNSUPPORTED", `${name} refuses the source: ${new FFmpegError(opened).message}`);
    return new SourceDecoder(context);
  }

  /** Decodes a frame; gives the pictures that are ready, in the order they are shown. What is damaged gives none. */
  async decode(sequence: number, payload: Uint8Array): Promise<DecodedPicture[]> {
    const packet = this.#packet;
    packet.data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    packet.pts = BigInt(sequence);
    packet.dts = BigInt(sequence);
    await this.#context.sendPacket(packet);
    packet.unref();
    return this.#receive();
  }

  /** Gives the pictures that are still held back; afterwards the decoder is only good for {@link close}. */
  async drain(): Promise<DecodedPicture[]> {
    await this.#context.sendPacket(null);
    return this.#receive();
  }

  #receive(): DecodedPicture[] {
    const pictures: DecodedPicture[] = [];
    while (this.#context.receiveFrameSync(this.#frame) >= 0) {
      const picture = this.#frame.clone();
      if (picture !== null) pictures.push({ sequence: Number(this.#frame.pts), picture });
      this.#frame.unref();
    }
    return pictures;
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}
