import { AV_FRAME_FLAG_CORRUPT, AVERROR_INVALIDDATA, FF_DECODE_ERROR_MISSING_REFERENCE } from "node-av/constants";
import { type CodecContext, FFmpegError, type Frame } from "node-av/lib";
import { tryDecodeOne } from "#codecs/decode-one.ts";
import { openVideoDecoder } from "#codecs/video-decoder.ts";
import type { VideoCodec } from "#media/track.ts";
import type { KeyframeVerdict } from "./picture-wire.ts";

/** What came out of a keyframe. */
export interface DecodedKeyframe {
  readonly verdict: KeyframeVerdict;
  /** What is wrong with it, in a few words; empty where nothing is. */
  readonly why: string;
  /** Belongs to the caller, who frees it. */
  readonly picture: Frame | undefined;
}

/**
 * Decodes one keyframe by itself and tells whether it is whole. A damaged one may give a picture all the same. One that is no beginning by
 * itself, such as a recovery point that is reached by and by, gives none and is not called damaged.
 * @throws Fault `CODEC_UNSUPPORTED` when the parameters are refused, FFmpegError for what is no fault of the keyframe.
 */
export async function decodeKeyframe(
  codec: VideoCodec,
  record: Uint8Array,
  keyframe: Uint8Array,
): Promise<DecodedKeyframe> {
  const strict = await decode(openVideoDecoder({ codec, record, isStrict: true }), keyframe);
  if (strict.verdict !== "damaged" || strict.picture !== undefined) return strict;
  const { picture } = await decode(openVideoDecoder({ codec, record }), keyframe);
  return { ...strict, picture };
}

/** Decodes with a decoder that is used once, and frees it. */
async function decode(context: CodecContext, keyframe: Uint8Array): Promise<DecodedKeyframe> {
  const { sent, picture } = await tryDecodeOne(context, keyframe);
  if (sent === AVERROR_INVALIDDATA) return damaged("its keyframes break the rules of the codec", picture);
  if (sent < 0) picture?.free();
  FFmpegError.throwIfError(sent, "decode a keyframe");
  if (picture === undefined) return { verdict: "unknown", why: "it gives no picture by itself", picture };
  // What refers to pictures before it is not whole without them, and damaged no more than that.
  const errors = picture.decodeErrorFlags & ~FF_DECODE_ERROR_MISSING_REFERENCE;
  if (errors !== 0) return damaged("parts of its keyframes are missing or make no sense", picture);
  const isUnsure = picture.decodeErrorFlags !== 0 || (picture.flags & AV_FRAME_FLAG_CORRUPT) !== 0;
  if (isUnsure) return { verdict: "unknown", why: "it needs pictures from before it", picture };
  return { verdict: "intact", why: "", picture };
}

function damaged(why: string, picture: Frame | undefined): DecodedKeyframe {
  return { verdict: "damaged", why, picture };
}
