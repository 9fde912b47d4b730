import { opusPacketSamples } from "#media/codecs/opus.ts";
import { silentAacFrame } from "#media/codecs/silent-aac.ts";
import type { AudioConfig } from "#media/track.ts";

/** Samples assumed of a frame that does not say how long it is. */
const UNKNOWN_SAMPLES = 1024;
/** An Opus packet of 20 ms of digital silence, full band, in one channel: any decoder of one stream takes it (RFC 6716 §3.1). */
const SILENT_OPUS: Uint8Array = Uint8Array.of(0xf8, 0xff, 0xfe);
/** Position of the channel mapping family in `dOps`. */
const OPUS_FAMILY_AT = 10;

/** Samples of a FLAC frame by its header (RFC 9639 §9.1.1); `undefined` where it is not one. */
function flacFrameSamples(frame: Uint8Array): number | undefined {
  const code = (frame[2] ?? 0) >> 4;
  if (code === 1) return 192;
  if (code >= 2 && code <= 5) return 576 << (code - 2);
  if (code >= 8) return 256 << (code - 8);
  if (code === 0) return undefined;
  // The size follows the frame's number, which is coded like a UTF-8 character of up to seven bytes.
  const lead = frame[4] ?? 0;
  const at = 4 + (lead < 0x80 ? 1 : Math.min(7, Math.clz32(~(lead << 24))));
  return code === 6 ? (frame[at] ?? 0) + 1 : ((frame[at] ?? 0) << 8) + (frame[at + 1] ?? 0) + 1;
}

/** Samples of an audio frame at the track's rate, at least 1. */
export function samplesOf(config: AudioConfig, payload: Uint8Array): number {
  const told = config.samplesPerFrame === 0 ? UNKNOWN_SAMPLES : config.samplesPerFrame;
  if (config.codec === "opus") return opusPacketSamples(payload) || told;
  if (config.codec === "flac") return flacFrameSamples(payload) ?? told;
  return told;
}

/** A frame of silence for this track; `undefined` for codecs and channel layouts that have no prepared one. */
export function silentFrame(config: AudioConfig): Uint8Array | undefined {
  if (config.codec === "opus" && config.record[OPUS_FAMILY_AT] === 0) return SILENT_OPUS;
  return silentAacFrame(config);
}
