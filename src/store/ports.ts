/**
 * What a store of the platform can do. Records are JSON values with a version that grows by one with each change; every change names the version
 * it was made from, so that two writers never overwrite each other unseen.
 */

/** What a record may hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A record as it is stored. */
export interface StoredRecord {
  readonly name: string;
  /** From 1; grows by one with each change. */
  readonly version: number;
  readonly value: Json;
}

/** Expected version of a record that must not exist yet. */
export const VERSION_ABSENT = 0;

/** Records of one kind, by name. Methods reject with Fault `STORE_FAILED` or `DISK_FULL` when the store cannot read or write. */
export interface RecordTable {
  get(name: string): Promise<StoredRecord | undefined>;
  /** All records in the order of their names (by code unit). */
  list(): Promise<StoredRecord[]>;
  /**
   * Writes `value` if the record still has `expectedVersion` ({@link VERSION_ABSENT}: if there is none) and gives the new version.
   * @throws Fault `STORE_CONFLICT` otherwise.
   */
  put(name: string, value: Json, expectedVersion: number): Promise<number>;
  /** Removes the record if it still has `expectedVersion`. @throws Fault `STORE_CONFLICT` otherwise. */
  remove(name: string, expectedVersion: number): Promise<void>;
}

/**
 * The gate's last words per stream. Synchronous, because a cut is announced only after its checkpoint is written;
 * last writer wins, because a stream has one gate.
 */
export interface CheckpointTable {
  /** @throws Fault `STORE_FAILED`. */
  load(stream: string): string | undefined;
  /** @throws Fault `STORE_FAILED` or `DISK_FULL`. */
  save(stream: string, checkpoint: string): void;
  /** Does nothing when there is none. @throws Fault `STORE_FAILED` or `DISK_FULL`. */
  remove(stream: string): void;
}

/** A stream's time line as it is stored. */
export interface StoredAirtime {
  readonly stream: string;
  readonly body: string;
}

/** Who was on air when: the time line of each stream's last broadcast. Synchronous as checkpoints are; last writer wins. */
export interface AirtimeTable {
  /** All of them in the order of their streams (by code unit). @throws Fault `STORE_FAILED`. */
  list(): readonly StoredAirtime[];
  /** @throws Fault `STORE_FAILED` or `DISK_FULL`. */
  save(stream: string, body: string): void;
  /** Does nothing when there is none. @throws Fault `STORE_FAILED` or `DISK_FULL`. */
  remove(stream: string): void;
}

/** A message that a hook has not taken yet. */
export interface HookMessage {
  /** Whom it is for: one of {@link HookMessageTable.hooks}. */
  readonly hook: string;
  /** When it happened, milliseconds since the Unix epoch. */
  readonly happenedMs: number;
  /** As it is posted. */
  readonly body: string;
}

/** A {@link HookMessage} with its place in the table: later ones have greater numbers. */
export interface HookMessageRow extends HookMessage {
  readonly row: number;
}

/** Messages that wait for hooks. Methods throw Fault `STORE_FAILED` or `DISK_FULL` when the store cannot read or write, and have changed nothing then. */
export interface HookMessageTable {
  /** The first `max` messages behind row `after`, in their order. */
  page(after: number, max: number): HookMessageRow[];
  /** Removes rows, adds messages behind all others, and gives the rows of these. Messages leave the checkpoints the room that is reserved for them. */
  change(changes: { readonly removed: readonly number[]; readonly added: readonly HookMessage[] }): number[];
  /** Moves the time of every message by `ms`. */
  shift(ms: number): void;
  /** The hooks that {@link enrol} wrote last, in their order. */
  hooks(): string[];
  /** Remembers the hooks, and gives the messages of those that have another name now to that name. */
  enrol(hooks: readonly string[], renamed: ReadonlyMap<string, string>): void;
}

/** Everything that outlives a process. */
export interface Store {
  readonly streams: RecordTable;
  readonly settings: RecordTable;
  /** Restream targets by stream. */
  readonly targets: RecordTable;
  /** Where streams are fetched from, by stream. */
  readonly pulls: RecordTable;
  readonly checkpoints: CheckpointTable;
  readonly airtimes: AirtimeTable;
  readonly hookMessages: HookMessageTable;
  /** Idempotent; nothing may be called afterwards. */
  close(): void;
}

/** Small secrets that must be readable again, such as the admin token that the start banner shows. */
export interface SecretFiles {
  read(name: string): Promise<string | undefined>;
  /** Replaces the secret as a whole. @throws Fault `DATA_DIR_UNUSABLE` or `DISK_FULL`. */
  write(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
}
