import { AAC_SAMPLE_RATES } from "#media/codecs/aac.ts";
import type { AudioConfig } from "#media/track.ts";
import type { SoundRung } from "./rung.ts";

/** Bits per second of the rung for slow connections. */
const SMALL_BITRATE = 64_000;
/** Bits per second of the rung that stands in for a source in another codec than AAC. */
const FULL_BITRATE = 128_000;

/** The rungs for a sound, best first: one for slow connections, and before it one in AAC where the source is in another codec. Mono stays mono. */
export function planSound(source: AudioConfig): SoundRung[] {
  const channels = source.channels === 1 ? 1 : 2;
  const small = { name: "audio-64k", bitrate: SMALL_BITRATE, channels };
  return source.codec === "aac" ? [small] : [{ name: "audio-aac", bitrate: FULL_BITRATE, channels }, small];
}

/** Sample rate in Hz of all rungs of a track of `timescale` ticks per second: the same, or the next lower that AAC has; 7350 at least. */
export function soundRateOf(timescale: number): number {
  return AAC_SAMPLE_RATES.find((rate) => rate <= timescale) ?? Math.min(...AAC_SAMPLE_RATES);
}
