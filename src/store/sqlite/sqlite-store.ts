import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Fault } from "#faults/fault.ts";
import {
  type AirtimeTable,
  type CheckpointTable,
  type Json,
  type RecordTable,
  type Store,
  type StoredAirtime,
  type StoredRecord,
  VERSION_ABSENT,
} from "#store/ports.ts";
import { SqliteHookMessages } from "./hook-messages.ts";
import { migrate } from "./migrations.ts";
import { reserveRoom } from "./reserve.ts";
import { sqliteFault, translating } from "./sqlite-fault.ts";

/** How long a statement waits for another process's lock, milliseconds. A live stream's cut may wait this long once, never longer. */
const BUSY_TIMEOUT_MS_MAX = 250;

function conflict(kind: string, name: string, expectedVersion: number): Fault {
  return expectedVersion === VERSION_ABSENT
    ? new Fault("STORE_CONFLICT", `there is already a record ${name} in ${kind}`)
    : new Fault("STORE_CONFLICT", `the record ${name} in ${kind} was changed by someone else meanwhile`, {
        hint: "Read it again and repeat the change.",
      });
}

class SqliteRecords implements RecordTable {
  readonly #kind: string;
  readonly #path: string;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync, path: string, kind: string) {
    this.#kind = kind;
    this.#path = path;
    this.#get = database.prepare("SELECT name, version, value FROM records WHERE kind = ? AND name = ?");
    this.#list = database.prepare("SELECT name, version, value FROM records WHERE kind = ? ORDER BY name");
    this.#insert = database.prepare(
      "INSERT INTO records (kind, name, version, value) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING",
    );
    this.#update = database.prepare(
      "UPDATE records SET version = version + 1, value = ? WHERE kind = ? AND name = ? AND version = ?",
    );
    this.#delete = database.prepare("DELETE FROM records WHERE kind = ? AND name = ? AND version = ?");
  }

  #record(row: Record<string, unknown>): StoredRecord {
    const { name, version, value } = row;
    try {
      return { name: String(name), version: Number(version), value: JSON.parse(String(value)) as Json };
    } catch (cause) {
      throw new Fault("STORE_FAILED", `the record ${String(name)} in ${this.#kind} of ${this.#path} is not JSON`, {
        cause,
      });
    }
  }

  async get(name: string): Promise<StoredRecord | undefined> {
    const row = translating(this.#path, () => this.#get.get(this.#kind, name));
    // Node gives undefined where there is no row, Bun null.
    return row === undefined || row === null ? undefined : this.#record(row);
  }

  async list(): Promise<StoredRecord[]> {
    return translating(this.#path, () => this.#list.all(this.#kind)).map((row) => this.#record(row));
  }

  async put(name: string, value: Json, expectedVersion: number): Promise<number> {
    const text = JSON.stringify(value);
    const { changes } = translating(this.#path, () =>
      expectedVersion === VERSION_ABSENT
        ? this.#insert.run(this.#kind, name, text)
        : this.#update.run(text, this.#kind, name, expectedVersion),
    );
    if (Number(changes) === 0) throw conflict(this.#kind, name, expectedVersion);
    return expectedVersion + 1;
  }

  async remove(name: string, expectedVersion: number): Promise<void> {
    const { changes } = translating(this.#path, () => this.#delete.run(this.#kind, name, expectedVersion));
    if (Number(changes) === 0) {
      throw new Fault("STORE_CONFLICT", `the record ${name} in ${this.#kind} was changed by someone else meanwhile`, {
        hint: "Read it again and repeat the change.",
      });
    }
  }
}

/** One text per stream, in a table of its own. */
class SqliteTexts implements CheckpointTable, AirtimeTable {
  readonly #path: string;
  readonly #load: StatementSync;
  readonly #list: StatementSync;
  readonly #save: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, path: string, table: "checkpoints" | "airtimes") {
    this.#path = path;
    this.#load = database.prepare(`SELECT body FROM ${table} WHERE stream = ?`);
    this.#list = database.prepare(`SELECT stream, body FROM ${table} ORDER BY stream`);
    this.#save = database.prepare(
      `INSERT INTO ${table} (stream, body) VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET body = excluded.body`,
    );
    this.#remove = database.prepare(`DELETE FROM ${table} WHERE stream = ?`);
  }

  load(stream: string): string | undefined {
    const body = translating(this.#path, () => this.#load.get(stream))?.["body"];
    return typeof body === "string" ? body : undefined;
  }

  list(): readonly StoredAirtime[] {
    const rows = translating(this.#path, () => this.#list.all());
    return rows.map(({ stream, body }) => ({ stream: String(stream), body: String(body) }));
  }

  save(stream: string, body: string): void {
    translating(this.#path, () => this.#save.run(stream, body));
  }

  remove(stream: string): void {
    translating(this.#path, () => this.#remove.run(stream));
  }
}

/**
 * Opens the embedded store, making the file and its folder where they are missing.
 * Writes go to the write-ahead log without waiting for the disk: a killed process loses nothing, a power cut at most the last moments, and the file stays whole.
 * @throws Fault `DATA_DIR_UNUSABLE`, `STORE_FAILED` or `DISK_FULL`.
 */
export function openSqliteStore(path: string): Store {
  let database: DatabaseSync;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
    database = new DatabaseSync(path);
  } catch (error) {
    throw openFault(error, path);
  }
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS_MAX}`);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = NORMAL");
    migrate(database, path);
    reserveRoom(database, path);
    let isOpen = true;
    return {
      streams: new SqliteRecords(database, path, "streams"),
      settings: new SqliteRecords(database, path, "settings"),
      targets: new SqliteRecords(database, path, "targets"),
      pulls: new SqliteRecords(database, path, "pulls"),
      checkpoints: new SqliteTexts(database, path, "checkpoints"),
      airtimes: new SqliteTexts(database, path, "airtimes"),
      hookMessages: new SqliteHookMessages(database, path),
      close: () => {
        if (isOpen) database.close();
        isOpen = false;
      },
    };
  } catch (error) {
    database.close();
    throw sqliteFault(error, path);
  }
}

function openFault(error: unknown, path: string): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && code.startsWith("E") && !code.startsWith("ERR_")) {
    return new Fault(
      "DATA_DIR_UNUSABLE",
      `the data folder ${dirname(path)} cannot be used: ${(error as Error).message}`,
      {
        cause: error,
        hint: "Make it writable for this user, or name another with --data-dir.",
      },
    );
  }
  return sqliteFault(error, path);
}
