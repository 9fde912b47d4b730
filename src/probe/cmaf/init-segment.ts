import { ByteReader } from "#bytes/reader.ts";
import { type Box, badMedia, childrenOf, onlyBox, readBoxes, readerOf } from "./box.ts";

/** What an initialisation segment says of its one track (CMAF: one track per file, ISO/IEC 23000-19 §7.3.1). */
export interface InitTrack {
  readonly trackId: number;
  readonly timescale: number;
  readonly kind: "video" | "audio" | "other";
  /** RFC 6381, as it must stand in CODECS. */
  readonly codec: string;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly sampleRate: number | undefined;
  /** Bytes of the length before each NAL unit; 0 when the codec has none. */
  readonly nalLengthBytes: number;
  readonly defaultDuration: number;
  readonly defaultSizeBytes: number;
  readonly defaultFlags: number;
}

interface Entry {
  readonly codec: string;
  readonly nalLengthBytes: number;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRate?: number;
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function avcCodec(format: string, config: Box): Entry {
  const reader = readerOf(config);
  reader.skip(1);
  const codec = `${format}.${hex2(reader.u8())}${hex2(reader.u8())}${hex2(reader.u8())}`;
  return { codec, nalLengthBytes: (reader.u8() & 3) + 1 };
}

/** ISO/IEC 14496-15 annex E.3: profile space, profile, compatibility reversed, tier and level, constraint bytes without trailing zeros. */
function hevcCodec(format: string, config: Box): Entry {
  const reader = readerOf(config);
  reader.skip(1);
  const profile = reader.u8();
  let compatibility = reader.u32();
  let reversed = 0;
  for (let i = 0; i < 32; i++) {
    reversed = (reversed << 1) | (compatibility & 1);
    compatibility >>>= 1;
  }
  const constraints = [...reader.bytes(6)];
  const level = reader.u8();
  while (constraints.at(-1) === 0) constraints.pop();
  reader.skip(8);
  const nalLengthBytes = (reader.u8() & 3) + 1;
  const space = ["", "A", "B", "C"][profile >> 6] ?? "";
  const tier = profile & 0x20 ? "H" : "L";
  const rest = constraints.map((byte) => `.${byte.toString(16)}`).join("");
  const codec = `${format}.${space}${profile & 31}.${(reversed >>> 0).toString(16)}.${tier}${level}${rest}`;
  return { codec, nalLengthBytes };
}

/** AV1 codec configuration (av1-isobmff §2.3): profile, level and tier, bit depth. */
function av1Codec(config: Box): Entry {
  const reader = readerOf(config);
  reader.skip(1);
  const second = reader.u8();
  const third = reader.u8();
  const depth = third & 0x40 ? (third & 0x20 ? "12" : "10") : "08";
  const level = String(second & 31).padStart(2, "0");
  return { codec: `av01.${second >> 5}.${level}${third & 0x80 ? "H" : "M"}.${depth}`, nalLengthBytes: 0 };
}

function vp9Codec(config: Box): Entry {
  const reader = readerOf(config);
  reader.skip(4);
  const two = (value: number): string => String(value).padStart(2, "0");
  return { codec: `vp09.${two(reader.u8())}.${two(reader.u8())}.${two(reader.u8() >> 4)}`, nalLengthBytes: 0 };
}

function descriptorLength(reader: ByteReader): number {
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const byte = reader.u8();
    length = (length << 7) | (byte & 127);
    if ((byte & 128) === 0) break;
  }
  return length;
}

/** Object type of the AudioSpecificConfig behind the esds descriptors (ISO/IEC 14496-1 §7.2.6). */
function mp4aCodec(esds: Box): Entry {
  const reader = readerOf(esds);
  reader.skip(4);
  if (reader.u8() !== 3) throw badMedia("esds has no ES descriptor", esds.start);
  descriptorLength(reader);
  reader.skip(2);
  const flags = reader.u8();
  if (flags & 0x80) reader.skip(2);
  if (flags & 0x40) reader.skip(reader.u8());
  if (flags & 0x20) reader.skip(2);
  if (reader.u8() !== 4) throw badMedia("esds has no decoder descriptor", esds.start);
  descriptorLength(reader);
  const objectType = reader.u8();
  if (objectType !== 0x40) return { codec: `mp4a.${hex2(objectType)}`, nalLengthBytes: 0 };
  reader.skip(12);
  if (reader.u8() !== 5) throw badMedia("esds has no decoder specific info", esds.start);
  descriptorLength(reader);
  const head = reader.u16();
  const short = head >> 11;
  const audioObject = short === 31 ? 32 + ((head >> 5) & 63) : short;
  return { codec: `mp4a.40.${audioObject}`, nalLengthBytes: 0 };
}

