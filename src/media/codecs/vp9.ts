import { BitReader } from "#bytes/bits.ts";
import { ByteReader } from "#bytes/reader.ts";
import type { VideoConfig } from "#media/track.ts";
import { checkPictureSize, configInvalid, parsing } from "./codec-error.ts";

/** Bytes of `vpcC` behind version and flags, without codec initialisation data. */
const VPCC_BODY_BYTES = 8;

/**
 * Parses `vpcC` contents (VP codec ISO media file format binding §2.2), with or without version and flags: both are sent over RTMP. The
 * record does not tell the picture's size: it comes from the first key frame, see {@link vp9KeyframeSize}.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function parseVp9Config(record: Uint8Array, size: { width: number; height: number }): VideoConfig {
  return parsing("vpcC record", () => readConfig(record, size));
}

function readConfig(record: Uint8Array, size: { width: number; height: number }): VideoConfig {
  const reader = new ByteReader(record);
  // Without the header, byte 2 holds the bit depth and is never zero.
  if (record[0] === 1 && record[1] === 0 && record[2] === 0 && record[3] === 0) reader.skip(4);
  const body = reader.bytes(VPCC_BODY_BYTES);
  const profile = body[0] ?? 0;
  const level = body[1] ?? 0;
  const bitDepth = (body[2] ?? 0) >> 4;
  const chroma = ((body[2] ?? 0) >> 1) & 7;
  if (profile > 3) throw configInvalid(`vpcC record: profile ${profile}, at most 3 is allowed`);
  if (bitDepth !== 8 && bitDepth !== 10 && bitDepth !== 12)
    throw configInvalid(`vpcC record: ${bitDepth} bits per sample`);
  checkPictureSize("VP9", size.width, size.height);
  const primaries = body[3] ?? 2;
  const transfer = body[4] ?? 2;
  const matrix = body[5] ?? 2;
  const fullRange = ((body[2] ?? 0) & 1) === 1;
  const canonical = new Uint8Array(4 + VPCC_BODY_BYTES);
  canonical[0] = 1;
  canonical.set(body.subarray(0, 6), 4);
  const two = (value: number): string => value.toString().padStart(2, "0");
  const colourUnsaid = primaries === 2 && transfer === 2 && matrix === 2 && !fullRange;
  const plain = (colourUnsaid || (primaries === 1 && transfer === 1 && matrix === 1 && !fullRange)) && chroma <= 1;
  const head = `vp09.${two(profile)}.${two(level)}.${two(bitDepth)}`;
  return {
    kind: "video",
    codec: "vp9",
    record: canonical,
    width: size.width,
    height: size.height,
    pixelAspect: { num: 1, den: 1 },
    ...(colourUnsaid ? {} : { colour: { primaries, transfer, matrix, fullRange } }),
    codecs: plain
      ? head
      : `${head}.${two(chroma)}.${two(primaries)}.${two(transfer)}.${two(matrix)}.${fullRange ? "01" : "00"}`,
  };
}

/** Gives the size of the picture when the frame is a VP9 key frame, else `undefined` (VP9 bitstream specification §6.2). Never throws. */
export function vp9KeyframeSize(frame: Uint8Array): { width: number; height: number } | undefined {
  if (frame.byteLength < 10) return undefined;
  const bits = new BitReader(frame.subarray(0, 20));
  try {
    if (bits.u(2) !== 2) return undefined;
    const profile = bits.u(1) + bits.u(1) * 2;
    if (profile === 3) bits.skip(1);
    if (bits.flag()) return undefined;
    if (bits.flag()) return undefined;
    bits.skip(2);
    if (bits.u(24) !== 0x498342) return undefined;
    if (profile >= 2) bits.skip(1);
    const srgb = bits.u(3) === 7;
    if (!srgb) bits.skip(1);
    if (profile === 1 || profile === 3) bits.skip(srgb ? 1 : 3);
    return { width: bits.u(16) + 1, height: bits.u(16) + 1 };
  } catch {
    return undefined;
  }
}
