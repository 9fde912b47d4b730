import { randomBytes } from "node:crypto";
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import { type Json, type RecordTable, type SecretFiles, type StoredRecord, VERSION_ABSENT } from "#store/ports.ts";
import {
  type DeclaredTarget,
  declaredTargets,
  type SwitchedTarget,
  switchDeclared,
  switchedFromJson,
  switchedToJson,
} from "./declared-targets.ts";
import {
  checkRendition,
  checkTargetKey,
  checkTargetName,
  checkTargetUrl,
  keyEndOf,
  type Target,
  TARGETS_PER_STREAM_MAX,
  type TargetDraft,
  type TargetInfo,
} from "./restream-target.ts";
import { type KeySealer, makeKeySealer, readKeySealer } from "./sealed-key.ts";

/** What {@link RestreamTargets} needs. */
export interface RestreamTargetsOptions {
  /** One record per stream that has targets. */
  readonly table: RecordTable;
  readonly secrets: SecretFiles;
  readonly observer: Observer;
  /** Whether there is such a stream. */
  readonly hasStream: (stream: string) => boolean;
  /** Those of the configuration file, by stream. */
  readonly declared?: ReadonlyMap<string, readonly DeclaredTarget[]>;
}

interface StoredTarget extends Omit<Target, "key" | "managedBy"> {
  /** As {@link KeySealer.seal} makes it. */
  readonly sealedKey: string;
}

/** What the store has of a stream. */
interface Kept {
  readonly stored: readonly StoredTarget[];
  readonly switched: readonly SwitchedTarget[];
}

interface StreamTargets extends Kept {
  readonly version: number;
  /** The file's first. */
  readonly open: readonly Target[];
}

const NONE: StreamTargets = { version: VERSION_ABSENT, stored: [], switched: [], open: [] };
const ID_BYTES = 5;

/** The restream targets of every stream, held in memory and written through to the store. A write that fails changes nothing. */
export class RestreamTargets {
  readonly #options: RestreamTargetsOptions;
  /** Absent until the first key is sealed. */
  #sealer: KeySealer | undefined;
  readonly #streams = new Map<string, StreamTargets>();
  readonly #listeners = new Set<(stream: string) => void>();

  private constructor(options: RestreamTargetsOptions, sealer: KeySealer | undefined) {
    this.#options = options;
    this.#sealer = sealer;
  }

  /**
   * Reads every target. One of the file takes the place of a stored one of its name.
   * @throws Fault `STORE_FAILED`, `DATA_DIR_UNUSABLE`, `DISK_FULL`, `CONFIG_INVALID`.
   */
  static async open(options: RestreamTargetsOptions): Promise<RestreamTargets> {
    const targets = new RestreamTargets(options, await readKeySealer(options.secrets));
    for (const stream of options.declared?.keys() ?? []) targets.#hold(stream, NONE, VERSION_ABSENT);
    for (const record of await options.table.list()) {
      const { name, version } = record;
      // A stream that comes back under its old name is not sent to where its predecessor was.
      if (options.hasStream(name)) targets.#hold(name, keptTargets(record), version);
      else await options.table.remove(name, version);
      await targets.#makeRoom(name);
    }
    return targets;
  }

