import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Fault } from "#faults/fault.ts";
import type { HookMessage, HookMessageRow, HookMessageTable } from "#store/ports.ts";
import { hasRoom } from "./reserve.ts";
import { translating } from "./sqlite-fault.ts";

/** Messages to hooks in SQLite. */
export class SqliteHookMessages implements HookMessageTable {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #page: StatementSync;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #shift: StatementSync;
  readonly #hooks: StatementSync;
  readonly #enrol: StatementSync;
  readonly #rename: StatementSync;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#page = database.prepare(
      "SELECT row, hook, happened_ms, body FROM hook_messages WHERE row > ? ORDER BY row LIMIT ?",
    );
    this.#add = database.prepare("INSERT INTO hook_messages (hook, happened_ms, body) VALUES (?, ?, ?)");
    this.#remove = database.prepare("DELETE FROM hook_messages WHERE row = ?");
    this.#shift = database.prepare("UPDATE hook_messages SET happened_ms = happened_ms + ?");
    this.#hooks = database.prepare("SELECT hook FROM hooks ORDER BY position");
    this.#enrol = database.prepare("INSERT INTO hooks (position, hook) VALUES (?, ?)");
    this.#rename = database.prepare("UPDATE hook_messages SET hook = ? WHERE hook = ?");
  }

  page(after: number, max: number): HookMessageRow[] {
    return translating(this.#path, () => this.#page.all(after, max)).map(({ row, hook, happened_ms, body }) => ({
      row: Number(row),
      hook: String(hook),
      happenedMs: Number(happened_ms),
      body: String(body),
    }));
  }

  change({
    removed,
    added,
  }: {
    readonly removed: readonly number[];
    readonly added: readonly HookMessage[];
  }): number[] {
    return this.#whole(() => {
      for (const row of removed) this.#remove.run(row);
      return added.map(({ hook, happenedMs, body }) => Number(this.#add.run(hook, happenedMs, body).lastInsertRowid));
    }, added.length > 0);
  }

  shift(ms: number): void {
    this.#whole(() => this.#shift.run(ms));
  }

  hooks(): string[] {
    return translating(this.#path, () => this.#hooks.all()).map(({ hook }) => String(hook));
  }

  enrol(hooks: readonly string[], renamed: ReadonlyMap<string, string>): void {
    this.#whole(() => {
      for (const [before, now] of renamed) this.#rename.run(now, before);
      this.#database.exec("DELETE FROM hooks");
      for (const [position, hook] of hooks.entries()) this.#enrol.run(position, hook);
    });
  }

  /** Runs `work` in one transaction. */
  #whole<T>(work: () => T, grows = false): T {
    const database = this.#database;
    return translating(this.#path, () => {
      if (grows && !hasRoom(database, this.#path)) {
        throw new Fault("DISK_FULL", `the disk is full: what is left in ${this.#path} is kept for broadcasts`, {
          hint: "Free some space; the platform goes on by itself.",
        });
      }
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        this.#undo();
        throw error;
      }
    });
  }

  #undo(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite has done so itself.
    }
  }
}
