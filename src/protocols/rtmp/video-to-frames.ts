import { parseAv1Config, withoutTransportObus, av1ConfigOf } from "#media/codecs/av1.ts";
import { AvcSample, avcConfigAfter, avcParameterSetsIn, inspectAvcSample } from "#media/codecs/avc-nal.ts";
import { avcConfigOf, parseAvcConfig, readAvcRecord } from "#media/codecs/avc.ts";
import { HevcSample, inspectHevcSample } from "#media/codecs/hevc-nal.ts";
import { parseHevcConfig, readHevcRecord } from "#media/codecs/hevc.ts";
import { type NalLengthSize, sameBytes, toLengthPrefixed } from "#media/codecs/nal.ts";
import { parseVp9Config, vp9KeyframeSize } from "#media/codecs/vp9.ts";
import { ProtocolError } from "#faults/fault.ts";
import type { RawTrack } from "#media/frame.ts";
import type { ColourInfo, VideoCodec, VideoConfig } from "#media/track.ts";
import { type AmfValue, amfNumber, amfProperty } from "./amf-value.ts";
import { decodeAmf0 } from "./amf0.ts";
import { FourCc, FrameType, VideoPacketType, fourCcText, isExVideoTag, parseExVideoTag } from "./enhanced-rtmp.ts";
import type { DropReason, MediaEvent } from "./media-event.ts";

/** Video tracks one encoder may send. */
const VIDEO_TRACKS_MAX = 8;

/** Codec ids of legacy video tags: FLV 10.1 §E.4.3.1; 12 is what encoders without Enhanced RTMP use for HEVC. */
const LegacyCodec = { AVC: 7, HEVC: 12 } as const;
const LegacyPacket = { SEQUENCE_HEADER: 0, NALU: 1, END_OF_SEQUENCE: 2 } as const;
const LEGACY_HEADER_BYTES = 5;

const HINT = "Choose H.264 in the encoder's settings, or H.265, AV1 or VP9 over Enhanced RTMP.";
const NOTHING = new Uint8Array(0);

interface VideoTrack {
  readonly track: RawTrack;
  codec: VideoCodec | undefined;
  /** The last sequence header as sent, to know repeated ones. */
  record: Uint8Array;
  config: VideoConfig | undefined;
  lengthSize: NalLengthSize;
  colour: ColourInfo | undefined;
  unsupported: boolean;
}

/** Video messages to events, legacy and enhanced. */
export class VideoToFrames {
  readonly #tracks: VideoTrack[] = [];

  /** Adds what the message means to `events`. @throws ProtocolError `CODEC_CONFIG_INVALID`, `BYTES_TRUNCATED`, `BYTES_INVALID`. */
  message(payload: Uint8Array, timestamp: number, events: MediaEvent[]): void {
    if (payload.byteLength === 0) return;
    if (isExVideoTag(payload)) this.#enhanced(payload, timestamp, events);
    else this.#legacy(payload, timestamp, events);
  }

