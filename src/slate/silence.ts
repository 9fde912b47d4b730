import { buildAacLcConfig, parseAacConfig, readAudioSpecificConfig } from "#media/codecs/aac.ts";
import { silentAacFrame } from "#media/codecs/silent-aac.ts";
import type { AudioConfig } from "#media/track.ts";
import { silentFrame } from "#timeline/frame-length.ts";

/** Frames of silence that a decoder set up for that sound takes, to be repeated; `undefined` where there are none. */
export function silenceFor(config: AudioConfig): Uint8Array[] | undefined {
  const one = silentFrame(config) ?? silentHeAac(config);
  return one === undefined ? undefined : [one];
}

/** HE-AAC is a core of AAC-LC with an extension beside it; without the extension decoders widen the core alone, and silence stays silence. */
function silentHeAac(config: AudioConfig): Uint8Array | undefined {
  if (config.codec !== "aac") return undefined;
  const { sbrSampleRate, coreSampleRate, channelConfiguration } = readAudioSpecificConfig(config.record);
  if (sbrSampleRate === undefined || channelConfiguration === 0) return undefined;
  return silentAacFrame(parseAacConfig(buildAacLcConfig(coreSampleRate, channelConfiguration)));
}
