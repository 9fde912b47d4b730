import type { DeclaredStream } from "#control/index.ts";
import { type EffectiveSettings, partMsOf, type StreamSettings } from "#control/stream-settings.ts";
import { parsePullSource } from "#media/pull-source.ts";
import type { PullSpec } from "#pull/puller.ts";
import type { Config } from "./config-schema.ts";

/** The settings that streams have unless they decide for themselves. */
export function platformSettings(config: Config): EffectiveSettings {
  const { latency, segmentSeconds, graceSeconds, transcode, whenBusy, switchBack } = config;
  const partMs = config.partMs ?? partMsOf(latency);
  return { latency, segmentSeconds, partMs, graceSeconds, ladder: transcode.ladder, whenBusy, switchBack };
}

/** The streams of the configuration file as the catalogue takes them. */
export function declaredStreams(config: Config): DeclaredStream[] {
  return config.streams.map((stream) => {
    const { name, key, title, latency, segmentSeconds, partMs, graceSeconds, ladder, whenBusy, switchBack } = stream;
    const settings: StreamSettings = {
      ...(latency === undefined ? {} : { latency }),
      ...(segmentSeconds === undefined ? {} : { segmentSeconds }),
      ...(partMs === undefined ? {} : { partMs }),
      ...(graceSeconds === undefined ? {} : { graceSeconds }),
      ...(ladder === undefined ? {} : { ladder }),
      ...(whenBusy === undefined ? {} : { whenBusy }),
      ...(switchBack === undefined ? {} : { switchBack }),
    };
    return { name, key, title, settings };
  });
}

/** The streams of the configuration file that are fetched from elsewhere. */
export function pulledStreams(config: Config): PullSpec[] {
  return config.streams.flatMap(({ name, pull, pullLoop }) => {
    const source = pull === undefined ? undefined : parsePullSource(pull);
    return source === undefined ? [] : [{ stream: name, source, loop: pullLoop === true && source.kind === "file" }];
  });
}
