import { withoutTransportObus } from "#media/codecs/av1.ts";
import { joinLengthPrefixed, splitAnnexB } from "#media/codecs/nal.ts";
import type { VideoCodec } from "#media/track.ts";

/** NAL unit types of slices: ITU-T H.264 Table 7-1. */
const AVC_SLICE_TYPE_MAX = 5;
/** The same, ITU-T H.265 Table 7-1: all types below. */
const HEVC_SLICE_TYPES = 32;

/** What CMAF wants of an encoder's packet: the picture alone, without delimiters, parameter sets and the encoder's signature; AV1 keeps its sequence header. */
export function encodedSampleOf(codec: VideoCodec, packet: Uint8Array): Uint8Array {
  if (codec === "av1") return withoutTransportObus(packet);
  const isSlice =
    codec === "hevc"
      ? (head: number) => ((head >> 1) & 0x3f) < HEVC_SLICE_TYPES
      : (head: number) => (head & 0x1f) <= AVC_SLICE_TYPE_MAX;
  return joinLengthPrefixed(splitAnnexB(packet).filter((unit) => isSlice(unit[0] ?? 0)));
}
