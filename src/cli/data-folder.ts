import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Catalogue } from "#control/catalogue.ts";
import { openPulls, openTargets } from "#control/index.ts";
import type { PullSources } from "#control/pull-sources.ts";
import type { RestreamTargets } from "#control/restream-targets.ts";
import { Fault } from "#faults/fault.ts";
import type { Config } from "#node/config-schema.ts";
import { readNodeFile } from "#node/node-file.ts";
import { declaredStreams, platformSettings } from "#node/platform-settings.ts";
import { silentObserver } from "#observe/event.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import { lockDataFolder } from "#store/sqlite/data-lock.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { systemClock } from "#time/system-clock.ts";
import { type ApiCall, apiCall } from "./api-call.ts";

/** How long to wait for a node that is just ending, milliseconds. */
const LOCK_WAIT_MS = 300;

/** A data folder that no node works on, and that is kept from every node. */
export interface OpenDataFolder {
  readonly catalogue: Catalogue;
  readonly targets: RestreamTargets;
  readonly pulls: PullSources;
  close(): void;
}

/** Opens the data folder itself. @throws Fault `DATA_DIR_BUSY` when a node runs. */
async function openDataFolder(config: Config): Promise<OpenDataFolder> {
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Fault(
      "DATA_DIR_UNUSABLE",
      `the data folder ${config.dataDir} cannot be made: ${(cause as Error).message}`,
      {
        cause,
        hint: "Name another with --data-dir.",
      },
    );
  }
  const lock = lockDataFolder(config.dataDir, LOCK_WAIT_MS);
  const store = openSqliteStore(join(config.dataDir, "grandstand.db"));
  const secrets = openSecretFiles(config.dataDir);
  const catalogue = new Catalogue({
    store,
    secrets,
    clock: systemClock,
    observer: silentObserver,
    defaults: platformSettings(config),
    expeller: { expel: () => undefined, stop: () => undefined },
    checkpoints: {
      remove: (stream) => {
        store.airtimes.remove(stream);
        store.checkpoints.remove(stream);
      },
    },
  });
  await catalogue.load();
  const around = { store, secrets, observer: silentObserver, declared: declaredStreams(config) };
  const targets = await openTargets(catalogue, around);
  const pulls = await openPulls(catalogue, around);
  return {
    catalogue,
    targets,
    pulls,
    close: () => {
      store.close();
      lock.release();
    },
  };
}

/** Makes a desk where the platform's catalogue is: at `url` when given, else in the data folder, else at the node that holds it. @throws Fault. */
export async function openDesk<Desk>(
  config: Config,
  url: string | undefined,
  desks: { readonly local: (folder: OpenDataFolder) => Desk; readonly remote: (call: ApiCall) => Desk },
): Promise<Desk> {
  const token = config.adminToken ?? (await openSecretFiles(config.dataDir).read("admin-token")) ?? "";
  if (url !== undefined) return desks.remote(apiCall(url.replace(/\/+$/, ""), token));
  try {
    return desks.local(await openDataFolder(config));
  } catch (error) {
    const node = error instanceof Fault && error.code === "DATA_DIR_BUSY" ? readNodeFile(config.dataDir) : undefined;
    if (node === undefined) throw error;
    return desks.remote(apiCall(node.url, token));
  }
}
