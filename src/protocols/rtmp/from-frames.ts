/**
 * Frames to tags, for publishing: what every server knows in the legacy form (H.264, AAC and MP3 of the default track), everything else as
 * Enhanced RTMP v2.
 */
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { AudioCodec, TrackConfig, VideoCodec } from "#media/track.ts";
import { amfEcmaArray } from "./amf-value.ts";
import { encodeAmf0 } from "./amf0.ts";
import { AudioPacketType, FourCc, FrameType, MultitrackType, VideoPacketType } from "./enhanced-rtmp.ts";

/** A message's payload in two parts, so that a frame needs no copy: the tag header and the frame. */
export interface Tag {
  readonly prefix: Uint8Array;
  readonly body: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const VIDEO_FOURCC: Readonly<Record<VideoCodec, number>> = {
  avc: FourCc.AVC,
  hevc: FourCc.HEVC,
  av1: FourCc.AV1,
  vp9: FourCc.VP9,
};
const AUDIO_FOURCC: Readonly<Record<AudioCodec, number>> = {
  aac: FourCc.AAC,
  opus: FourCc.OPUS,
  ac3: FourCc.AC3,
  eac3: FourCc.EAC3,
  flac: FourCc.FLAC,
  mp3: FourCc.MP3,
};
const AUDIO_EX = 0x90;
/** Sound format with the rate, size and channel bits that AAC always has (FLV 10.1 §E.4.2.1). */
const AUDIO_AAC = 0xaf;
const AUDIO_MP3 = 0x2f;
const VIDEO_AVC = 7;
const VIDEO_EX = 0x80;

/** The payload of an `onMetaData` message as encoders send it. */
export function metadataPayload(values: EncoderMetadata): Uint8Array {
  return encodeAmf0(["@setDataFrame", "onMetaData", amfEcmaArray(values)]);
}

/** The sequence header of a track; `undefined` for codecs that have none (AC-3, E-AC-3, MP3). */
export function configTag(track: RawTrack, config: TrackConfig): Tag | undefined {
  if (config.kind === "audio") {
    if (config.codec === "ac3" || config.codec === "eac3" || config.codec === "mp3") return undefined;
    if (config.codec === "aac" && track.number === 0) {
      return { prefix: Uint8Array.of(AUDIO_AAC, 0), body: config.record };
    }
    const prefix = audioPrefix(track.number, AUDIO_FOURCC[config.codec], AudioPacketType.SEQUENCE_START);
    return { prefix, body: audioRecord(config.codec, config.record) };
  }
  if (config.codec === "avc" && track.number === 0) {
    return { prefix: Uint8Array.of((FrameType.KEY << 4) | VIDEO_AVC, 0, 0, 0, 0), body: config.record };
  }
  const fourCc = VIDEO_FOURCC[config.codec];
  const prefix = videoPrefix(track.number, fourCc, FrameType.KEY, VideoPacketType.SEQUENCE_START, undefined);
  // vpcC begins with version and flags of its box, which are not part of the record.
  return { prefix, body: config.codec === "vp9" ? config.record.subarray(4) : config.record };
}

/** A frame of a track whose configuration was sent. */
export function frameTag(frame: RawFrame, codec: VideoCodec | AudioCodec): Tag {
  const { track, payload, keyframe, ptsOffset } = frame;
  if (track.kind === "audio") {
    if (codec === "aac" && track.number === 0) return { prefix: Uint8Array.of(AUDIO_AAC, 1), body: payload };
    if (codec === "mp3" && track.number === 0) return { prefix: Uint8Array.of(AUDIO_MP3), body: payload };
    const fourCc = AUDIO_FOURCC[codec as AudioCodec];
    return { prefix: audioPrefix(track.number, fourCc, AudioPacketType.CODED_FRAMES), body: payload };
  }
  const frameType = keyframe ? FrameType.KEY : FrameType.INTER;
  if (codec === "avc" && track.number === 0) {
    const prefix = Uint8Array.of((frameType << 4) | VIDEO_AVC, 1, ptsOffset >> 16, ptsOffset >> 8, ptsOffset);
    return { prefix, body: payload };
  }
  const timed = (codec === "avc" || codec === "hevc") && ptsOffset !== 0;
  const packetType =
    timed || codec === "av1" || codec === "vp9" ? VideoPacketType.CODED_FRAMES : VideoPacketType.CODED_FRAMES_X;
  const fourCc = VIDEO_FOURCC[codec as VideoCodec];
  return {
    prefix: videoPrefix(track.number, fourCc, frameType, packetType, timed ? ptsOffset : undefined),
    body: payload,
  };
}

/** Says that a track's sequence is over; legacy AAC has no such message. */
export function endTag(track: RawTrack, codec: VideoCodec | AudioCodec): Tag | undefined {
  if (track.kind === "audio") return undefined;
  if (codec === "avc" && track.number === 0) {
    return { prefix: Uint8Array.of((FrameType.KEY << 4) | VIDEO_AVC, 2, 0, 0, 0), body: NOTHING };
  }
  const fourCc = VIDEO_FOURCC[codec as VideoCodec];
  return {
    prefix: videoPrefix(track.number, fourCc, FrameType.KEY, VideoPacketType.SEQUENCE_END, undefined),
    body: NOTHING,
  };
}

function videoPrefix(
  trackId: number,
  fourCc: number,
  frameType: number,
  packetType: number,
  ptsOffset: number | undefined,
): Uint8Array {
  const multitrack = trackId === 0 ? 0 : 1;
  const prefix = new Uint8Array(5 + 2 * multitrack + (ptsOffset === undefined ? 0 : 3));
  prefix[0] = VIDEO_EX | (frameType << 4) | (multitrack === 1 ? VideoPacketType.MULTITRACK : packetType);
  const at = putCodec(prefix, multitrack, packetType, fourCc, trackId);
  if (ptsOffset !== undefined) {
    prefix[at] = ptsOffset >> 16;
    prefix[at + 1] = ptsOffset >> 8;
    prefix[at + 2] = ptsOffset;
  }
  return prefix;
}

function audioPrefix(trackId: number, fourCc: number, packetType: number): Uint8Array {
  const multitrack = trackId === 0 ? 0 : 1;
  const prefix = new Uint8Array(5 + 2 * multitrack);
  prefix[0] = AUDIO_EX | (multitrack === 1 ? AudioPacketType.MULTITRACK : packetType);
  putCodec(prefix, multitrack, packetType, fourCc, trackId);
  return prefix;
}

function putCodec(prefix: Uint8Array, multitrack: 0 | 1, packetType: number, fourCc: number, trackId: number): number {
  let at = 1;
  if (multitrack === 1) prefix[at++] = (MultitrackType.ONE_TRACK << 4) | packetType;
  new DataView(prefix.buffer).setUint32(at, fourCc);
  at += 4;
  if (multitrack === 1) prefix[at++] = trackId;
  return at;
}

/** From what the sample entry holds to what Enhanced RTMP wants. */
function audioRecord(codec: AudioCodec, record: Uint8Array): Uint8Array {
  if (codec === "opus") return opusHead(record);
  if (codec === "flac") return flacHeader(record);
  return record;
}

/** `dOps` (big-endian, version 0) to an identification header (RFC 7845 §5.1: little-endian, version 1). */
function opusHead(dOps: Uint8Array): Uint8Array {
  const head = new Uint8Array(8 + dOps.byteLength);
  head.set(new TextEncoder().encode("OpusHead"));
  head.set(dOps, 8);
  const from = new DataView(dOps.buffer, dOps.byteOffset, dOps.byteLength);
  const to = new DataView(head.buffer);
  head[8] = 1;
  to.setUint16(10, from.getUint16(2), true);
  to.setUint32(12, from.getUint32(4), true);
  to.setInt16(16, from.getInt16(8), true);
  return head;
}

/** `dfLa` without version and flags, behind the marker of the native stream. */
function flacHeader(dfLa: Uint8Array): Uint8Array {
  const header = new Uint8Array(dfLa.byteLength);
  header.set(new TextEncoder().encode("fLaC"));
  header.set(dfLa.subarray(4), 4);
  return header;
}
