import { randomBytes } from "node:crypto";
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import { type SecretFiles, type Store, VERSION_ABSENT } from "#store/ports.ts";
import type { Clock } from "#time/clock.ts";
import { KeyIndex } from "./key-index.ts";
import type { CheckpointRemover, Expeller, PublishCredentials } from "./ports.ts";
import { digestOf, hexOf, makeKey } from "./stream-key.ts";
import { checkStreamName } from "./stream-name.ts";
import {
  KEYS_PER_STREAM_MAX,
  type KeyRecord,
  type ManagedBy,
  type StreamRecord,
  streamFromRecord,
  streamToJson,
} from "./stream-record.ts";
import { type EffectiveSettings, effectiveSettings, type StreamSettings } from "./stream-settings.ts";

/** Streams a catalogue holds. Adding one more is refused with `LIMIT_REACHED`. */
export const STREAMS_MAX = 10_000;
/** Characters of a title; the rest is cut off. */
export const TITLE_CHARACTERS_MAX = 200;
/** Longest overlap of an old key with its successor: 30 days, seconds. */
export const OVERLAP_SECONDS_MAX = 2_592_000;

/** A stream as everybody may see it: nothing of it opens a door. */
export interface StreamInfo {
  readonly name: string;
  readonly title: string;
  readonly createdAtMs: number;
  readonly managedBy: ManagedBy;
  /** What the stream decides for itself. */
  readonly settings: StreamSettings;
  /** With the platform's settings below. */
  readonly effective: EffectiveSettings;
  readonly keys: readonly Omit<KeyRecord, "sha256">[];
}

/** A new key, shown this once. */
export interface StreamWithKey {
  readonly stream: StreamInfo;
  readonly key: string;
  readonly keyId: string;
}

/** An encoder that may publish. */
export interface Admission {
  readonly stream: string;
  readonly title: string;
  readonly keyId: string;
  readonly settings: EffectiveSettings;
}

/** What {@link Catalogue.add} takes. */
export interface NewStream {
  readonly name: string;
  readonly title?: string;
  readonly settings?: StreamSettings;
  readonly managedBy?: ManagedBy;
  /** Chosen by the operator; absent: a random one. */
  readonly key?: string;
}

/** What a catalogue needs. */
export interface CatalogueOptions {
  readonly store: Store;
  readonly secrets: SecretFiles;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly defaults: EffectiveSettings;
  readonly expeller: Expeller;
  readonly checkpoints: CheckpointRemover;
}

/** Name of the secret that keeps a stream's key readable for the start banner. */
function displayName(stream: string): string {
  return `key-${stream}`;
}

function cleanTitle(title: string): string {
  // Control characters would let a title forge lines in a terminal or a log.
  return title.replace(/\p{C}/gu, " ").trim().slice(0, TITLE_CHARACTERS_MAX);
}

/**
 * The streams and their keys, held in memory and written through to the store, so that admitting an encoder never waits for the store.
 * One process writes at a time (the data folder's lock); a write that fails changes nothing.
 */
