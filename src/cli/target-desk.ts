import type { TargetDraft, TargetInfo } from "#control/restream-target.ts";
import { Fault } from "#faults/fault.ts";
import type { Config } from "#node/config-schema.ts";
import type { AdminTarget } from "#web/wire.ts";
import { type ApiCall, apiPath } from "./api-call.ts";
import { type OpenDataFolder, openDesk } from "./data-folder.ts";

/** A target as the commands show it: how it stands is known while a node runs. */
export type ListedTarget = TargetInfo & Pick<AdminTarget, "state" | "lastProblem">;

/** Where the targets commands are carried out: in the data folder while no node runs, by the running node's API otherwise. */
export interface TargetDesk {
  list(stream: string): Promise<readonly ListedTarget[]>;
  add(stream: string, draft: TargetDraft): Promise<ListedTarget>;
  change(stream: string, id: string, draft: TargetDraft): Promise<ListedTarget>;
  remove(stream: string, id: string): Promise<void>;
  close(): void;
}

/** The fields that are shown, in their order; an API tells more of a target. */
function listed(target: ListedTarget): ListedTarget {
  const { id, name, url, keyEnd, rendition, enabled, managedBy, state, lastProblem } = target;
  return { id, name, url, keyEnd, rendition, enabled, managedBy, state, lastProblem };
}

/** No node runs: nothing is on air. */
function offAir(target: TargetInfo): ListedTarget {
  return listed({ ...target, state: target.enabled ? "waiting" : "stopped", lastProblem: null });
}

function localDesk({ targets, close }: OpenDataFolder): TargetDesk {
  return {
    list: async (stream) => targets.list(stream).map(offAir),
    add: async (stream, draft) => offAir(await targets.add(stream, draft)),
    change: async (stream, id, draft) => offAir(await targets.change(stream, id, draft)),
    remove: (stream, id) => targets.remove(stream, id),
    close,
  };
}

function remoteDesk(call: ApiCall): TargetDesk {
  return {
    list: async (stream) =>
      ((await call("GET", apiPath(stream, "targets"))) as { targets: AdminTarget[] }).targets.map(listed),
    add: async (stream, draft) => listed((await call("POST", apiPath(stream, "targets"), draft)) as AdminTarget),
    change: async (stream, id, draft) =>
      listed((await call("PATCH", apiPath(stream, "targets", id), draft)) as AdminTarget),
    remove: async (stream, id) => void (await call("DELETE", apiPath(stream, "targets", id))),
    close: () => undefined,
  };
}

/** Opens the desk: `url` when given, else the data folder, else the node that holds it. @throws Fault. */
export function openTargetDesk(config: Config, url: string | undefined): Promise<TargetDesk> {
  return openDesk(config, url, { local: localDesk, remote: remoteDesk });
}

/** The target of this name or id. @throws Fault `TARGET_UNKNOWN`. */
export async function findTarget(desk: TargetDesk, stream: string, nameOrId: string): Promise<ListedTarget> {
  const targets = await desk.list(stream);
  const found = targets.find(({ name }) => name === nameOrId) ?? targets.find(({ id }) => id === nameOrId);
  if (found !== undefined) return found;
  throw new Fault("TARGET_UNKNOWN", `the stream ${stream} has no target ${JSON.stringify(nameOrId.slice(0, 80))}`, {
    hint: `List its targets with: grandstand targets list ${stream}.`,
  });
}
