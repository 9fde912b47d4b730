import type { PullDraft } from "#control/pull-sources.ts";
import { pullPlace } from "#media/pull-source.ts";
import type { Config } from "#node/config-schema.ts";
import type { AdminStream, PullHealth } from "#web/wire.ts";
import { type ApiCall, apiPath } from "./api-call.ts";
import { type OpenDataFolder, openDesk } from "./data-folder.ts";
import { existingStream } from "./stream-desk.ts";

/** Where a stream is fetched from, as the commands show it: how that goes is known while a node runs. */
export interface ShownPull extends Pick<PullHealth, "place" | "loop" | "managedBy"> {
  readonly state: PullHealth["state"] | undefined;
  readonly lastProblem: PullHealth["lastProblem"];
}

/** Where the pull commands are carried out: in the data folder while no node runs, by the running node's API otherwise. */
export interface PullDesk {
  /** `undefined` for a stream that is not fetched. */
  show(stream: string): Promise<ShownPull | undefined>;
  set(stream: string, draft: PullDraft): Promise<void>;
  remove(stream: string): Promise<void>;
  close(): void;
}

function localDesk({ catalogue, pulls, close }: OpenDataFolder): PullDesk {
  return {
    show: async (stream) => {
      const pulled = pulls.pullOf(existingStream(catalogue, stream).name);
      if (pulled === undefined) return undefined;
      const { source, loop, managedBy } = pulled;
      const place = source === undefined ? "an address that cannot be read" : pullPlace(source);
      return { place, loop, managedBy, state: undefined, lastProblem: null };
    },
    set: (stream, draft) => pulls.set(stream, draft),
    remove: (stream) => pulls.remove(stream),
    close,
  };
}

function remoteDesk(call: ApiCall): PullDesk {
  return {
    show: async (stream) => {
      const { pull } = (await call("GET", apiPath(stream))) as AdminStream;
      if (pull === undefined) return undefined;
      const { place, loop, managedBy, state, lastProblem } = pull;
      return { place, loop, managedBy, state, lastProblem };
    },
    set: async (stream, draft) => void (await call("PUT", apiPath(stream, "pull"), draft)),
    remove: async (stream) => void (await call("DELETE", apiPath(stream, "pull"))),
    close: () => undefined,
  };
}

/** Opens the desk: `url` when given, else the data folder, else the node that holds it. @throws Fault. */
export function openPullDesk(config: Config, url: string | undefined): Promise<PullDesk> {
  return openDesk(config, url, { local: localDesk, remote: remoteDesk });
}
