import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";

/** Codec numbers of FLV (FLV 10.1 §E.4.2.1, §E.4.3.1); codecs of Enhanced RTMP have none. */
const VIDEO_CODEC_ID = { avc: 7 } as const;
const AUDIO_CODEC_ID = { aac: 10 } as const;
const SAMPLE_BITS = 16;

/** `onMetaData` of what a target gets. `encoder`: what we call ourselves. */
export function metadataOf(configs: Iterable<TrackConfig>, encoder: string): EncoderMetadata {
  const values: Record<string, string | number | boolean> = { encoder };
  for (const config of configs) {
    if (config.kind === "video") {
      values["width"] = config.width;
      values["height"] = config.height;
      if (config.frameRate !== undefined) values["framerate"] = config.frameRate.num / config.frameRate.den;
      if (config.codec === "avc") values["videocodecid"] = VIDEO_CODEC_ID.avc;
    } else {
      values["audiosamplerate"] = config.sampleRate;
      values["audiosamplesize"] = SAMPLE_BITS;
      values["audiochannels"] = config.channels;
      values["stereo"] = config.channels > 1;
      if (config.codec === "aac") values["audiocodecid"] = AUDIO_CODEC_ID.aac;
    }
  }
  return values;
}
