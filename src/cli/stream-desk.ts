import { join } from "node:path";
import { Catalogue, type StreamInfo, type StreamWithKey } from "#control/catalogue.ts";
import { parseStreamSettings, type StreamSettings } from "#control/stream-settings.ts";
import { FAULT_CODES, type FaultCode } from "#faults/codes.ts";
import { Fault } from "#faults/fault.ts";
import type { Config } from "#node/config-schema.ts";
import { readNodeFile } from "#node/node-file.ts";
import { platformSettings } from "#node/platform-settings.ts";
import { silentObserver } from "#observe/event.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import { lockDataFolder } from "#store/sqlite/data-lock.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { systemClock } from "#time/system-clock.ts";

/** A stream as the commands show it: the same whether a node runs or not. */
export interface ListedStream extends Pick<StreamInfo, "name" | "title" | "managedBy" | "settings" | "keys"> {
  /** Milliseconds since the Unix epoch. */
  readonly createdMs: number;
  /** With the platform's settings below. */
  readonly effectiveSettings: StreamInfo["effective"];
}

/** What of a stream is to change; what is absent stays. */
export interface StreamChange {
  readonly title?: string;
  /** As {@link parseStreamSettings} reads them; `null` gives one back to the platform. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A new key with its id. */
export type IssuedKey = Pick<StreamWithKey, "key" | "keyId">;

/** Where the streams commands are carried out: in the data folder while no node runs, by the running node's API otherwise. */
export interface StreamDesk {
  list(): Promise<readonly ListedStream[]>;
  add(stream: { name: string; title: string; settings: StreamSettings }): Promise<IssuedKey>;
  change(name: string, change: StreamChange): Promise<ListedStream>;
  /** Ends the stream's broadcast; nothing happens when there is none. */
  stop(name: string): Promise<void>;
  rotateKey(name: string, overlapSeconds: number): Promise<IssuedKey>;
  revokeKey(name: string, keyId: string): Promise<void>;
  remove(name: string): Promise<void>;
  close(): void;
}

/** How long to wait for a node that is just ending, milliseconds. */
const LOCK_WAIT_MS = 300;
/** How long the API may take, milliseconds. */
const API_TIMEOUT_MS_MAX = 10_000;

/** The fields that are shown, in their order; an API tells more of a stream. */
function listed(stream: ListedStream): ListedStream {
  const { name, title, createdMs, managedBy, settings, effectiveSettings, keys } = stream;
  return { name, title, createdMs, managedBy, settings, effectiveSettings, keys };
}

function listedFrom({ createdAtMs: createdMs, effective: effectiveSettings, ...rest }: StreamInfo): ListedStream {
  return listed({ ...rest, createdMs, effectiveSettings });
}

const LIST_HINT = "List the streams with: grandstand streams list.";

function existing(catalogue: Catalogue, name: string): StreamInfo {
  const stream = catalogue.get(name);
  if (stream !== undefined) return stream;
  throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(name.slice(0, 80))}`, { hint: LIST_HINT });
}

/** Works on the data folder itself and keeps every node out meanwhile. @throws Fault `DATA_DIR_BUSY` when a node runs. */
async function localDesk(config: Config): Promise<StreamDesk> {
  const { mkdirSync } = await import("node:fs");
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
  const catalogue = new Catalogue({
    store,
    secrets: openSecretFiles(config.dataDir),
    clock: systemClock,
    observer: silentObserver,
    defaults: platformSettings(config),
    expeller: { expel: () => undefined, stop: () => undefined },
    checkpoints: store.checkpoints,
  });
  await catalogue.load();
  return {
    list: async () => catalogue.list().map(listedFrom),
    add: (stream) => catalogue.add(stream),
    change: async (name, { settings, ...rest }) => {
      const own = existing(catalogue, name).settings;
      const merged = settings === undefined ? {} : { settings: parseStreamSettings({ ...own, ...settings }) };
      return listedFrom(await catalogue.update(name, { ...rest, ...merged }));
    },
    // No node runs: nothing is on air.
    stop: async (name) => void existing(catalogue, name),
    rotateKey: (name, overlapSeconds) => catalogue.rotateKey(name, { overlapSeconds }),
    revokeKey: async (name, keyId) => void (await catalogue.revokeKey(name, keyId)),
    remove: (name) => catalogue.remove(name),
    close: () => {
      store.close();
      lock.release();
    },
  };
}

function isFaultCode(code: unknown): code is FaultCode {
  return typeof code === "string" && code in FAULT_CODES;
}

/** Works through the API at `url`. */
function remoteDesk(url: string, token: string): StreamDesk {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    let answer: Response;
    try {
      answer = await fetch(`${url}/api/v1/streams${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(API_TIMEOUT_MS_MAX),
      });
    } catch (cause) {
      throw new Fault("CONNECTION_LOST", `the API at ${url} does not answer: ${(cause as Error).message}`, {
        cause,
        hint: "See whether the platform runs.",
      });
    }
    const text = await answer.text();
    if (answer.ok) return text === "" ? undefined : (JSON.parse(text) as unknown);
    throw refusalOf(answer.status, text, url);
  };
  const path = (...parts: readonly string[]): string => parts.map((part) => `/${encodeURIComponent(part)}`).join("");
  return {
    list: async () => ((await call("GET", "")) as { streams: ListedStream[] }).streams.map(listed),
    add: async ({ name, title, settings }) => {
      const own = Object.keys(settings).length === 0 ? {} : { settings };
      return (await call("POST", "", { name, ...(title === "" ? {} : { title }), ...own })) as IssuedKey;
    },
    change: async (name, change) => listed((await call("PATCH", path(name), change)) as ListedStream),
    stop: async (name) => void (await call("POST", path(name, "stop"))),
    rotateKey: async (name, overlapSeconds) => {
      const body = overlapSeconds === 0 ? undefined : { overlapSeconds };
      return (await call("POST", path(name, "rotate-key"), body)) as IssuedKey;
    },
    revokeKey: async (name, keyId) => void (await call("DELETE", path(name, "keys", keyId))),
    remove: async (name) => void (await call("DELETE", path(name))),
    close: () => undefined,
  };
}

