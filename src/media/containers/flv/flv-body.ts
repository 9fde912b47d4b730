/**
 * Bodies of FLV tags, which are also the payloads of RTMP's video and audio messages: FLV 10.1 §E.4.2, §E.4.3 for AVC, AAC and MP3,
 * Enhanced RTMP v2 for the rest.
 *
 *     AVC           frame type(4) 7(4) │ packet type(8) │ composition time(24) │ data
 *     AAC           af                 │ packet type(8) │ data
 *     other video   1 frame type(3) packet type(4) │ FourCC(32) │ [composition time(24), HEVC with an offset] │ data
 *     other audio   9(4) packet type(4)            │ FourCC(32) │ data
 */
import { assert } from "#faults/fault.ts";
import type { AudioCodec, AudioConfig, TrackConfig, VideoCodec, VideoConfig } from "#media/track.ts";

const FRAME_KEY = 1;
const FRAME_INTER = 2;
const LEGACY_AVC = 7;
/** AAC, 44.1 kHz, 16 bit, stereo: fixed values whatever the sound is (FLV 10.1 §E.4.2.1). */
const LEGACY_AAC_HEADER = 0xaf;
const LEGACY_MP3 = 2;
const SEQUENCE_START = 0;
const CODED_FRAMES = 1;
const CODED_FRAMES_X = 3;
const EX_VIDEO = 0x80;
const EX_AUDIO = 0x90;

const VIDEO_FOURCC: Readonly<Record<VideoCodec, string>> = { avc: "avc1", hevc: "hvc1", av1: "av01", vp9: "vp09" };
const AUDIO_FOURCC: Readonly<Record<AudioCodec, string>> = {
  aac: "mp4a",
  opus: "Opus",
  ac3: "ac-3",
  eac3: "ec-3",
  flac: "fLaC",
  mp3: ".mp3",
};

function joined(header: readonly number[], data: Uint8Array): Uint8Array {
  const body = new Uint8Array(header.length + data.byteLength);
  body.set(header);
  body.set(data, header.length);
  return body;
}

function fourCcBytes(text: string): number[] {
  return [0, 1, 2, 3].map((i) => text.charCodeAt(i));
}

/** The body that announces a track's codec parameters, or `undefined` where the codec has none of its own (AC-3, E-AC-3, MP3). */
export function flvConfigBody(config: TrackConfig): Uint8Array | undefined {
  if (config.kind === "audio") return audioConfigBody(config);
  if (config.codec === "avc") return joined([(FRAME_KEY << 4) | LEGACY_AVC, 0, 0, 0, 0], config.record);
  const first = EX_VIDEO | (FRAME_KEY << 4) | SEQUENCE_START;
  return joined([first, ...fourCcBytes(VIDEO_FOURCC[config.codec])], config.record);
}

function audioConfigBody(config: AudioConfig): Uint8Array | undefined {
  const header = [EX_AUDIO | SEQUENCE_START, ...fourCcBytes(AUDIO_FOURCC[config.codec])];
  switch (config.codec) {
    case "aac":
      return joined([LEGACY_AAC_HEADER, 0], config.record);
    case "opus":
      return joined(header, opusHeadOf(config.record));
    case "flac":
      // The marker, then the metadata blocks that follow version and flags in the box.
      return joined([...header, ...fourCcBytes("fLaC")], config.record.subarray(4));
    case "ac3":
    case "eac3":
    case "mp3":
      return undefined;
  }
}

/** An identification header (RFC 7845 §5.1) of `dOps` contents, which have the same fields in the other byte order. */
function opusHeadOf(dOps: Uint8Array): Uint8Array {
  const head = new Uint8Array(8 + dOps.byteLength);
  for (const [i, character] of [..."OpusHead"].entries()) head[i] = character.charCodeAt(0);
  head.set(dOps, 8);
  const from = new DataView(dOps.buffer, dOps.byteOffset, dOps.byteLength);
  const to = new DataView(head.buffer);
  head[8] = 1;
  to.setUint16(10, from.getUint16(2), true);
  to.setUint32(12, from.getUint32(4), true);
  to.setInt16(16, from.getInt16(8), true);
  return head;
}

/** Composition times are 24 bits with sign. */
const COMPOSITION_MS_MAX = 0x7fffff;

/**
 * The body of a video frame. `payload` is as in {@link RawFrame}; `ptsOffsetMs` is in whole milliseconds and is carried for AVC and HEVC only,
 * as the others have none.
 */
export function flvVideoBody(
  config: VideoConfig,
  keyframe: boolean,
  ptsOffsetMs: number,
  payload: Uint8Array,
): Uint8Array {
  const frameType = keyframe ? FRAME_KEY : FRAME_INTER;
  assert(Math.abs(ptsOffsetMs) <= COMPOSITION_MS_MAX, "composition time beyond 24 bits");
  const time = [(ptsOffsetMs >> 16) & 0xff, (ptsOffsetMs >> 8) & 0xff, ptsOffsetMs & 0xff];
  if (config.codec === "avc") return joined([(frameType << 4) | LEGACY_AVC, 1, ...time], payload);
  const timed = config.codec === "hevc" && ptsOffsetMs !== 0;
  const packetType = config.codec === "hevc" && !timed ? CODED_FRAMES_X : CODED_FRAMES;
  const first = EX_VIDEO | (frameType << 4) | packetType;
  return joined([first, ...fourCcBytes(VIDEO_FOURCC[config.codec]), ...(timed ? time : [])], payload);
}

/** Index of the sampling rate in the legacy header, for MP3: 11, 22 or 44 kHz; others cannot be said and are read from the frame. */
function legacyRateIndex(sampleRate: number): number {
  return sampleRate <= 11_025 ? 1 : sampleRate <= 22_050 ? 2 : 3;
}

/** The body of an audio frame. */
export function flvAudioBody(config: AudioConfig, payload: Uint8Array): Uint8Array {
  if (config.codec === "aac") return joined([LEGACY_AAC_HEADER, 1], payload);
  if (config.codec === "mp3") {
    const rate = legacyRateIndex(config.sampleRate);
    return joined([(LEGACY_MP3 << 4) | (rate << 2) | 2 | (config.channels > 1 ? 1 : 0)], payload);
  }
  return joined([EX_AUDIO | CODED_FRAMES, ...fourCcBytes(AUDIO_FOURCC[config.codec])], payload);
}
