/**
 * Tag headers of Enhanced RTMP v2 ("Enhanced Video", "Enhanced Audio").
 *
 * ```
 * video  1 frameType(3) packetType(4)  │ audio  9(4) packetType(4)
 *        [ModEx]*  [multitrackType(4) packetType(4)]  fourCC  { [fourCC] trackId [size(24)] [SI24 composition time] body }+
 * ```
 * A packet type of ModEx wraps the real one, with data between; one of Multitrack means that several tracks may follow.
 */
import { ByteReader } from "#bytes/reader.ts";
import { ProtocolError } from "#faults/fault.ts";

/** Codecs by their FourCC, as unsigned 32-bit numbers. */
export const FourCc = {
  AVC: 0x61766331,
  HEVC: 0x68766331,
  VVC: 0x76766331,
  AV1: 0x61763031,
  VP8: 0x76703038,
  VP9: 0x76703039,
  AAC: 0x6d703461,
  OPUS: 0x4f707573,
  AC3: 0x61632d33,
  EAC3: 0x65632d33,
  FLAC: 0x664c6143,
  MP3: 0x2e6d7033,
} as const;

/** The four characters of a FourCC, others than printable ASCII as `?`. */
export function fourCcText(value: number): string {
  let text = "";
  for (let shift = 24; shift >= 0; shift -= 8) {
    const code = (value >>> shift) & 0xff;
    text += code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : "?";
  }
  return text;
}

/** Packet types of video tags ("VideoPacketType"). */
export const VideoPacketType = {
  SEQUENCE_START: 0,
  CODED_FRAMES: 1,
  SEQUENCE_END: 2,
  CODED_FRAMES_X: 3,
  METADATA: 4,
  MPEG2TS_SEQUENCE_START: 5,
  MULTITRACK: 6,
  MOD_EX: 7,
} as const;

/** Packet types of audio tags ("AudioPacketType"). */
export const AudioPacketType = {
  SEQUENCE_START: 0,
  CODED_FRAMES: 1,
  SEQUENCE_END: 2,
  MULTICHANNEL_CONFIG: 4,
  MULTITRACK: 5,
  MOD_EX: 7,
} as const;

/** How the tracks of a multitrack tag stand ("AvMultitrackType"). */
export const MultitrackType = { ONE_TRACK: 0, MANY_TRACKS: 1, MANY_TRACKS_MANY_CODECS: 2 } as const;

/** Frame types of video tags (FLV 10.1 §E.4.3.1). */
export const FrameType = { KEY: 1, INTER: 2, DISPOSABLE: 3, GENERATED_KEY: 4, COMMAND: 5 } as const;

const MOD_EX_TIMESTAMP_OFFSET_NANO = 0;
/** ModEx wrappers one tag may have; one kind is defined. */
const MOD_EX_MAX = 8;

/** One track's part of an enhanced tag. */
interface ExPacket {
  /** Of {@link VideoPacketType} or {@link AudioPacketType}. */
  readonly packetType: number;
  readonly fourCc: number;
  /** 0 is the default track. */
  readonly trackId: number;
  /** Composition time in milliseconds; 0 but for coded frames of AVC, HEVC and VVC. */
  readonly ptsOffset: number;
  /** A view of the message. */
  readonly body: Uint8Array;
}

/** An enhanced tag taken apart. */
export interface ExTag {
  /** Of {@link FrameType}; 0 for audio. */
  readonly frameType: number;
  /** Nanoseconds to add to the message's time, below 1,000,000. */
  readonly nanoOffset: number;
  /** Empty for a command frame. */
  readonly packets: readonly ExPacket[];
}

/** Whether a video message has an enhanced header. */
export function isExVideoTag(payload: Uint8Array): boolean {
  return ((payload[0] ?? 0) & 0x80) !== 0;
}

/** Whether an audio message has an enhanced header: sound format 9. */
export function isExAudioTag(payload: Uint8Array): boolean {
  return (payload[0] ?? 0) >> 4 === 9;
}

