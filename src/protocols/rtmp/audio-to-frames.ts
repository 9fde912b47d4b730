import { ProtocolError } from "#faults/fault.ts";
import { parseAacConfig } from "#media/codecs/aac.ts";
import { parseAc3Frame, parseEac3Frame } from "#media/codecs/ac3.ts";
import { parseFlacConfig } from "#media/codecs/flac.ts";
import { parseMp3Frame } from "#media/codecs/mp3.ts";
import { sameBytes } from "#media/codecs/nal.ts";
import { parseOpusConfig } from "#media/codecs/opus.ts";
import type { RawTrack } from "#media/frame.ts";
import type { AudioCodec, AudioConfig } from "#media/track.ts";
import { AudioPacketType, FourCc, fourCcText, isExAudioTag, parseExAudioTag } from "./enhanced-rtmp.ts";
import type { MediaEvent } from "./media-event.ts";

/** Audio tracks one encoder may send. */
const AUDIO_TRACKS_MAX = 8;

/** Sound formats of legacy audio tags: FLV 10.1 §E.4.2.1. */
const SoundFormat = { MP3: 2, AAC: 10, MP3_8K: 14 } as const;
const AacPacket = { SEQUENCE_HEADER: 0, RAW: 1 } as const;

const HINT = "Choose AAC in the encoder's settings.";
const NOTHING = new Uint8Array(0);

interface AudioTrack {
  readonly track: RawTrack;
  codec: AudioCodec | undefined;
  /** The last sequence header as sent, to know repeated ones. */
  record: Uint8Array;
  /** The frame header bits a configuration without sequence header was made of. */
  headerKey: number;
  config: AudioConfig | undefined;
  unsupported: boolean;
}

/** Audio messages to events, legacy and enhanced. An empty message or frame is a silence marker and gives nothing. */
export class AudioToFrames {
  readonly #tracks: AudioTrack[] = [];

  /** Adds what the message means to `events`. @throws ProtocolError `CODEC_CONFIG_INVALID`, `BYTES_TRUNCATED`, `BYTES_INVALID`. */
  message(payload: Uint8Array, timestamp: number, events: MediaEvent[]): void {
    if (payload.byteLength === 0) return;
    if (isExAudioTag(payload)) this.#enhanced(payload, timestamp, events);
    else this.#legacy(payload, timestamp, events);
  }

  #legacy(payload: Uint8Array, timestamp: number, events: MediaEvent[]): void {
    const format = (payload[0] ?? 0) >> 4;
    const track = this.#track(0, events);
    if (track === undefined) return;
    if (format === SoundFormat.AAC) {
      const body = payload.subarray(2);
      if (payload[1] === AacPacket.SEQUENCE_HEADER) configure(track, "aac", body, events);
      else if (payload[1] === AacPacket.RAW) frame(track, "aac", body, timestamp, events);
    } else if (format === SoundFormat.MP3 || format === SoundFormat.MP3_8K) {
      frame(track, "mp3", payload.subarray(1), timestamp, events);
    } else {
      refuse(track, `sound format ${format} of FLV`, events);
    }
  }

  #enhanced(payload: Uint8Array, timestamp: number, events: MediaEvent[]): void {
    for (const packet of parseExAudioTag(payload).packets) {
      const track = this.#track(packet.trackId, events);
      if (track === undefined) continue;
      const codec = codecOf(packet.fourCc);
      if (codec === undefined) refuse(track, `audio codec ${fourCcText(packet.fourCc)}`, events);
      else if (packet.packetType === AudioPacketType.SEQUENCE_START) configure(track, codec, packet.body, events);
      else if (packet.packetType === AudioPacketType.CODED_FRAMES) frame(track, codec, packet.body, timestamp, events);
    }
  }

  #track(number: number, events: MediaEvent[]): AudioTrack | undefined {
    for (const known of this.#tracks) if (known.track.number === number) return known;
    const track: RawTrack = { kind: "audio", number };
    if (this.#tracks.length >= AUDIO_TRACKS_MAX) {
      events.push({ kind: "dropped", track, reason: "too-many-tracks" });
      return undefined;
    }
    const state: AudioTrack = {
      track,
      codec: undefined,
      record: NOTHING,
      headerKey: -1,
      config: undefined,
      unsupported: false,
    };
    this.#tracks.push(state);
    return state;
  }
}

