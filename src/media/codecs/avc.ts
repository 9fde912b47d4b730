import { ByteReader } from "#bytes/reader.ts";
import { ByteWriter } from "#bytes/writer.ts";
import type { VideoConfig } from "#media/track.ts";
import { type AvcSps, parseAvcSps } from "./avc-sps.ts";
import { configInvalid, parsing, unsupported } from "./codec-error.ts";
import { type NalLengthSize, splitAnnexB, startsWithStartCode } from "./nal.ts";

/** Parameter sets as an AVC decoder configuration record holds them. */
export interface AvcParameterSets {
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
  /** Sequence parameter set extensions (alpha planes); nearly always empty. */
  readonly spsExt: readonly Uint8Array[];
  /** Size of the lengths in the samples that follow, in bytes. */
  readonly lengthSize: NalLengthSize;
}

/** Profiles whose record ends with chroma format and bit depths (ISO/IEC 14496-15 §5.3.3.1.2). */
function hasChromaTail(profileIdc: number): boolean {
  return profileIdc === 100 || profileIdc === 110 || profileIdc === 122 || profileIdc === 144;
}

/**
 * Reads a decoder configuration record (`avcC` contents, ISO/IEC 14496-15 §5.3.3.1), or parameter sets in Annex B form as some encoders send instead.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`.
 */
export function readAvcRecord(record: Uint8Array): AvcParameterSets {
  return parsing("avcC record", () => (startsWithStartCode(record) ? readAnnexB(record) : readRecord(record)));
}

function readAnnexB(bytes: Uint8Array): AvcParameterSets {
  const units = splitAnnexB(bytes);
  const ofType = (type: number): Uint8Array[] => units.filter((unit) => ((unit[0] ?? 0) & 0x1f) === type);
  return { sps: ofType(7), pps: ofType(8), spsExt: ofType(13), lengthSize: 4 };
}

function readRecord(record: Uint8Array): AvcParameterSets {
  const reader = new ByteReader(record);
  const version = reader.u8();
  if (version !== 1) throw configInvalid(`avcC record: version ${version}, only 1 is known`);
  const profileIdc = reader.u8();
  reader.skip(2);
  const lengthSize = (reader.u8() & 3) + 1;
  if (lengthSize === 3) throw configInvalid("avcC record: NAL unit lengths of 3 bytes are not allowed");
  const sps = readUnits(reader, reader.u8() & 0x1f);
  const pps = readUnits(reader, reader.u8());
  let spsExt: Uint8Array[] = [];
  // Some encoders leave the tail out or cut it short; nothing in it is needed to show the picture.
  if (hasChromaTail(profileIdc) && reader.remaining >= 4) {
    reader.skip(3);
    const count = reader.u8();
    if (count > 0 && reader.remaining >= 3) spsExt = readUnits(reader, count);
  }
  return { sps, pps, spsExt, lengthSize: lengthSize as NalLengthSize };
}

function readUnits(reader: ByteReader, count: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const unit = reader.bytes(reader.u16());
    if (unit.byteLength > 0) units.push(unit);
  }
  return units;
}

function firstSps(sets: Pick<AvcParameterSets, "sps">): Uint8Array {
  const sps = sets.sps[0];
  if (sps === undefined || sps.byteLength < 4) throw configInvalid("avcC record: there is no sequence parameter set");
  return sps;
}

function writeRecord(sets: Pick<AvcParameterSets, "sps" | "pps" | "spsExt">, sps: AvcSps): Uint8Array {
  const writer = new ByteWriter(128);
  writer.u8(1).u8(sps.profileIdc).u8(sps.constraints).u8(sps.levelIdc).u8(0xff);
  writer.u8(0xe0 | sets.sps.length);
  for (const unit of sets.sps) writer.u16(unit.byteLength).bytes(unit);
  writer.u8(sets.pps.length);
  for (const unit of sets.pps) writer.u16(unit.byteLength).bytes(unit);
  if (hasChromaTail(sps.profileIdc)) {
    writer
      .u8(0xfc | sps.chromaFormat)
      .u8(0xf8 | (sps.bitDepthLuma - 8))
      .u8(0xf8 | (sps.bitDepthChroma - 8));
    writer.u8(sets.spsExt.length);
    for (const unit of sets.spsExt) writer.u16(unit.byteLength).bytes(unit);
  }
  return writer.finish().slice();
}

/** Makes a track's configuration of parameter sets. @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`. */
export function avcConfigOf(sets: Pick<AvcParameterSets, "sps" | "pps" | "spsExt">): VideoConfig {
  const sps = parseAvcSps(firstSps(sets));
  if (sets.pps.length === 0) throw configInvalid("avcC record: there is no picture parameter set");
  if (sets.sps.length > 31 || sets.pps.length > 255) throw configInvalid("avcC record: too many parameter sets");
  if (sps.bitDepthLuma > 10) {
    throw unsupported(`H.264 with ${sps.bitDepthLuma} bits per sample`, "set the encoder to 8 bits (profile High)");
  }
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return {
    kind: "video",
    codec: "avc",
    record: writeRecord(sets, sps),
    width: sps.width,
    height: sps.height,
    pixelAspect: sps.pixelAspect,
    ...(sps.frameRate === undefined ? {} : { frameRate: sps.frameRate }),
    ...(sps.colour === undefined ? {} : { colour: sps.colour }),
    codecs: `avc1.${hex(sps.profileIdc)}${hex(sps.constraints)}${hex(sps.levelIdc)}`,
  };
}

/**
 * Parses an AVC decoder configuration record as RTMP and MP4 carry it. The `record` of the result is rewritten in one canonical form
 * with 4-byte NAL lengths, so that equal parameters are equal bytes; samples of an encoder with other lengths
 * ({@link readAvcRecord}`.lengthSize`) go through `toLengthPrefixed` of `nal.ts`.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function parseAvcConfig(record: Uint8Array): VideoConfig {
  return avcConfigOf(readAvcRecord(record));
}
