import type { Frame } from "node-av/lib";
import { decodeOne } from "#codecs/decode-one.ts";
import { openVideoDecoder } from "#codecs/video-decoder.ts";
import type { VideoCodec } from "#media/track.ts";

/**
 * Decodes one keyframe by itself; the picture belongs to the caller, who frees it. `undefined` when nothing comes out of it.
 * @throws Fault `CODEC_UNSUPPORTED`, FFmpegError when the parameters or the keyframe are refused.
 */
export function decodeKeyframe(
  codec: VideoCodec,
  record: Uint8Array,
  keyframe: Uint8Array,
): Promise<Frame | undefined> {
  return Promise.try(() => decodeOne(openVideoDecoder({ codec, record }), keyframe));
}
