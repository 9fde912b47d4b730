import { ByteReader } from "#bytes/reader.ts";
import { ByteWriter } from "#bytes/writer.ts";
import type { VideoConfig } from "#media/track.ts";
import { configInvalid, parsing } from "./codec-error.ts";
import { parseHevcSps } from "./hevc-sps.ts";
import { type NalLengthSize, splitAnnexB, startsWithStartCode, withoutEmulationPrevention } from "./nal.ts";

/** Byte of the record that holds the size of the samples' NAL lengths in its two low bits. */
const LENGTH_SIZE_AT = 21;
/** Arrays a record may have; there are five kinds of NAL units that belong into one. */
const ARRAYS_MAX = 16;

/** What an HEVC decoder configuration record says. */
export interface HevcRecord {
  /** Values of `profile_tier_level()`. */
  readonly profileSpace: number;
  readonly tier: number;
  readonly profileIdc: number;
  readonly compatibility: number;
  /** Six bytes. */
  readonly constraints: Uint8Array;
  readonly levelIdc: number;
  readonly lengthSize: NalLengthSize;
  readonly vps: readonly Uint8Array[];
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

/** Reads `hvcC` contents (ISO/IEC 14496-15 §8.3.3.1). @throws ProtocolError `CODEC_CONFIG_INVALID`. */
export function readHevcRecord(record: Uint8Array): HevcRecord {
  return parsing("hvcC record", () => readRecord(record));
}

function readRecord(record: Uint8Array): HevcRecord {
  const reader = new ByteReader(record);
  const version = reader.u8();
  // Version 0 was written by encoders of the years before the format was fixed; the layout is the same.
  if (version > 1) throw configInvalid(`hvcC record: version ${version}, only 1 is known`);
  const profile = reader.u8();
  const compatibility = reader.u32();
  const constraints = reader.bytes(6);
  const levelIdc = reader.u8();
  reader.skip(8);
  const lengthSize = (reader.u8() & 3) + 1;
  if (lengthSize === 3) throw configInvalid("hvcC record: NAL unit lengths of 3 bytes are not allowed");
  const arrays = reader.u8();
  if (arrays > ARRAYS_MAX) throw configInvalid(`hvcC record: ${arrays} arrays, at most ${ARRAYS_MAX} are allowed`);
  const sets = new Map<number, Uint8Array[]>();
  for (let i = 0; i < arrays; i++) {
    const type = reader.u8() & 0x3f;
    const count = reader.u16();
    const units = sets.get(type) ?? [];
    for (let n = 0; n < count; n++) {
      const unit = reader.bytes(reader.u16());
      if (unit.byteLength > 2) units.push(unit);
    }
    sets.set(type, units);
  }
  return {
    profileSpace: profile >> 6,
    tier: (profile >> 5) & 1,
    profileIdc: profile & 0x1f,
    compatibility,
    constraints,
    levelIdc,
    lengthSize: lengthSize as NalLengthSize,
    vps: sets.get(32) ?? [],
    sps: sets.get(33) ?? [],
    pps: sets.get(34) ?? [],
  };
}

/** The `codecs` value by ISO/IEC 14496-15 §E.3: `hvc1.1.6.L93.B0`. */
export function hevcCodecsOf(record: HevcRecord): string {
  const space = ["", "A", "B", "C"][record.profileSpace] ?? "";
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = reversed * 2 + ((record.compatibility >>> bit) & 1);
  const constraints = [...record.constraints];
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const tail = constraints.map((byte) => `.${byte.toString(16).toUpperCase()}`).join("");
  const tier = record.tier === 1 ? "H" : "L";
  return `hvc1.${space}${record.profileIdc}.${reversed.toString(16).toUpperCase()}.${tier}${record.levelIdc}${tail}`;
}

const VPS = 32;
const SPS = 33;
const PPS = 34;

/** Writes `hvcC` contents with 4-byte lengths of NAL units in any order; others than parameter sets are left out. @throws ProtocolError `CODEC_CONFIG_INVALID`. */
export function buildHevcRecord(units: readonly Uint8Array[]): Uint8Array {
  const ofType = (type: number): Uint8Array[] => units.filter((unit) => (((unit[0] ?? 0) >> 1) & 0x3f) === type);
  const first = ofType(SPS)[0];
  if (first === undefined) throw configInvalid("H.265 parameter sets: there is no sequence parameter set");
  const sps = parseHevcSps(first);
  // Behind two header bytes and one with the layer count stand the twelve bytes of profile, tier and level, as the record has them.
  const plain = withoutEmulationPrevention(first);
  const layers = plain[2] ?? 0;
  const writer = new ByteWriter(128);
  writer.u8(1).bytes(plain.subarray(3, 15)).u16(0xf000).u8(0xfc);
  writer
    .u8(0xfc | sps.chromaFormat)
    .u8(0xf8 | (sps.bitDepthLuma - 8))
    .u8(0xf8 | (sps.bitDepthChroma - 8));
  writer
    .u16(0)
    .u8(((((layers >> 1) & 7) + 1) << 3) | ((layers & 1) << 2) | 3)
    .u8(3);
  for (const type of [VPS, SPS, PPS]) {
    const sets = ofType(type);
    writer.u8(0x80 | type).u16(sets.length);
    for (const unit of sets) writer.u16(unit.byteLength).bytes(unit);
  }
  return writer.finish().slice();
}

/**
 * Parses an HEVC decoder configuration record (`hvcC` contents), or parameter sets in Annex B form as some encoders send instead. The `record` of the result has 4-byte NAL lengths; samples of an encoder
 * with others go through `toLengthPrefixed` of `nal.ts`.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function parseHevcConfig(record: Uint8Array): VideoConfig {
  if (startsWithStartCode(record)) {
    return parseHevcConfig(parsing("H.265 parameter sets", () => buildHevcRecord(splitAnnexB(record))));
  }
  const parsed = readHevcRecord(record);
  const unit = parsed.sps[0];
  if (unit === undefined) throw configInvalid("hvcC record: there is no sequence parameter set");
  if (parsed.vps.length === 0 || parsed.pps.length === 0) {
    throw configInvalid("hvcC record: the video or picture parameter set is missing");
  }
  const sps = parseHevcSps(unit);
  const canonical = record.slice();
  canonical[0] = 1;
  canonical[LENGTH_SIZE_AT] = (canonical[LENGTH_SIZE_AT] ?? 0) | 3;
  return {
    kind: "video",
    codec: "hevc",
    record: canonical,
    width: sps.width,
    height: sps.height,
    pixelAspect: sps.pixelAspect,
    ...(sps.frameRate === undefined ? {} : { frameRate: sps.frameRate }),
    ...(sps.colour === undefined ? {} : { colour: sps.colour }),
    codecs: hevcCodecsOf(parsed),
  };
}
