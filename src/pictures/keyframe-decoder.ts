import {
  AV_CODEC_ID_AV1,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_VP9,
  AVMEDIA_TYPE_VIDEO,
  type AVCodecID,
  type FFVideoDecoder,
} from "node-av/constants";
import { Codec, CodecContext, CodecParameters, FFmpegError, Frame, Packet } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import type { VideoCodec } from "#media/track.ts";

/** Luma samples of a decoded keyframe, at most; what claims more is not decoded. Room for 8192x4320. */
const KEYFRAME_SAMPLES_MAX = 36_000_000;

/** The only decoders that ever run: FFmpeg has some hundred more, and many of them are looked at by nobody. */
const DECODERS: Readonly<Record<VideoCodec, { readonly name: string; readonly id: AVCodecID }>> = {
  avc: { name: "h264", id: AV_CODEC_ID_H264 },
  hevc: { name: "hevc", id: AV_CODEC_ID_HEVC },
  av1: { name: "libdav1d", id: AV_CODEC_ID_AV1 },
  vp9: { name: "vp9", id: AV_CODEC_ID_VP9 },
};

function openDecoder(codecName: VideoCodec, record: Uint8Array): CodecContext {
  const { name, id } = DECODERS[codecName];
  const codec = Codec.findDecoderByName(name as FFVideoDecoder);
  if (codec === null) throw new Fault("CODEC_UNSUPPORTED", `the decoder ${name} is missing`);
  const parameters = new CodecParameters();
  parameters.alloc();
  parameters.codecType = AVMEDIA_TYPE_VIDEO;
  parameters.codecId = id;
  // VP9 has its parameters in the frames.
  if (codecName !== "vp9") parameters.extradata = Buffer.from(record);
  const context = new CodecContext();
  context.allocContext3(codec);
  FFmpegError.throwIfError(context.parametersToContext(parameters), "set up a decoder");
  parameters.free();
  context.threadCount = 1;
  FFmpegError.throwIfError(context.setOption("max_pixels", String(KEYFRAME_SAMPLES_MAX)), "bound a decoder");
  FFmpegError.throwIfError(context.open2Sync(codec), `open the decoder ${name}`);
  return context;
}

/**
 * Decodes one keyframe by itself; the picture belongs to the caller, who frees it. `undefined` when nothing comes out of it.
 * @throws Fault `CODEC_UNSUPPORTED`, FFmpegError when the parameters or the keyframe are refused.
 */
export async function decodeKeyframe(
  codec: VideoCodec,
  record: Uint8Array,
  keyframe: Uint8Array,
): Promise<Frame | undefined> {
  const context = openDecoder(codec, record);
  const packet = new Packet();
  packet.alloc();
  const picture = new Frame();
  picture.alloc();
  let isThere = false;
  try {
    packet.data = Buffer.from(keyframe.buffer, keyframe.byteOffset, keyframe.byteLength);
    FFmpegError.throwIfError(await context.sendPacket(packet), "decode a keyframe");
    await context.sendPacket(null);
    isThere = context.receiveFrameSync(picture) >= 0;
    return isThere ? picture : undefined;
  } finally {
    if (!isThere) picture.free();
    packet.free();
    context.freeContext();
  }
}
