import type { DeclaredStream } from "#control/index.ts";
import { type EffectiveSettings, partMsOf, type StreamSettings } from "#control/stream-settings.ts";
import type { Config } from "./config-schema.ts";

/** The settings that streams have unless they decide for themselves. */
export function platformSettings(config: Config): EffectiveSettings {
  const { latency, segmentSeconds, graceSeconds } = config;
  return { latency, segmentSeconds, graceSeconds, partMs: config.partMs ?? partMsOf(latency) };
}

/** The streams of the configuration file as the catalogue takes them. */
export function declaredStreams(config: Config): DeclaredStream[] {
  return config.streams.map(({ name, key, title, latency, segmentSeconds, partMs, graceSeconds }) => {
    const settings: StreamSettings = {
      ...(latency === undefined ? {} : { latency }),
      ...(segmentSeconds === undefined ? {} : { segmentSeconds }),
      ...(partMs === undefined ? {} : { partMs }),
      ...(graceSeconds === undefined ? {} : { graceSeconds }),
    };
    return { name, key, title, settings };
  });
}