/** @throws ProtocolError `BYTES_TRUNCATED`, `BYTES_INVALID`. */
export function parseExVideoTag(payload: Uint8Array): ExTag {
  const reader = new ByteReader(payload);
  const first = reader.u8();
  const frameType = (first >> 4) & 7;
  const modEx = readModEx(reader, first & 0x0f, VideoPacketType.MOD_EX);
  const { packetType, nanoOffset } = modEx;
  if (packetType !== VideoPacketType.METADATA && frameType === FrameType.COMMAND) {
    return { frameType, nanoOffset, packets: [] };
  }
  const packets = readPackets(reader, packetType, VideoPacketType.MULTITRACK, true);
  return { frameType, nanoOffset, packets };
}

/** @throws ProtocolError `BYTES_TRUNCATED`, `BYTES_INVALID`. */
export function parseExAudioTag(payload: Uint8Array): ExTag {
  const reader = new ByteReader(payload);
  const { packetType, nanoOffset } = readModEx(reader, reader.u8() & 0x0f, AudioPacketType.MOD_EX);
  return { frameType: 0, nanoOffset, packets: readPackets(reader, packetType, AudioPacketType.MULTITRACK, false) };
}

function readModEx(reader: ByteReader, first: number, modEx: number): { packetType: number; nanoOffset: number } {
  let packetType = first;
  let nanoOffset = 0;
  for (let count = 0; packetType === modEx; count++) {
    if (count === MOD_EX_MAX) {
      throw new ProtocolError("BYTES_INVALID", `more than ${MOD_EX_MAX} ModEx wrappers`, { at: reader.offset });
    }
    let size = reader.u8() + 1;
    if (size === 256) size = reader.u16() + 1;
    const data = reader.bytes(size);
    const types = reader.u8();
    packetType = types & 0x0f;
    if (types >> 4 === MOD_EX_TIMESTAMP_OFFSET_NANO && size >= 3) nanoOffset = new ByteReader(data).u24();
  }
  return { packetType, nanoOffset };
}

function readPackets(reader: ByteReader, first: number, multitrack: number, video: boolean): ExPacket[] {
  if (first !== multitrack) return [readPacket(reader, first, reader.u32(), 0, reader.remaining, video)];
  const types = reader.u8();
  const multitrackType = types >> 4;
  const packetType = types & 0x0f;
  if (packetType === multitrack || multitrackType > MultitrackType.MANY_TRACKS_MANY_CODECS) {
    throw new ProtocolError("BYTES_INVALID", `multitrack type ${multitrackType} of packet type ${packetType}`, {
      at: 1,
    });
  }
  let codec = multitrackType === MultitrackType.MANY_TRACKS_MANY_CODECS ? 0 : reader.u32();
  const packets: ExPacket[] = [];
  do {
    if (multitrackType === MultitrackType.MANY_TRACKS_MANY_CODECS) codec = reader.u32();
    const trackId = reader.u8();
    const size = multitrackType === MultitrackType.ONE_TRACK ? reader.remaining : reader.u24();
    packets.push(readPacket(reader, packetType, codec, trackId, size, video));
  } while (multitrackType !== MultitrackType.ONE_TRACK && reader.remaining > 0);
  return packets;
}

function readPacket(
  reader: ByteReader,
  packetType: number,
  codec: number,
  trackId: number,
  size: number,
  video: boolean,
): ExPacket {
  const hasTime =
    video &&
    packetType === VideoPacketType.CODED_FRAMES &&
    (codec === FourCc.AVC || codec === FourCc.HEVC || codec === FourCc.VVC);
  if (!hasTime) return { packetType, fourCc: codec, trackId, ptsOffset: 0, body: reader.bytes(size) };
  if (size < 3)
    throw new ProtocolError("BYTES_TRUNCATED", "coded frames without composition time", { at: reader.offset });
  const ptsOffset = reader.i24();
  return { packetType, fourCc: codec, trackId, ptsOffset, body: reader.bytes(size - 3) };
}
