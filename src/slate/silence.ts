import { buildAacLcConfig, parseAacConfig, readAudioSpecificConfig } from "#media/codecs/aac.ts";
import { silentAacFrame } from "#media/codecs/silent-aac.ts";
import type { AudioConfig } from "#media/track.ts";
import { silentFrame } from "#timeline/frame-length.ts";
import { encodeSilence } from "./loop-sound.ts";

/** An Opus packet of 20 ms of silence in one channel, and the same with its length, as all streams of a packet but the last have (RFC 6716 §B). */
const SILENT_OPUS: readonly number[] = [0xf8, 0xff, 0xfe];
const SILENT_OPUS_DELIMITED: readonly number[] = [0xf8, 2, 0xff, 0xfe];
/** Position of the number of streams in `dOps`. */
const OPUS_STREAMS_AT = 11;

/**
 * Frames of silence that a decoder set up for that sound takes, to be repeated: prepared ones, else those of an encoder with the same parameters.
 * `undefined` where there are none. @throws FFmpegError.
 */
export async function silenceFor(config: AudioConfig): Promise<Uint8Array[] | undefined> {
  const one = silentFrame(config) ?? silentHeAac(config) ?? silentSurroundOpus(config);
  return one === undefined ? encodeSilence(config) : [one];
}

/** HE-AAC is a core of AAC-LC with an extension beside it; without the extension decoders widen the core alone, and silence stays silence. */
function silentHeAac(config: AudioConfig): Uint8Array | undefined {
  if (config.codec !== "aac") return undefined;
  const { sbrSampleRate, coreSampleRate, channelConfiguration } = readAudioSpecificConfig(config.record);
  if (sbrSampleRate === undefined || channelConfiguration === 0) return undefined;
  return silentAacFrame(parseAacConfig(buildAacLcConfig(coreSampleRate, channelConfiguration)));
}

/** Several streams in one packet, each a silent one (RFC 7845 §3). */
function silentSurroundOpus({ codec, record }: AudioConfig): Uint8Array | undefined {
  const streams = record[OPUS_STREAMS_AT] ?? 0;
  if (codec !== "opus" || streams === 0) return undefined;
  const delimited = Array.from({ length: streams - 1 }, () => SILENT_OPUS_DELIMITED).flat();
  return Uint8Array.from([...delimited, ...SILENT_OPUS]);
}
