import {
  AV_CODEC_FLAG_LOW_DELAY,
  AV_CODEC_ID_AV1,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_VP9,
  AVMEDIA_TYPE_VIDEO,
  type AVCodecID,
  type FFVideoDecoder,
} from "node-av/constants";
import { Codec, CodecContext, CodecParameters, FFmpegError } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import type { VideoCodec } from "#media/track.ts";

/** Luma samples of a decoded picture, at most; what claims more is not decoded. Room for 8192x4320. */
const PICTURE_SAMPLES_MAX = 36_000_000;

/** Options of a decoder by name. */
type Options = Readonly<Record<string, string>>;

/** The only decoders of pictures that ever run: FFmpeg has some hundred more, and many of them are looked at by nobody. */
const DECODERS: Readonly<
  Record<VideoCodec, { readonly name: string; readonly id: AVCodecID; readonly strict: Options }>
> = {
  // Says of each picture whether it had to make parts up.
  avc: { name: "h264", id: AV_CODEC_ID_H264, strict: {} },
  hevc: { name: "hevc", id: AV_CODEC_ID_HEVC, strict: { err_detect: "explode" } },
  av1: { name: "libdav1d", id: AV_CODEC_ID_AV1, strict: { strict: "strict" } },
  vp9: { name: "vp9", id: AV_CODEC_ID_VP9, strict: {} },
};

/** What {@link openVideoDecoder} needs to know of a stream; any `VideoConfig` has it. */
export interface DecoderConfig {
  readonly codec: VideoCodec;
  /** The decoder configuration record. */
  readonly record: Uint8Array;
  /** What breaks the codec's rules is refused, as far as the decoder can tell; else it makes the best of it. */
  readonly isStrict?: boolean;
}

/**
 * Opens a decoder with one thread that holds no picture back beyond the reordering of the stream. `reorderPictures` is by how many pictures
 * decoding runs ahead of showing, for streams that do not say it themselves. The caller frees it.
 * @throws Fault `CODEC_UNSUPPORTED` when the library has no such decoder or refuses the parameters.
 */
export function openVideoDecoder(
  { codec, record, isStrict = false }: DecoderConfig,
  reorderPictures = 0,
): CodecContext {
  const { name, id, strict } = DECODERS[codec];
  const decoder = Codec.findDecoderByName(name as FFVideoDecoder);
  if (decoder === null) throw new Fault("CODEC_UNSUPPORTED", `the decoder ${name} is missing`);
  const parameters = new CodecParameters();
  parameters.alloc();
  parameters.codecType = AVMEDIA_TYPE_VIDEO;
  parameters.codecId = id;
  // VP9 has its parameters in the frames.
  if (codec !== "vp9") parameters.extradata = Buffer.from(record);
  parameters.videoDelay = reorderPictures;
  const context = new CodecContext();
  context.allocContext3(decoder);
  try {
    FFmpegError.throwIfError(context.parametersToContext(parameters), "set up a decoder");
    context.threadCount = 1;
    // dav1d holds pictures back without it; the H.264 decoder would stop reordering with it.
    if (codec === "av1") context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    FFmpegError.throwIfError(context.setOption("max_pixels", String(PICTURE_SAMPLES_MAX)), "bound a decoder");
    for (const [option, value] of Object.entries(isStrict ? strict : {}))
      FFmpegError.throwIfError(context.setOption(option, value), `set the decoder's option ${option}`);
    FFmpegError.throwIfError(context.open2Sync(decoder), "open a decoder");
  } catch (cause) {
    context.freeContext();
    throw new Fault("CODEC_UNSUPPORTED", `${name} refuses the stream's parameters: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    parameters.free();
  }
  return context;
}