  #declaredOf(stream: string): readonly DeclaredTarget[] {
    return this.#options.declared?.get(stream) ?? [];
  }

  #hold(stream: string, { stored, switched }: Kept, version: number): void {
    const declared = declaredTargets(this.#declaredOf(stream), switched);
    const own = stored.map(({ sealedKey, ...target }) => ({
      ...target,
      key: this.#sealer?.open(sealedKey, `${stream}/${target.id}`),
      managedBy: "platform" as const,
    }));
    this.#streams.set(stream, { version, stored, switched, open: [...declared, ...own] });
  }

  /** Removes stored targets whose names the file has taken. */
  async #makeRoom(stream: string): Promise<void> {
    const { stored, switched } = this.#streams.get(stream) ?? NONE;
    const names = new Set(this.#declaredOf(stream).map(({ name }) => name.trim()));
    const left = stored.filter(({ name }) => !names.has(name));
    if (left.length === stored.length) return;
    await this.#write(stream, { stored: left, switched });
    this.#options.observer.event("info", "restream.target.replaced", { stream, targets: stored.length - left.length });
  }

  /** With their keys, for who connects, in the order of {@link list}. */
  targetsOf(stream: string): readonly Target[] {
    return (this.#streams.get(stream) ?? NONE).open;
  }

  /** Without their keys, the file's first, the others in the order they were added. @throws Fault `STREAM_UNKNOWN`. */
  list(stream: string): TargetInfo[] {
    this.#requireStream(stream);
    return this.targetsOf(stream).map(infoOf);
  }

  /** Calls `listener` after each change of a stream's targets. The answer ends it. */
  onChange(listener: (stream: string) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** @throws Fault `STREAM_UNKNOWN`, `CONFIG_INVALID`, `STORE_CONFLICT` when the name is taken, `LIMIT_REACHED`, `STORE_FAILED`, `DISK_FULL`. */
  async add(stream: string, draft: TargetDraft): Promise<TargetInfo> {
    this.#requireStream(stream);
    const id = randomBytes(ID_BYTES).toString("hex");
    const checked = {
      id,
      name: checkTargetName(draft.name ?? ""),
      url: checkTargetUrl(draft.url ?? ""),
      rendition: checkRendition(draft.rendition ?? "source"),
      enabled: draft.enabled ?? true,
    };
    const target: StoredTarget = { ...checked, sealedKey: await this.#seal(draft.key ?? "", stream, id) };
    const { stored, switched, open } = this.#streams.get(stream) ?? NONE;
    if (open.length >= TARGETS_PER_STREAM_MAX) {
      throw new Fault("LIMIT_REACHED", `the stream ${stream} has ${open.length} targets, and that is the limit`, {
        hint: "Remove targets that are not needed any more.",
      });
    }
    await this.#write(stream, { stored: [...stored, target], switched });
    this.#options.observer.event("info", "restream.target.added", { stream, target: target.name });
    return this.#infoOf(stream, id);
  }

  /**
   * Changes what is given; of a target of the file only whether it is enabled.
   * @throws Fault `STREAM_UNKNOWN`, `TARGET_UNKNOWN`, `TARGET_MANAGED`, `CONFIG_INVALID`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`.
   */
  async change(stream: string, id: string, draft: TargetDraft): Promise<TargetInfo> {
    if (this.#isDeclared(stream, id)) return this.#switch(stream, id, draft);
    this.#existing(stream, id);
    const { name, url, key, rendition, enabled } = draft;
    const sealedKey = key === undefined ? undefined : await this.#seal(key, stream, id);
    const { stored, switched, before } = this.#existing(stream, id);
    const next: StoredTarget = {
      ...before,
      ...(name === undefined ? {} : { name: checkTargetName(name) }),
      ...(url === undefined ? {} : { url: checkTargetUrl(url) }),
      ...(rendition === undefined ? {} : { rendition: checkRendition(rendition) }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(sealedKey === undefined ? {} : { sealedKey }),
    };
    await this.#write(stream, { stored: stored.map((target) => (target === before ? next : target)), switched });
    this.#options.observer.event("info", "restream.target.changed", { stream, target: next.name });
    return this.#infoOf(stream, id);
  }

  /** Starts or stops a target of the file. */
  async #switch(stream: string, id: string, { enabled, ...others }: TargetDraft): Promise<TargetInfo> {
    if (Object.values(others).some((value) => value !== undefined)) throw managed(this.#infoOf(stream, id));
    if (enabled !== undefined) {
      const { stored, switched } = this.#streams.get(stream) ?? NONE;
      await this.#write(stream, { stored, switched: switchDeclared(this.#declaredOf(stream), switched, id, enabled) });
      const { name } = this.#infoOf(stream, id);
      this.#options.observer.event("info", "restream.target.changed", { stream, target: name });
    }
    return this.#infoOf(stream, id);
  }

  /** @throws Fault `STREAM_UNKNOWN`, `TARGET_UNKNOWN`, `TARGET_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async remove(stream: string, id: string): Promise<void> {
    if (this.#isDeclared(stream, id)) throw managed(this.#infoOf(stream, id));
    const { stored, switched, before } = this.#existing(stream, id);
    await this.#write(stream, { stored: stored.filter((target) => target !== before), switched });
    this.#options.observer.event("info", "restream.target.removed", { stream, target: before.name });
  }

  /** Forgets a stream that was removed. @throws Fault `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async forget(stream: string): Promise<void> {
    if (this.#streams.has(stream)) await this.#write(stream, { stored: [], switched: [] });
  }

  async #seal(key: string, stream: string, id: string): Promise<string> {
    this.#sealer ??= await makeKeySealer(this.#options.secrets);
    return this.#sealer.seal(checkTargetKey(key), `${stream}/${id}`);
  }

  #requireStream(stream: string): void {
    if (this.#options.hasStream(stream)) return;
    throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(stream.slice(0, 80))}`, {
      hint: "List the streams with: grandstand streams list.",
    });
  }

  #isDeclared(stream: string, id: string): boolean {
    this.#requireStream(stream);
    return this.targetsOf(stream).some((target) => target.id === id && target.managedBy === "file");
  }

  #existing(stream: string, id: string): Kept & { readonly before: StoredTarget } {
    this.#requireStream(stream);
    const { stored, switched } = this.#streams.get(stream) ?? NONE;
    const before = stored.find((target) => target.id === id);
    if (before !== undefined) return { stored, switched, before };
    throw new Fault("TARGET_UNKNOWN", `the stream ${stream} has no target ${JSON.stringify(id.slice(0, 80))}`, {
      hint: `List its targets with: grandstand targets list ${stream}.`,
    });
  }

  #infoOf(stream: string, id: string): TargetInfo {
    const target = this.targetsOf(stream).find((one) => one.id === id);
    if (target === undefined) throw new Fault("TARGET_UNKNOWN", "the target was removed meanwhile");
    return infoOf(target);
  }

  async #write(stream: string, kept: Kept): Promise<void> {
    const { stored, switched } = kept;
    const others = [...stored, ...declaredTargets(this.#declaredOf(stream), switched)];
    const twice = stored.find(({ id, name }) => others.some((other) => other.id !== id && other.name === name));
    if (twice !== undefined) {
      throw new Fault("STORE_CONFLICT", `the stream ${stream} has a target ${twice.name} already`, {
        hint: "Choose another name.",
      });
    }
    const { version } = this.#streams.get(stream) ?? NONE;
    if (stored.length > 0 || switched.length > 0) {
      const value = { targets: stored.map(targetToJson), switched: switched.map(switchedToJson) };
      this.#hold(stream, kept, await this.#options.table.put(stream, value, version));
    } else {
      if (version !== VERSION_ABSENT) await this.#options.table.remove(stream, version);
      if (this.#declaredOf(stream).length > 0) this.#hold(stream, NONE, VERSION_ABSENT);
      else this.#streams.delete(stream);
    }
    for (const listener of this.#listeners) listener(stream);
  }
}

function managed({ name }: TargetInfo): Fault {
  return new Fault("TARGET_MANAGED", `the target ${name} is declared in the configuration file`, {
    hint: "Change its entry below the stream's `targets:` in the file and start again; it may be started and stopped here.",
  });
}

function infoOf({ key, ...target }: Target): TargetInfo {
  return { ...target, keyEnd: keyEndOf(key) };
}

function targetToJson({ id, name, url, rendition, enabled, sealedKey }: StoredTarget): Json {
  return { id, name, url, rendition, enabled, sealedKey };
}

/** The entries of a list, or `undefined` when one cannot be read. */
function entriesOf<Entry>(list: unknown, read: (value: Json) => Entry | undefined): readonly Entry[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const entries = list.map((one: Json) => read(one)).filter((entry) => entry !== undefined);
  return entries.length === list.length ? entries : undefined;
}

/** Reads what the store has of a stream. @throws Fault `STORE_FAILED` when it is something else. */
function keptTargets({ name: stream, value }: StoredRecord): Kept {
  const record = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  const { targets, switched = [] } = record as Readonly<Record<string, Json>>;
  const stored = entriesOf(targets, storedTarget);
  const byHand = entriesOf(switched, switchedFromJson);
  if (stored !== undefined && byHand !== undefined && stored.length + byHand.length > 0) {
    return { stored, switched: byHand };
  }
  throw new Fault("STORE_FAILED", `the stored restream targets of ${stream} cannot be read`, {
    hint: "Restore the database from a backup.",
  });
}

function storedTarget(value: Json): StoredTarget | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { id, name, url, rendition, enabled, sealedKey } = value as Readonly<Record<string, Json>>;
  if (typeof id !== "string" || typeof name !== "string" || typeof url !== "string") return undefined;
  if (typeof rendition !== "string" || typeof enabled !== "boolean" || typeof sealedKey !== "string") return undefined;
  return { id, name, url, rendition, enabled, sealedKey };
}
