import type { AVMediaType, FFVideoDecoder } from "node-av/constants";
import { Codec, CodecContext, type CodecParameters, FFmpegError } from "node-av/lib";
import { Fault } from "#faults/fault.ts";

/** Pixels of an image or a clip at most; what claims more is not decoded. Room for 8192x4320. */
const PICTURE_PIXELS_MAX = 36_000_000;

/** The decoders that clips may need, by FFmpeg's names of the codecs: no others ever run. */
export const CLIP_DECODERS: Readonly<Record<string, string>> = {
  h264: "h264",
  hevc: "hevc",
  av1: "libdav1d",
  vp8: "vp8",
  vp9: "vp9",
  aac: "aac",
  mp3: "mp3float",
  opus: "opus",
  vorbis: "vorbis",
  flac: "flac",
  ac3: "ac3",
  eac3: "eac3",
  pcm_s16le: "pcm_s16le",
  pcm_s24le: "pcm_s24le",
};

/** Opens a decoder by its name, for a track of a file or for an image. The caller frees it. @throws Fault `CODEC_UNSUPPORTED`, FFmpegError. */
export function openDecoder(name: string, type: AVMediaType, parameters?: CodecParameters): CodecContext {
  const decoder = Codec.findDecoderByName(name as FFVideoDecoder);
  if (decoder === null || decoder.type !== type)
    throw new Fault("CODEC_UNSUPPORTED", `the decoder ${name} is not in this library`);
  const context = new CodecContext();
  context.allocContext3(decoder);
  try {
    if (parameters !== undefined) FFmpegError.throwIfError(context.parametersToContext(parameters), "set up a decoder");
    context.threadCount = 1;
    FFmpegError.throwIfError(context.setOption("max_pixels", String(PICTURE_PIXELS_MAX)), "bound a decoder");
    FFmpegError.throwIfError(context.open2Sync(decoder), `open the decoder ${name}`);
    return context;
  } catch (error) {
    context.freeContext();
    throw error;
  }
}
