import { randomBytes } from "node:crypto";
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import { type Json, type RecordTable, type SecretFiles, type StoredRecord, VERSION_ABSENT } from "#store/ports.ts";
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
}

interface StoredTarget extends Omit<Target, "key"> {
  /** As {@link KeySealer.seal} makes it. */
  readonly sealedKey: string;
}

interface StreamTargets {
  readonly version: number;
  readonly stored: readonly StoredTarget[];
  readonly open: readonly Target[];
}

const NONE: StreamTargets = { version: VERSION_ABSENT, stored: [], open: [] };
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

  /** Reads every target. @throws Fault `STORE_FAILED`, `DATA_DIR_UNUSABLE`, `DISK_FULL`. */
  static async open(options: RestreamTargetsOptions): Promise<RestreamTargets> {
    const targets = new RestreamTargets(options, await readKeySealer(options.secrets));
    for (const record of await options.table.list()) {
      const { name, version } = record;
      // A stream that comes back under its old name is not sent to where its predecessor was.
      if (options.hasStream(name)) targets.#hold(name, storedTargets(record), version);
      else await options.table.remove(name, version);
    }
    return targets;
  }

  #hold(stream: string, stored: readonly StoredTarget[], version: number): void {
    const open = stored.map(({ sealedKey, ...target }) => ({
      ...target,
      key: this.#sealer?.open(sealedKey, `${stream}/${target.id}`),
    }));
    this.#streams.set(stream, { version, stored, open });
  }

  /** With their keys, for who connects, in the order they were added. */
  targetsOf(stream: string): readonly Target[] {
    return (this.#streams.get(stream) ?? NONE).open;
  }

  /** Without their keys, in the order they were added. @throws Fault `STREAM_UNKNOWN`. */
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
    const { stored } = this.#streams.get(stream) ?? NONE;
    if (stored.length >= TARGETS_PER_STREAM_MAX) {
      throw new Fault("LIMIT_REACHED", `the stream ${stream} has ${stored.length} targets, and that is the limit`, {
        hint: "Remove targets that are not needed any more.",
      });
    }
    await this.#write(stream, [...stored, target]);
    this.#options.observer.event("info", "restream.target.added", { stream, target: target.name });
    return this.#infoOf(stream, id);
  }

  /** Changes what is given. @throws Fault `STREAM_UNKNOWN`, `TARGET_UNKNOWN`, `CONFIG_INVALID`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async change(stream: string, id: string, draft: TargetDraft): Promise<TargetInfo> {
    this.#existing(stream, id);
    const { name, url, key, rendition, enabled } = draft;
    const sealedKey = key === undefined ? undefined : await this.#seal(key, stream, id);
    const { stored, before } = this.#existing(stream, id);
    const next: StoredTarget = {
      ...before,
      ...(name === undefined ? {} : { name: checkTargetName(name) }),
      ...(url === undefined ? {} : { url: checkTargetUrl(url) }),
      ...(rendition === undefined ? {} : { rendition: checkRendition(rendition) }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(sealedKey === undefined ? {} : { sealedKey }),
    };
    await this.#write(
      stream,
      stored.map((target) => (target === before ? next : target)),
    );
    this.#options.observer.event("info", "restream.target.changed", { stream, target: next.name });
    return this.#infoOf(stream, id);
  }

  /** @throws Fault `STREAM_UNKNOWN`, `TARGET_UNKNOWN`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async remove(stream: string, id: string): Promise<void> {
    const { stored, before } = this.#existing(stream, id);
    await this.#write(
      stream,
      stored.filter((target) => target !== before),
    );
    this.#options.observer.event("info", "restream.target.removed", { stream, target: before.name });
  }

  /** Forgets a stream that was removed. @throws Fault `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async forget(stream: string): Promise<void> {
    if (this.#streams.has(stream)) await this.#write(stream, []);
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

  #existing(stream: string, id: string): { stored: readonly StoredTarget[]; before: StoredTarget } {
    this.#requireStream(stream);
    const { stored } = this.#streams.get(stream) ?? NONE;
    const before = stored.find((target) => target.id === id);
    if (before !== undefined) return { stored, before };
    throw new Fault("TARGET_UNKNOWN", `the stream ${stream} has no target ${JSON.stringify(id.slice(0, 80))}`, {
      hint: `List its targets with: grandstand targets list ${stream}.`,
    });
  }

  #infoOf(stream: string, id: string): TargetInfo {
    const target = this.targetsOf(stream).find((one) => one.id === id);
    if (target === undefined) throw new Fault("TARGET_UNKNOWN", "the target was removed meanwhile");
    return infoOf(target);
  }

  async #write(stream: string, stored: readonly StoredTarget[]): Promise<void> {
    const twice = stored.find(({ id, name }) => stored.some((other) => other.id !== id && other.name === name));
    if (twice !== undefined) {
      throw new Fault("STORE_CONFLICT", `the stream ${stream} has a target ${twice.name} already`, {
        hint: "Choose another name.",
      });
    }
    const { version } = this.#streams.get(stream) ?? NONE;
    if (stored.length > 0) {
      const next = await this.#options.table.put(stream, { targets: stored.map(targetToJson) }, version);
      this.#hold(stream, stored, next);
    } else {
      if (version !== VERSION_ABSENT) await this.#options.table.remove(stream, version);
      this.#streams.delete(stream);
    }
    for (const listener of this.#listeners) listener(stream);
  }
}

function infoOf({ key, ...target }: Target): TargetInfo {
  return { ...target, keyEnd: keyEndOf(key) };
}

function targetToJson({ id, name, url, rendition, enabled, sealedKey }: StoredTarget): Json {
  return { id, name, url, rendition, enabled, sealedKey };
}

/** Reads a stream's stored targets. @throws Fault `STORE_FAILED` when they are none. */
function storedTargets({ name: stream, value }: StoredRecord): StoredTarget[] {
  const list = typeof value === "object" && value !== null && "targets" in value ? value["targets"] : undefined;
  const targets = Array.isArray(list) ? list.map((one: Json) => storedTarget(one)) : [];
  const known = targets.filter((target) => target !== undefined);
  if (known.length > 0 && known.length === targets.length) return known;
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