function refusalOf(status: number, text: string, url: string): Fault {
  let body: { code?: unknown; message?: unknown; hint?: unknown } = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // Not our API, or a proxy in front of it: the status is all there is.
  }
  const { code, message, hint } = body;
  if (status === 401) {
    return new Fault("UNAUTHORIZED", `the API at ${url} does not take this admin token`, {
      hint: "Give the token of the running platform with --admin-token or GRANDSTAND_ADMIN_TOKEN.",
    });
  }
  // The API's hint is for people who ask it themselves.
  const advice = code === "STREAM_UNKNOWN" ? LIST_HINT : hint;
  return new Fault(
    isFaultCode(code) ? code : "CONNECTION_LOST",
    typeof message === "string" ? message : `the API at ${url} answered ${status}`,
    typeof advice === "string" ? { hint: advice } : {},
  );
}

/** Opens the desk: `url` when given, else the data folder, else the node that holds it. @throws Fault. */
export async function openStreamDesk(config: Config, url: string | undefined): Promise<StreamDesk> {
  const token = config.adminToken ?? (await openSecretFiles(config.dataDir).read("admin-token")) ?? "";
  if (url !== undefined) return remoteDesk(url.replace(/\/+$/, ""), token);
  try {
    return await localDesk(config);
  } catch (error) {
    const node = error instanceof Fault && error.code === "DATA_DIR_BUSY" ? readNodeFile(config.dataDir) : undefined;
    if (node === undefined) throw error;
    return remoteDesk(node.url, token);
  }
}

function settingValues(flags: ReadonlyMap<string, string | true>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const name of ["latency", "ladder"]) if (flags.has(name)) values[name] = flags.get(name);
  for (const name of ["segmentSeconds", "partMs", "graceSeconds"]) {
    const written = flags.get(name);
    if (written !== undefined) values[name] = Number.isNaN(Number(written)) ? written : Number(written);
  }
  return values;
}

/** Settings given as flags. @throws Fault `CONFIG_INVALID`. */
export function settingsFromFlags(flags: ReadonlyMap<string, string | true>): StreamSettings {
  return parseStreamSettings(settingValues(flags));
}

/** The word that gives a setting back to the platform. */
export const PLATFORM_WORD = "platform";

/** Settings to change as flags give them: {@link PLATFORM_WORD} becomes `null`. @throws Fault `CONFIG_INVALID`. */
export function settingChangesFromFlags(flags: ReadonlyMap<string, string | true>): Record<string, unknown> {
  const changes = Object.entries(settingValues(flags)).map(
    ([name, value]) => [name, value === PLATFORM_WORD ? null : value] as const,
  );
  const values = Object.fromEntries(changes);
  parseStreamSettings(values);
  return values;
}