  #legacy(payload: Uint8Array, timestamp: number, events: MediaEvent[]): void {
    const first = payload[0] ?? 0;
    const frameType = first >> 4;
    if (frameType === FrameType.COMMAND) return;
    const codecId = first & 0x0f;
    const track = this.#track(0, events);
    if (track === undefined) return;
    if (codecId !== LegacyCodec.AVC && codecId !== LegacyCodec.HEVC) {
      refuse(track, `video codec ${codecId} of FLV`, events);
      return;
    }
    if (payload.byteLength < LEGACY_HEADER_BYTES) return;
    const codec: VideoCodec = codecId === LegacyCodec.AVC ? "avc" : "hevc";
    const packetType = payload[1];
    const body = payload.subarray(LEGACY_HEADER_BYTES);
    if (packetType === LegacyPacket.SEQUENCE_HEADER) configure(track, codec, body, events);
    else if (packetType === LegacyPacket.NALU) {
      const time = ((payload[2] ?? 0) << 24) | ((payload[3] ?? 0) << 16) | ((payload[4] ?? 0) << 8);
      const keyframe = frameType === FrameType.KEY || frameType === FrameType.GENERATED_KEY;
      if (track.codec === undefined) track.codec = codec;
      frame(track, body, timestamp, time >> 8, keyframe, events);
    }
  }

  #enhanced(payload: Uint8Array, timestamp: number, events: MediaEvent[]): void {
    const tag = parseExVideoTag(payload);
    const keyframe = tag.frameType === FrameType.KEY || tag.frameType === FrameType.GENERATED_KEY;
    for (const packet of tag.packets) {
      const track = this.#track(packet.trackId, events);
      if (track === undefined) continue;
      if (packet.packetType === VideoPacketType.METADATA) {
        describe(track, packet.body, events);
        continue;
      }
      const codec = codecOf(packet.fourCc);
      if (codec === undefined) {
        refuse(track, `video codec ${fourCcText(packet.fourCc)}`, events);
        continue;
      }
      switch (packet.packetType) {
        case VideoPacketType.SEQUENCE_START:
          configure(track, codec, packet.body, events);
          break;
        case VideoPacketType.MPEG2TS_SEQUENCE_START:
          // The descriptor of MPEG-TS has two bytes of tag and length before what av1C holds.
          if (codec === "av1") configure(track, codec, packet.body.subarray(2), events);
          break;
        case VideoPacketType.CODED_FRAMES:
        case VideoPacketType.CODED_FRAMES_X:
          if (track.codec === undefined) track.codec = codec;
          frame(track, packet.body, timestamp, packet.ptsOffset, keyframe, events);
          break;
        default:
          break;
      }
    }
  }

  #track(number: number, events: MediaEvent[]): VideoTrack | undefined {
    for (const known of this.#tracks) if (known.track.number === number) return known;
    const track: RawTrack = { kind: "video", number };
    if (this.#tracks.length >= VIDEO_TRACKS_MAX) {
      events.push({ kind: "dropped", track, reason: "too-many-tracks" });
      return undefined;
    }
    const state: VideoTrack = {
      track,
      codec: undefined,
      record: NOTHING,
      config: undefined,
      lengthSize: 4,
      colour: undefined,
      unsupported: false,
    };
    this.#tracks.push(state);
    return state;
  }
}

function codecOf(fourCc: number): VideoCodec | undefined {
  switch (fourCc) {
    case FourCc.AVC:
      return "avc";
    case FourCc.HEVC:
      return "hevc";
    case FourCc.AV1:
      return "av1";
    case FourCc.VP9:
      return "vp9";
    default:
      return undefined;
  }
}

function refuse(state: VideoTrack, what: string, events: MediaEvent[]): void {
  if (state.unsupported) return;
  state.unsupported = true;
  const fault = new ProtocolError("CODEC_UNSUPPORTED", `${what} is not supported`, { hint: HINT });
  events.push({ kind: "unsupported", track: state.track, fault });
}

function configure(state: VideoTrack, codec: VideoCodec, record: Uint8Array, events: MediaEvent[]): void {
  if (record.byteLength === 0) return;
  if (state.codec === codec && sameBytes(state.record, record)) return;
  state.codec = codec;
  // Kept for comparing, longer than the message's buffer should live.
  state.record = record.slice();
  state.unsupported = false;
  try {
    if (codec === "avc") {
      state.lengthSize = readAvcRecord(record).lengthSize;
      tell(state, parseAvcConfig(record), events);
    } else if (codec === "hevc") {
      state.lengthSize = readHevcRecord(record).lengthSize;
      tell(state, parseHevcConfig(record), events);
    } else if (codec === "av1") {
      // Four bytes alone are allowed: the sequence header then comes with the first key frame.
      if (record.byteLength > 4) tell(state, parseAv1Config(record), events);
    } else {
      // VP9's record does not tell the size: the next key frame completes it.
      state.config = undefined;
    }
  } catch (error) {
    refuseOrThrow(state, error, events);
  }
}

/** What is valid but not for us costs the track; what is malformed costs the session. */
function refuseOrThrow(state: VideoTrack, error: unknown, events: MediaEvent[]): void {
  if (!(error instanceof ProtocolError) || error.code !== "CODEC_UNSUPPORTED") throw error;
  state.unsupported = true;
  state.config = undefined;
  events.push({ kind: "unsupported", track: state.track, fault: error });
}

function tell(state: VideoTrack, parsed: VideoConfig, events: MediaEvent[]): void {
  const config =
    parsed.colour === undefined && state.colour !== undefined ? { ...parsed, colour: state.colour } : parsed;
  state.config = config;
  events.push({ kind: "config", track: state.track, config });
}

function drop(state: VideoTrack, reason: DropReason, events: MediaEvent[]): void {
  events.push({ kind: "dropped", track: state.track, reason });
}

