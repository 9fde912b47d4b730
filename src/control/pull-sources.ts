import { Fault } from "#faults/fault.ts";
import { parsePullSource, PULL_CHARACTERS_MAX, pullPlace, type PullSource } from "#media/pull-source.ts";
import type { Observer } from "#observe/event.ts";
import { type RecordTable, type SecretFiles, type StoredRecord, VERSION_ABSENT } from "#store/ports.ts";
import { type KeySealer, makeKeySealer, readKeySealer } from "./sealed-key.ts";
import type { ManagedBy } from "./stream-record.ts";

/** Where a stream is fetched from, as the configuration file declares it. */
export interface DeclaredPull {
  readonly source: PullSource;
  /** It begins again at its end. */
  readonly loop: boolean;
}

/** Where a stream is fetched from, as operators write it. */
export interface PullDraft {
  /** {@link PULL_URL_ALLOWED}. */
  readonly url: string;
  /** Default false. */
  readonly loop?: boolean | undefined;
}

/** A stream that is fetched from elsewhere. */
export interface PulledStream {
  readonly stream: string;
  /** Absent where the stored one cannot be read. Its URL may hold secrets, and is never shown. */
  readonly source: PullSource | undefined;
  readonly loop: boolean;
  readonly managedBy: ManagedBy;
}

/** What {@link PullSources} needs. */
export interface PullSourcesOptions {
  /** One record per stream whose source was set by hand. */
  readonly table: RecordTable;
  readonly secrets: SecretFiles;
  readonly observer: Observer;
  /** Whether there is such a stream. */
  readonly hasStream: (stream: string) => boolean;
  /** Those of the configuration file, by stream. */
  readonly declared?: ReadonlyMap<string, DeclaredPull>;
}

/** What a source that is set by hand may be, for messages. */
export const PULL_URL_ALLOWED: string =
  "rtmp://…, rtmps://…, http://…, https://…, rtsp://…, rtsps://… or srt://host:port; a file is named in the configuration file only";

interface StoredPull {
  /** As {@link KeySealer.seal} makes it of the URL. */
  readonly sealedUrl: string;
  readonly loop: boolean;
}

/** Reads a URL that came from outside. @throws Fault `CONFIG_INVALID`; its message does not hold the URL, which may hold secrets. */
function checkUrl(text: string): string {
  const source = text.length <= PULL_CHARACTERS_MAX ? parsePullSource(text.trim()) : undefined;
  if (source?.kind === "url") return source.url;
  throw new Fault("CONFIG_INVALID", `url is not allowed: ${PULL_URL_ALLOWED}`, { at: "url" });
}

/** The secret belongs to one stream. */
function ownerOf(stream: string): string {
  return `${stream}/pull`;
}

/** Where streams are fetched from, held in memory and written through to the store, with URLs encrypted. A write that fails changes nothing. */
export class PullSources {
  readonly #options: PullSourcesOptions;
  readonly #streams = new Map<string, PulledStream & { readonly version: number }>();
  readonly #listeners = new Set<(stream: string) => void>();

  private constructor(options: PullSourcesOptions) {
    this.#options = options;
  }

  /** Reads every source. One of the file takes the place of one that was set by hand. @throws Fault `STORE_FAILED`, `DATA_DIR_UNUSABLE`, `DISK_FULL`. */
  static async open(options: PullSourcesOptions): Promise<PullSources> {
    const { table, secrets, hasStream, declared } = options;
    const pulls = new PullSources(options);
    const sealer = await readKeySealer(secrets);
    for (const record of await table.list()) {
      const { name, version } = record;
      if (hasStream(name) && declared?.has(name) !== true) pulls.#hold(name, storedPull(record), version, sealer);
      else await table.remove(name, version);
    }
    for (const [stream, { source, loop }] of declared ?? []) {
      pulls.#streams.set(stream, { stream, source, loop, managedBy: "file", version: VERSION_ABSENT });
    }
    return pulls;
  }

  #hold(stream: string, { sealedUrl, loop }: StoredPull, version: number, sealer: KeySealer | undefined): void {
    const source = parsePullSource(sealer?.open(sealedUrl, ownerOf(stream)) ?? "");
    this.#streams.set(stream, { stream, source, loop, managedBy: "platform", version });
  }

  /** Every stream that is fetched from elsewhere. */
  pulls(): Iterable<PulledStream> {
    return this.#streams.values();
  }

  /** `undefined` for a stream that is not. */
  pullOf(stream: string): PulledStream | undefined {
    return this.#streams.get(stream);
  }

  /** Calls `listener` after each change of a stream's source. The answer ends it. */
  onChange(listener: (stream: string) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Lets a stream be fetched from a URL, from now on. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `CONFIG_INVALID`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async set(stream: string, { url: text, loop = false }: PullDraft): Promise<void> {
    this.#requireChangeable(stream);
    const url = checkUrl(text);
    const sealer = await makeKeySealer(this.#options.secrets);
    const stored = { sealedUrl: sealer.seal(url, ownerOf(stream)), loop };
    this.#requireChangeable(stream);
    const { version = VERSION_ABSENT } = this.#streams.get(stream) ?? {};
    this.#hold(stream, stored, await this.#options.table.put(stream, stored, version), sealer);
    const { source } = this.#streams.get(stream) ?? {};
    const place = source === undefined ? undefined : pullPlace(source);
    this.#options.observer.event("info", "pull.source.set", { stream, place });
    this.#tell(stream);
  }

  /** Nothing happens when it is not fetched. @throws Fault `STREAM_UNKNOWN`, `KEY_MANAGED`, `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async remove(stream: string): Promise<void> {
    this.#requireChangeable(stream);
    await this.forget(stream);
  }

  /** Forgets a stream that was removed. @throws Fault `STORE_CONFLICT`, `STORE_FAILED`, `DISK_FULL`. */
  async forget(stream: string): Promise<void> {
    const pulled = this.#streams.get(stream);
    if (pulled === undefined) return;
    if (pulled.version !== VERSION_ABSENT) await this.#options.table.remove(stream, pulled.version);
    this.#streams.delete(stream);
    this.#options.observer.event("info", "pull.source.removed", { stream });
    this.#tell(stream);
  }

  #tell(stream: string): void {
    for (const listener of this.#listeners) listener(stream);
  }

  #requireChangeable(stream: string): void {
    if (!this.#options.hasStream(stream)) {
      throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(stream.slice(0, 80))}`, {
        hint: "List the streams with: grandstand streams list.",
      });
    }
    if (this.#streams.get(stream)?.managedBy !== "file") return;
    throw new Fault("KEY_MANAGED", `the source of ${stream} is declared in the configuration file`, {
      hint: "Change the stream's `pull:` in the file and start again.",
    });
  }
}

/** Reads a stored source. @throws Fault `STORE_FAILED` when it is none. */
function storedPull({ name, value }: StoredRecord): StoredPull {
  if (typeof value === "object" && value !== null && "sealedUrl" in value) {
    const { sealedUrl, loop } = value;
    if (typeof sealedUrl === "string" && typeof loop === "boolean") return { sealedUrl, loop };
  }
  throw new Fault("STORE_FAILED", `the stored source of ${name} cannot be read`, {
    hint: "Restore the database from a backup.",
  });
}
