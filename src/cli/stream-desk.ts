import type { Catalogue, StreamInfo, StreamWithKey } from "#control/catalogue.ts";
import { parseStreamSettings, SETTING_BOUNDS, SETTING_NAMES, type StreamSettings } from "#control/stream-settings.ts";
import { Fault } from "#faults/fault.ts";
import type { Config } from "#node/config-schema.ts";
import { type ApiCall, apiPath, LIST_HINT } from "./api-call.ts";
import { type OpenDataFolder, openDesk } from "./data-folder.ts";

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

/** The fields that are shown, in their order; an API tells more of a stream. */
function listed(stream: ListedStream): ListedStream {
  const { name, title, createdMs, managedBy, settings, effectiveSettings, keys } = stream;
  return { name, title, createdMs, managedBy, settings, effectiveSettings, keys };
}

function listedFrom({ createdAtMs: createdMs, effective: effectiveSettings, ...rest }: StreamInfo): ListedStream {
  return listed({ ...rest, createdMs, effectiveSettings });
}

/** The stream of this name. @throws Fault `STREAM_UNKNOWN`. */
export function existingStream(catalogue: Catalogue, name: string): StreamInfo {
  const stream = catalogue.get(name);
  if (stream !== undefined) return stream;
  throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(name.slice(0, 80))}`, { hint: LIST_HINT });
}

function localDesk({ catalogue, close }: OpenDataFolder): StreamDesk {
  return {
    list: async () => catalogue.list().map(listedFrom),
    add: (stream) => catalogue.add(stream),
    change: async (name, { settings, ...rest }) => {
      const own = existingStream(catalogue, name).settings;
      const merged = settings === undefined ? {} : { settings: parseStreamSettings({ ...own, ...settings }) };
      return listedFrom(await catalogue.update(name, { ...rest, ...merged }));
    },
    // No node runs: nothing is on air.
    stop: async (name) => void existingStream(catalogue, name),
    rotateKey: (name, overlapSeconds) => catalogue.rotateKey(name, { overlapSeconds }),
    revokeKey: async (name, keyId) => void (await catalogue.revokeKey(name, keyId)),
    remove: (name) => catalogue.remove(name),
    close,
  };
}

/** Works through the API at `url`. */
function remoteDesk(call: ApiCall): StreamDesk {
  return {
    list: async () => ((await call("GET", "")) as { streams: ListedStream[] }).streams.map(listed),
    add: async ({ name, title, settings }) => {
      const own = Object.keys(settings).length === 0 ? {} : { settings };
      return (await call("POST", "", { name, ...(title === "" ? {} : { title }), ...own })) as IssuedKey;
    },
    change: async (name, change) => listed((await call("PATCH", apiPath(name), change)) as ListedStream),
    stop: async (name) => void (await call("POST", apiPath(name, "stop"))),
    rotateKey: async (name, overlapSeconds) => {
      const body = overlapSeconds === 0 ? undefined : { overlapSeconds };
      return (await call("POST", apiPath(name, "rotate-key"), body)) as IssuedKey;
    },
    revokeKey: async (name, keyId) => void (await call("DELETE", apiPath(name, "keys", keyId))),
    remove: async (name) => void (await call("DELETE", apiPath(name))),
    close: () => undefined,
  };
}

/** Opens the desk: `url` when given, else the data folder, else the node that holds it. @throws Fault. */
export function openStreamDesk(config: Config, url: string | undefined): Promise<StreamDesk> {
  return openDesk(config, url, { local: localDesk, remote: remoteDesk });
}

/** Settings whose flags are numbers; a text that is none is left to the parser, which says what is allowed. */
const NUMBERS: readonly string[] = Object.keys(SETTING_BOUNDS);
/** Settings whose flags are `true` or `false`. */
const SWITCHES: readonly string[] = ["alwaysOn"];

function settingValue(name: string, written: string | true): unknown {
  if (SWITCHES.includes(name)) return written === "true" ? true : written === "false" ? false : written;
  return NUMBERS.includes(name) && !Number.isNaN(Number(written)) ? Number(written) : written;
}

function settingValues(flags: ReadonlyMap<string, string | true>): Record<string, unknown> {
  const given = [...flags].filter(([name]) => SETTING_NAMES.includes(name));
  return Object.fromEntries(given.map(([name, written]) => [name, settingValue(name, written)]));
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