const AUDIO_ENTRY_FIELDS_BYTES = 28;
const VIDEO_ENTRY_FIELDS_BYTES = 78;

function videoEntry(entry: Box): Entry {
  const reader = readerOf(entry);
  reader.skip(24);
  const size = { width: reader.u16(), height: reader.u16() };
  const boxes = childrenOf(entry, VIDEO_ENTRY_FIELDS_BYTES);
  switch (entry.type) {
    case "avc1":
    case "avc3":
      return { ...avcCodec(entry.type, onlyBox(boxes, "avcC", entry.type)), ...size };
    case "hvc1":
    case "hev1":
      return { ...hevcCodec(entry.type, onlyBox(boxes, "hvcC", entry.type)), ...size };
    case "av01":
      return { ...av1Codec(onlyBox(boxes, "av1C", entry.type)), ...size };
    case "vp09":
      return { ...vp9Codec(onlyBox(boxes, "vpcC", entry.type)), ...size };
    default:
      return { codec: entry.type, nalLengthBytes: 0, ...size };
  }
}

const PLAIN_AUDIO: Readonly<Record<string, string>> = { Opus: "opus", fLaC: "flac", "ac-3": "ac-3", "ec-3": "ec-3" };

function audioEntry(entry: Box): Entry {
  const reader = readerOf(entry);
  reader.skip(24);
  const sampleRate = reader.u32() / 65_536;
  const plain = PLAIN_AUDIO[entry.type];
  if (plain !== undefined) return { codec: plain, nalLengthBytes: 0, sampleRate };
  if (entry.type === ".mp3") return { codec: "mp3", nalLengthBytes: 0, sampleRate };
  if (entry.type !== "mp4a") return { codec: entry.type, nalLengthBytes: 0, sampleRate };
  return { ...mp4aCodec(onlyBox(childrenOf(entry, AUDIO_ENTRY_FIELDS_BYTES), "esds", entry.type)), sampleRate };
}

/** Reads an initialisation segment: `ftyp` and a `moov` with one track. @throws ProtocolError with the offset. */
export function readInitSegment(bytes: Uint8Array): InitTrack {
  const boxes = readBoxes(bytes);
  if (boxes[0]?.type !== "ftyp") throw badMedia("an init segment must begin with ftyp", 0);
  if (boxes.some((box) => box.type === "moof" || box.type === "mdat")) throw badMedia("media in an init segment", 0);
  const moov = childrenOf(onlyBox(boxes, "moov", "the init segment"));
  const trak = childrenOf(onlyBox(moov, "trak", "moov"));
  const tkhd = readerOf(onlyBox(trak, "tkhd", "trak"));
  tkhd.skip(tkhd.u8() === 1 ? 19 : 11);
  const trackId = tkhd.u32();
  const mdia = childrenOf(onlyBox(trak, "mdia", "trak"));
  const mdhd = readerOf(onlyBox(mdia, "mdhd", "mdia"));
  mdhd.skip(mdhd.u8() === 1 ? 19 : 11);
  const timescale = mdhd.u32();
  if (timescale === 0) throw badMedia("the timescale is 0", mdhd.offset);
  const hdlr = readerOf(onlyBox(mdia, "hdlr", "mdia"));
  hdlr.skip(8);
  const handler = hdlr.text(4);
  const kind = handler === "vide" ? "video" : handler === "soun" ? "audio" : "other";
  const stbl = childrenOf(onlyBox(childrenOf(onlyBox(mdia, "minf", "mdia")), "stbl", "minf"));
  const entries = childrenOf(onlyBox(stbl, "stsd", "stbl"), 8);
  const [sampleEntry] = entries;
  if (sampleEntry === undefined) throw badMedia("stsd has no entry", 0);
  const entry: Entry =
    kind === "video"
      ? videoEntry(sampleEntry)
      : kind === "audio"
        ? audioEntry(sampleEntry)
        : { codec: sampleEntry.type, nalLengthBytes: 0 };
  const trex = readerOf(onlyBox(childrenOf(onlyBox(moov, "mvex", "moov")), "trex", "mvex"));
  trex.skip(4);
  if (trex.u32() !== trackId) throw badMedia("trex is of another track", trex.offset);
  trex.skip(4);
  return {
    trackId,
    timescale,
    kind,
    codec: entry.codec,
    width: entry.width,
    height: entry.height,
    sampleRate: entry.sampleRate,
    nalLengthBytes: entry.nalLengthBytes,
    defaultDuration: trex.u32(),
    defaultSizeBytes: trex.u32(),
    defaultFlags: trex.u32(),
  };
}
