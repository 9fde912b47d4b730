import type { Catalogue, StreamInfo } from "#control/catalogue.ts";
import type { Router } from "#router/index.ts";
import type { Config } from "./config-schema.ts";
import { broadcastOf } from "./gatekeeper.ts";

/**
 * Keeps the streams on air that are always on, from now on: with their slates before the first encoder and after the last, and anew when their
 * broadcast was stopped. The answer ends it.
 */
export function keepAlwaysOn(options: {
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly router: Router;
}): () => void {
  const { config, catalogue, router } = options;
  const names = new Set<string>();
  const keep = ({ name, title, effective }: StreamInfo): void => {
    if (effective.alwaysOn && effective.continuity === "slate") {
      names.add(name);
      router.keepOnAir(broadcastOf(config, { stream: name, title, settings: effective }));
    } else if (names.delete(name)) router.letGo(name);
  };
  for (const stream of catalogue.list()) keep(stream);
  catalogue.onWritten(keep);
  return router.onEnded((stream) => {
    const known = names.has(stream) ? catalogue.get(stream) : undefined;
    if (known === undefined) names.delete(stream);
    else keep(known);
  });
}