export class Catalogue {
  readonly #options: CatalogueOptions;
  readonly #streams = new Map<string, StreamRecord>();
  readonly #index = new KeyIndex();
  /** The key that the encoder on air showed; a revocation of any other key ends nobody's broadcast. */
  readonly #keyInUse = new Map<string, string>();
  readonly #removeListeners: ((stream: string) => Promise<void>)[] = [];
  readonly #writeListeners: ((stream: StreamInfo) => void)[] = [];

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /** Reads every stream from the store. @throws Fault `STORE_FAILED`. */
  async load(): Promise<void> {
    for (const record of await this.#options.store.streams.list()) this.#hold(streamFromRecord(record));
  }

  #hold(stream: StreamRecord): void {
    for (const key of this.#streams.get(stream.name)?.keys ?? []) this.#index.remove(stream.name, key);
    this.#streams.set(stream.name, stream);
    for (const key of stream.keys) this.#index.add(stream.name, key);
  }

  #info(stream: StreamRecord): StreamInfo {
    const { name, title, createdAtMs, managedBy, settings } = stream;
    const keys = stream.keys
      .filter((key) => this.#isValid(key))
      .map(({ id, createdAtMs: made, expiresAtMs }) => ({
        id,
        createdAtMs: made,
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      }));
    const effective = effectiveSettings(this.#options.defaults, settings);
    return { name, title, createdAtMs, managedBy, settings, effective, keys };
  }

  #isValid(key: KeyRecord): boolean {
    return key.expiresAtMs === undefined || key.expiresAtMs > this.#options.clock.wallMs();
  }

  /** All streams in the order of their names. */
  list(): StreamInfo[] {
    const all = [...this.#streams.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return all.map((stream) => this.#info(stream));
  }

  /** What streams use that decide nothing for themselves. */
  get defaults(): EffectiveSettings {
    return this.#options.defaults;
  }

  /** What the stream's next broadcast uses; `undefined` when there is no such stream. Quick enough for every beginning of a broadcast. */
  effectiveOf(name: string): EffectiveSettings | undefined {
    const stream = this.#streams.get(name);
    return stream === undefined ? undefined : effectiveSettings(this.#options.defaults, stream.settings);
  }

  get(name: string): StreamInfo | undefined {
    const stream = this.#streams.get(name);
    return stream === undefined ? undefined : this.#info(stream);
  }

  #existing(name: string): StreamRecord {
    const stream = this.#streams.get(name);
    if (stream === undefined) {
      const shown = name.slice(0, 80);
      throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(shown)}`, {
        hint: "List the streams with: grandstand streams list.",
      });
    }
    return stream;
  }

  #changeable(name: string): StreamRecord {
    const stream = this.#existing(name);
    if (stream.managedBy === "file") {
      throw new Fault("KEY_MANAGED", `the stream ${name} is declared in the configuration file`, {
        hint: "Change its entry below `streams:` in the file and start again.",
      });
    }
    return stream;
  }

  #newKey(key: string, stream: string): KeyRecord {
    const sha256 = hexOf(digestOf(key));
    const holder = this.#index.holderOf(sha256);
    if (holder !== undefined && holder !== stream) {
      throw new Fault("CONFIG_INVALID", `the key of ${stream} is in use by the stream ${holder}`, {
        hint: "Give each stream a key of its own.",
      });
    }
    return { id: randomBytes(5).toString("hex"), sha256, createdAtMs: this.#options.clock.wallMs() };
  }

  async #write(next: StreamRecord): Promise<StreamRecord> {
    const version = await this.#options.store.streams.put(next.name, streamToJson(next), next.version);
    const stored = { ...next, version };
    this.#hold(stored);
    if (this.#writeListeners.length > 0) {
      const info = this.#info(stored);
      for (const listener of this.#writeListeners) listener(info);
    }
    return stored;
  }

  /**
   * Adds a stream and gives its key this once.
   * @throws Fault `STREAM_NAME_INVALID`, `STORE_CONFLICT` when the name is taken, `CONFIG_INVALID` when the key is another stream's, `LIMIT_REACHED`, `STORE_FAILED`, `DISK_FULL`.
   */
  async add(options: NewStream): Promise<StreamWithKey> {
    const { title = "", settings = {}, managedBy = "platform", key = makeKey() } = options;
    const name = checkStreamName(options.name);
    if (this.#streams.has(name)) {
      throw new Fault("STORE_CONFLICT", `there is already a stream ${name}`, { hint: "Choose another name." });
    }
    if (this.#streams.size >= STREAMS_MAX) {
      throw new Fault("LIMIT_REACHED", `there are ${STREAMS_MAX} streams, and that is the limit`, {
        hint: "Remove streams that are not needed any more.",
      });
    }
    const record = this.#newKey(key, name);
    const createdAtMs = record.createdAtMs;
    const draft = { name, title: cleanTitle(title), createdAtMs, managedBy, settings, keys: [record] };
    const stored = await this.#write({ ...draft, version: VERSION_ABSENT });
    this.#options.observer.event("info", "stream.added", { stream: name, managedBy });
    return { stream: this.#info(stored), key, keyId: record.id };
  }

  /** Changes title or settings; the settings take effect with the next broadcast. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async update(name: string, change: { title?: string; settings?: StreamSettings }): Promise<StreamInfo> {
    const stream = this.#changeable(name);
    const title = change.title === undefined ? stream.title : cleanTitle(change.title);
    const stored = await this.#write({ ...stream, title, settings: change.settings ?? stream.settings });
    this.#options.observer.event("info", "stream.changed", { stream: name });
    return this.#info(stored);
  }

  /**
   * Gives the stream a new key, shown this once. The old keys stay valid for `overlapSeconds` (0: they end now, and whoever publishes with one is expelled).
   * @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `LIMIT_REACHED`, `CONFIG_INVALID`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`.
   */
  async rotateKey(name: string, options: { overlapSeconds?: number } = {}): Promise<StreamWithKey> {
    const { overlapSeconds = 0 } = options;
    if (!(overlapSeconds >= 0 && overlapSeconds <= OVERLAP_SECONDS_MAX)) {
      const allowed = `a number from 0 to ${OVERLAP_SECONDS_MAX}`;
      throw new Fault("CONFIG_INVALID", `overlapSeconds = ${overlapSeconds} is not allowed: ${allowed}`);
    }
    const stream = this.#changeable(name);
    const key = makeKey();
    const record = this.#newKey(key, name);
    const endMs = record.createdAtMs + overlapSeconds * 1000;
    const kept = overlapSeconds === 0 ? [] : stream.keys.filter((old) => this.#isValid(old));
    if (kept.length >= KEYS_PER_STREAM_MAX) {
      throw new Fault("LIMIT_REACHED", `the stream ${name} has ${kept.length} valid keys, and that is the limit`, {
        hint: "Revoke a key, or rotate without an overlap.",
      });
    }
    const ending = kept.map((old) => ({ ...old, expiresAtMs: Math.min(old.expiresAtMs ?? endMs, endMs) }));
    const stored = await this.#write({ ...stream, keys: [...ending, record] });
    if ((await this.#options.secrets.read(displayName(name))) !== undefined) {
      await this.#options.secrets.write(displayName(name), key);
    }
    this.#options.observer.event("info", "stream.key.rotated", { stream: name, keyId: record.id, overlapSeconds });
    if (overlapSeconds === 0) this.#expel(name, `the key of ${name} was replaced`);
    return { stream: this.#info(stored), key, keyId: record.id };
  }

  /** Ends one key now; whoever publishes with it is expelled. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `KEY_REFUSED` when there is no such key, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async revokeKey(name: string, keyId: string): Promise<StreamInfo> {
    const stream = this.#changeable(name);
    const keys = stream.keys.filter((key) => key.id !== keyId);
    if (keys.length === stream.keys.length) {
      throw new Fault("KEY_REFUSED", `the stream ${name} has no key with the id ${JSON.stringify(keyId.slice(0, 40))}`);
    }
    const stored = await this.#write({ ...stream, keys });
    const shown = await this.#options.secrets.read(displayName(name));
    const isShown = shown !== undefined && !keys.some((key) => key.sha256 === hexOf(digestOf(shown)));
    if (isShown) await this.#options.secrets.remove(displayName(name));
    this.#options.observer.event("info", "stream.key.revoked", { stream: name, keyId });
    if (this.#keyInUse.get(name) === keyId) this.#expel(name, `the key of ${name} was revoked`);
    return this.#info(stored);
  }

  /** Removes the stream with its keys; whoever publishes is expelled. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async remove(name: string): Promise<void> {
    await this.#remove(this.#changeable(name));
  }

  async #remove(stream: StreamRecord): Promise<void> {
    const { name } = stream;
    await this.#options.store.streams.remove(name, stream.version);
    this.#streams.delete(name);
    for (const key of stream.keys) this.#index.remove(name, key);
    this.#options.observer.event("info", "stream.removed", { stream: name });
    this.#options.expeller.stop(name, new Fault("STREAM_UNKNOWN", `the stream ${name} was removed`));
    this.#keyInUse.delete(name);
    this.#options.checkpoints.remove(name);
    await this.#options.secrets.remove(displayName(name));
    for (const listener of this.#removeListeners) await listener(name);
  }

  /** Calls `listener` with each stream that was added or changed. */
  onWritten(listener: (stream: StreamInfo) => void): void {
    this.#writeListeners.push(listener);
  }

  /** Calls `listener` after each removal of a stream, which waits for it. */
  onRemoved(listener: (stream: string) => Promise<void>): void {
    this.#removeListeners.push(listener);
  }

  #expel(name: string, why: string): void {
    this.#options.expeller.expel(name, new Fault("KEY_REFUSED", why, { hint: "Publish with the stream's new key." }));
  }

  /** Makes the stored streams agree with those the configuration file declares. @throws Fault `CONFIG_INVALID` when two streams share a key; and as {@link add}. */
  async synchronise(
    declared: readonly Required<Pick<NewStream, "name" | "key" | "title" | "settings">>[],
  ): Promise<void> {
    const names = new Set(declared.map((stream) => stream.name));
    for (const stream of this.#streams.values()) {
      if (stream.managedBy === "file" && !names.has(stream.name)) await this.#remove(stream);
    }
    // All declared streams let go of their old keys first, so that two may swap theirs.
    for (const name of names) for (const key of this.#streams.get(name)?.keys ?? []) this.#index.remove(name, key);
    for (const { name, key, title, settings } of declared) {
      const stored = this.#streams.get(name);
      if (stored === undefined) {
        await this.add({ name, key, title, settings, managedBy: "file" });
        continue;
      }
      const record = this.#newKey(key, name);
      const same = stored.keys.find((old) => old.sha256 === record.sha256);
      const next: StreamRecord = {
        ...stored,
        title: cleanTitle(title),
        settings,
        managedBy: "file",
        keys: [same === undefined ? record : { id: same.id, sha256: same.sha256, createdAtMs: same.createdAtMs }],
      };
      const isChanged = JSON.stringify(streamToJson(next)) !== JSON.stringify(streamToJson(stored));
      if (isChanged) await this.#write(next);
      else this.#hold(stored);
      await this.#options.secrets.remove(displayName(name));
    }
  }

  /** Adds a stream whose key stays readable for the start banner, in a file only this user can read. @throws as {@link add}. */
  async addReadable(name: string): Promise<void> {
    const { key } = await this.add({ name });
    await this.#options.secrets.write(displayName(name), key);
  }

  /** The key that the platform made for the start banner, while it is valid; undefined for every other stream. */
  async readableKey(name: string): Promise<string | undefined> {
    const key = await this.#options.secrets.read(displayName(name));
    if (key === undefined) return undefined;
    return this.#index.find(key, this.#options.clock.wallMs())?.stream === name ? key : undefined;
  }

  /**
   * Who may publish: `rtmp://host/live/KEY` and `rtmp://host/live/NAME?key=KEY`. Takes the same time whatever is wrong and whichever stream is meant.
   * @throws Fault `KEY_REFUSED`, which does not tell an unknown stream from a wrong key.
   */
  authenticate(request: PublishCredentials): Admission {
    const { path, key = path, address } = request;
    const found = this.#index.find(key, this.#options.clock.wallMs());
    const stream = found === undefined ? undefined : this.#streams.get(found.stream);
    const isNamed = request.key === undefined || path === stream?.name;
    if (found === undefined || stream === undefined || !isNamed) {
      throw new Fault("KEY_REFUSED", `an encoder at ${address} was refused: its stream key is not valid`, {
        peer: address,
        hint: "Copy the key again from the start banner or the admin page; it may have been rotated.",
      });
    }
    const settings = effectiveSettings(this.#options.defaults, stream.settings);
    return { stream: stream.name, title: stream.title, keyId: found.key.id, settings };
  }

  /** Notes that the encoder of this admission is on air, so that the end of its key ends its session. */
  published({ stream, keyId }: Admission): void {
    this.#keyInUse.set(stream, keyId);
  }
}