function frame(
  state: VideoTrack,
  body: Uint8Array,
  dts: number,
  ptsOffset: number,
  flaggedKey: boolean,
  events: MediaEvent[],
): void {
  if (state.unsupported) return;
  if (body.byteLength === 0) {
    drop(state, "no-picture", events);
    return;
  }
  let sample: Uint8Array | undefined;
  let keyframe = flaggedKey;
  if (state.codec === "avc" || state.codec === "hevc") {
    try {
      sample = toLengthPrefixed(body, state.lengthSize);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      drop(state, "malformed", events);
      return;
    }
    const found = state.codec === "avc" ? inspectAvc(state, sample, events) : inspectHevcSample(sample);
    if ((found & AvcSample.SLICE) === 0) {
      drop(state, "no-picture", events);
      return;
    }
    keyframe = startsHere(state.codec, found, flaggedKey);
  } else {
    sample = state.codec === "av1" ? temporalUnit(state, body, flaggedKey, events) : vp9Frame(state, body, events);
  }
  if (sample === undefined) return;
  if (state.config === undefined) {
    if (!state.unsupported) drop(state, "before-config", events);
    return;
  }
  events.push({ kind: "frame", frame: { track: state.track, dts, ptsOffset, keyframe, payload: sample } });
}

/** The bitstream decides; the tag's flag only where the bitstream leaves it open, since encoders set it on pictures no decoder starts at. */
function startsHere(codec: VideoCodec, found: number, flaggedKey: boolean): boolean {
  if (codec === "hevc") return (found & (HevcSample.IDR | HevcSample.CRA)) !== 0;
  return (found & AvcSample.IDR) !== 0 || (flaggedKey && (found & AvcSample.RECOVERY_POINT) !== 0);
}

/** Follows parameter sets that come in band, with the key frame they belong to or instead of a sequence header. */
function inspectAvc(state: VideoTrack, sample: Uint8Array, events: MediaEvent[]): number {
  const found = inspectAvcSample(sample);
  if ((found & AvcSample.PARAMETER_SETS) === 0 || (found & AvcSample.IDR) === 0) return found;
  try {
    if (state.config !== undefined) {
      const changed = avcConfigAfter(state.config, sample);
      if (changed !== undefined) tell(state, changed, events);
    } else {
      const { sps, pps } = avcParameterSetsIn(sample);
      if (sps.length > 0 && pps.length > 0) tell(state, avcConfigOf({ sps, pps, spsExt: [] }), events);
    }
  } catch (error) {
    refuseOrThrow(state, error, events);
  }
  return found;
}

function temporalUnit(
  state: VideoTrack,
  body: Uint8Array,
  keyframe: boolean,
  events: MediaEvent[],
): Uint8Array | undefined {
  try {
    const sample = withoutTransportObus(body);
    if (keyframe && state.config === undefined) tell(state, av1ConfigOf(sample), events);
    return sample;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.code === "CODEC_UNSUPPORTED") refuseOrThrow(state, error, events);
    else drop(state, "malformed", events);
    return undefined;
  }
}

function vp9Frame(state: VideoTrack, body: Uint8Array, events: MediaEvent[]): Uint8Array | undefined {
  const size = vp9KeyframeSize(body);
  if (size === undefined || state.record.byteLength === 0) return body;
  if (state.config?.width === size.width && state.config.height === size.height) return body;
  try {
    tell(state, parseVp9Config(state.record, size), events);
  } catch (error) {
    refuseOrThrow(state, error, events);
  }
  return body;
}

/** Reads a metadata packet: `colorInfo` completes a bitstream that says nothing of its colours ("Metadata Frame"). */
function describe(state: VideoTrack, body: Uint8Array, events: MediaEvent[]): void {
  const [name, value] = decodeAmf0(body);
  if (name !== "colorInfo") return;
  const colour = colourOf(amfProperty(value, "colorConfig"));
  if (colour === undefined) return;
  state.colour = colour;
  if (state.config !== undefined && state.config.colour === undefined) tell(state, state.config, events);
}

function colourOf(colorConfig: AmfValue): ColourInfo | undefined {
  const primaries = codePoint(colorConfig, "colorPrimaries");
  const transfer = codePoint(colorConfig, "transferCharacteristics");
  const matrix = codePoint(colorConfig, "matrixCoefficients");
  if (primaries === undefined || transfer === undefined || matrix === undefined) return undefined;
  return { primaries, transfer, matrix, fullRange: false };
}

function codePoint(object: AmfValue, key: string): number | undefined {
  const value = amfNumber(object, key);
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= 255 ? value : undefined;
}
