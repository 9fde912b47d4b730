import { readAvcRecord } from "#media/codecs/avc.ts";
import { readHevcRecord } from "#media/codecs/hevc.ts";
import { joinLengthPrefixed } from "#media/codecs/nal.ts";
import type { VideoConfig } from "#media/track.ts";

function parameterSetsOf({ codec, record }: VideoConfig): readonly Uint8Array[] {
  if (codec === "avc") {
    const { sps, pps } = readAvcRecord(record);
    return [...sps, ...pps];
  }
  if (codec === "hevc") {
    const { vps, sps, pps } = readHevcRecord(record);
    return [...vps, ...sps, ...pps];
  }
  return [];
}

/**
 * A keyframe with its parameter sets before it, where the codec has them. Readers that split a connection's frames look for new ones there and not in
 * a second sequence header.
 */
export function withParameterSets(payload: Uint8Array, config: VideoConfig): Uint8Array {
  const sets = joinLengthPrefixed(parameterSetsOf(config));
  const joined = new Uint8Array(sets.byteLength + payload.byteLength);
  joined.set(sets);
  joined.set(payload, sets.byteLength);
  return joined;
}
