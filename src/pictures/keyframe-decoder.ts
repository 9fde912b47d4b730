import { FFmpegError, Frame, Packet } from "node-av/lib";
import { openVideoDecoder } from "#codecs/video-decoder.ts";
import type { VideoCodec } from "#media/track.ts";

/**
 * Decodes one keyframe by itself; the picture belongs to the caller, who frees it. `undefined` when nothing comes out of it.
 * @throws Fault `CODEC_UNSUPPORTED`, FFmpegError when the parameters or the keyframe are refused.
 */
export async function decodeKeyframe(
  codec: VideoCodec,
  record: Uint8Array,
  keyframe: Uint8Array,
): Promise<Frame | undefined> {
  const context = openVideoDecoder({ codec, record });
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
