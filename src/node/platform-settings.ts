import { resolve } from "node:path";
import type { DeclaredStream } from "#control/index.ts";
import type { DeclaredPull } from "#control/pull-sources.ts";
import { type EffectiveSettings, partMsOf, settingsOf } from "#control/stream-settings.ts";
import { parsePullSource } from "#media/pull-source.ts";
import type { Config } from "./config-schema.ts";

/** The settings that streams have unless they decide for themselves. */
export function platformSettings(config: Config): EffectiveSettings {
  const { latency, segmentSeconds, graceSeconds, transcode, whenBusy, switchBack } = config;
  const { continuity, slateAfterMs, slateWords } = config;
  const partMs = config.partMs ?? partMsOf(latency);
  const lengths = { latency, segmentSeconds, partMs, graceSeconds, ladder: transcode.ladder };
  return { ...lengths, whenBusy, switchBack, continuity, slateAfterMs, slateWords, alwaysOn: false };
}

/** The streams of the configuration file as the catalogue takes them. */
export function declaredStreams(config: Config): DeclaredStream[] {
  return config.streams.map(({ name, key, title, ...stream }) => {
    const { latency, segmentSeconds, partMs, graceSeconds, ladder, whenBusy, switchBack } = stream;
    const { continuity, slateAfterMs, slateWords, alwaysOn } = stream;
    const lengths = { latency, segmentSeconds, partMs, graceSeconds, ladder };
    const continuous = { whenBusy, switchBack, continuity, slateAfterMs, slateWords, alwaysOn };
    const { targets = [] } = stream;
    return {
      name,
      key,
      title,
      settings: settingsOf({ ...lengths, ...continuous }),
      targets,
      pull: declaredPull({ name, key, title, ...stream }),
    };
  });
}

/** Absolute path of the picture or clip that the stream's slate shows; `undefined`: a card is made. */
export function slateFileOf(config: Config, stream: string): string | undefined {
  const own = config.streams.find(({ name }) => name === stream)?.slateFile;
  const path = own ?? config.slateFile;
  return path === undefined ? undefined : resolve(path);
}

function declaredPull({ pull, pullLoop = false }: Config["streams"][number]): DeclaredPull | undefined {
  const source = pull === undefined ? undefined : parsePullSource(pull);
  return source === undefined ? undefined : { source, loop: pullLoop };
}