function codecOf(fourCc: number): AudioCodec | undefined {
  switch (fourCc) {
    case FourCc.AAC:
      return "aac";
    case FourCc.OPUS:
      return "opus";
    case FourCc.AC3:
      return "ac3";
    case FourCc.EAC3:
      return "eac3";
    case FourCc.FLAC:
      return "flac";
    case FourCc.MP3:
      return "mp3";
    default:
      return undefined;
  }
}

function refuse(state: AudioTrack, what: string, events: MediaEvent[]): void {
  if (state.unsupported) return;
  state.unsupported = true;
  const fault = new ProtocolError("CODEC_UNSUPPORTED", `${what} is not supported`, { hint: HINT });
  events.push({ kind: "unsupported", track: state.track, fault });
}

function tell(state: AudioTrack, config: AudioConfig, events: MediaEvent[]): void {
  state.config = config;
  events.push({ kind: "config", track: state.track, config });
}

/** What is valid but not for us costs the track; what is malformed costs the session. */
function refuseOrThrow(state: AudioTrack, error: unknown, events: MediaEvent[]): void {
  if (!(error instanceof ProtocolError) || error.code !== "CODEC_UNSUPPORTED") throw error;
  state.unsupported = true;
  state.config = undefined;
  events.push({ kind: "unsupported", track: state.track, fault: error });
}

function configure(state: AudioTrack, codec: AudioCodec, record: Uint8Array, events: MediaEvent[]): void {
  if (record.byteLength === 0) return;
  if (state.codec === codec && sameBytes(state.record, record)) return;
  state.codec = codec;
  // Kept for comparing, longer than the message's buffer should live.
  state.record = record.slice();
  state.unsupported = false;
  state.config = undefined;
  try {
    if (codec === "aac") tell(state, parseAacConfig(record), events);
    else if (codec === "flac") tell(state, parseFlacConfig(record), events);
    // Opus is completed by its first packet, which tells the frame size; the others have no sequence header.
  } catch (error) {
    refuseOrThrow(state, error, events);
  }
}

function frame(state: AudioTrack, codec: AudioCodec, body: Uint8Array, dts: number, events: MediaEvent[]): void {
  if (body.byteLength === 0) return;
  if (state.codec !== codec) {
    state.codec = codec;
    state.config = undefined;
    state.headerKey = -1;
    state.unsupported = false;
  }
  if (state.unsupported) return;
  const payload = codec === "aac" ? withoutAdts(body) : body;
  if (!completed(state, codec, payload, events)) return;
  if (state.config === undefined) {
    if (!state.unsupported) events.push({ kind: "dropped", track: state.track, reason: "before-config" });
    return;
  }
  events.push({ kind: "frame", frame: { track: state.track, dts, ptsOffset: 0, keyframe: true, payload } });
}

/** Makes the configuration of codecs whose frames carry it; false when the frame is broken. */
function completed(state: AudioTrack, codec: AudioCodec, payload: Uint8Array, events: MediaEvent[]): boolean {
  try {
    if (codec === "opus") {
      if (state.config === undefined && state.record.byteLength > 0) {
        tell(state, parseOpusConfig(state.record, payload), events);
      }
      return true;
    }
    const key = headerKey(codec, payload);
    if (key === state.headerKey) return true;
    if (codec === "mp3") tell(state, parseMp3Frame(payload), events);
    else if (codec === "ac3") tell(state, parseAc3Frame(payload), events);
    else if (codec === "eac3") tell(state, parseEac3Frame(payload), events);
    state.headerKey = key;
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.code === "CODEC_UNSUPPORTED") refuseOrThrow(state, error, events);
    else events.push({ kind: "dropped", track: state.track, reason: "malformed" });
    return false;
  }
}

/** The header bits of a frame that make its configuration: version, layer, rate and mode, not bit rate or padding. */
function headerKey(codec: AudioCodec, frame: Uint8Array): number {
  const at = (index: number): number => frame[index] ?? 0;
  if (codec === "mp3") return ((at(1) & 0xfe) << 16) | ((at(2) & 0x0c) << 8) | (at(3) & 0xc0);
  if (codec === "ac3") return ((at(4) & 0xc0) << 16) | (at(5) << 8) | at(6);
  if (codec === "eac3") return (at(4) << 8) | at(5);
  return 0;
}

/** Some encoders leave the ADTS header on; no raw data block begins with its sync word. */
function withoutAdts(body: Uint8Array): Uint8Array {
  if (body[0] !== 0xff || ((body[1] ?? 0) & 0xf6) !== 0xf0) return body;
  return body.subarray(((body[1] ?? 0) & 1) === 1 ? 7 : 9);
}
