import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { HookMessageTable, Store } from "#store/ports.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";

/** A data folder whose process may be stopped, or killed at any moment. */
export class DiskUnderTest implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "grandstand-hooks-"));
  readonly #stores: Store[] = [];
  #path = join(this.#folder, "0.db");

  constructor() {
    this.open();
  }

  /** Opens the store as the next process does. */
  open(): HookMessageTable {
    const store = openSqliteStore(this.#path);
    this.#stores.push(store);
    return store.hookMessages;
  }

  /** What is stored. */
  get messages(): HookMessageTable {
    return (this.#stores.at(-1) as Store).hookMessages;
  }

  /** Bodies of what is stored, in their order. */
  get bodies(): string[] {
    return this.messages.page(0, 100_000).map(({ body }) => body);
  }

  /** What a process that is killed now leaves, opened by the next one; the killed one goes on with files that nobody sees. */
  killed(): HookMessageTable {
    const path = join(this.#folder, `${this.#stores.length}.db`);
    for (const ending of ["", "-wal"]) {
      if (existsSync(this.#path + ending)) copyFileSync(this.#path + ending, path + ending);
    }
    this.#path = path;
    return this.open();
  }

  /** Takes a table away, so that reading and writing fail, until the answer is called. */
  breakTable(name: "hook_messages" | "hooks" = "hook_messages"): () => void {
    const database = new DatabaseSync(this.#path);
    database.exec(`ALTER TABLE ${name} RENAME TO away`);
    return () => {
      database.exec(`ALTER TABLE away RENAME TO ${name}`);
      database.close();
    };
  }

  [Symbol.dispose](): void {
    for (const store of this.#stores) store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
