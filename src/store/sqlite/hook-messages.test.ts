import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { array, assert, integer, nat, property, record } from "fast-check";
import { Fault } from "#faults/fault.ts";
import type { HookMessage } from "#store/ports.ts";
import { openSqliteStore } from "./sqlite-store.ts";

/** Only root may mount; in CI the test must run. */
const mayMount = process.getuid?.() === 0 || process.env["CI"] !== undefined;

const folder = mkdtempSync(join(tmpdir(), "grandstand-hook-messages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function message(body: string): HookMessage {
  return { hook: "a", happenedMs: 1000, body };
}

test("what a list of changes leaves is there, in the order in which it was added, also when the store is opened again", () => {
  const path = join(folder, "changes.db");
  let store = openSqliteStore(path);
  let count = 0;
  const change = record({
    adds: nat(4),
    drops: array(nat(), { maxLength: 4 }),
    reopens: integer({ min: 0, max: 9 }).map((n) => n === 0),
  });
  assert(
    property(array(change, { maxLength: 8 }), (changes) => {
      let held: { row: number; body: string }[] = [];
      store.hookMessages.change({ removed: store.hookMessages.page(0, 1000).map(({ row }) => row), added: [] });
      for (const { adds, drops, reopens } of changes) {
        const removed = held.length === 0 ? [] : drops.map((drop) => held[drop % held.length]?.row ?? 0);
        const added = Array.from({ length: adds }, () => message(String(count++)));
        const rows = store.hookMessages.change({ removed, added });
        held = held.filter(({ row }) => !removed.includes(row));
        held.push(...added.map(({ body }, i) => ({ row: rows[i] ?? 0, body })));
        if (reopens) {
          store.close();
          store = openSqliteStore(path);
        }
      }
      expect(store.hookMessages.page(0, 1000).map(({ row, body }) => ({ row, body }))).toEqual(held);
    }),
    { numRuns: 30 },
  );
  store.close();
});

test("a change that fails has changed nothing", () => {
  const path = join(folder, "locked.db");
  const store = openSqliteStore(path);
  const rows = store.hookMessages.change({ removed: [], added: [message("one")] });
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  expect(() => store.hookMessages.change({ removed: rows, added: [message("two")] })).toThrow(Fault);
  other.exec("ROLLBACK");
  // SQLite refuses the second; the first and the removal go back with it.
  expect(() =>
    store.hookMessages.change({ removed: rows, added: [message("two"), { ...message(""), happenedMs: Number.NaN }] }),
  ).toThrow(Fault);
  expect(store.hookMessages.page(0, 10).map(({ body }) => body)).toEqual(["one"]);
  store.hookMessages.change({ removed: rows, added: [message("two")] });
  expect(store.hookMessages.page(0, 10).map(({ body }) => body)).toEqual(["two"]);
  other.close();
  store.close();
});

test("a database from before there were messages to hooks is taken", () => {
  const path = join(folder, "older.db");
  const older = openSqliteStore(path);
  older.checkpoints.save("main", "kept");
  older.close();
  const database = new DatabaseSync(path);
  const firstTables = ["records", "checkpoints", "reserve"];
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  for (const { name } of tables) if (!firstTables.includes(String(name))) database.exec(`DROP TABLE ${String(name)}`);
  database.exec("PRAGMA user_version = 1");
  database.close();
  const store = openSqliteStore(path);
  expect(store.checkpoints.load("main")).toBe("kept");
  expect(store.hookMessages.page(0, 1)).toEqual([]);
  store.close();
});

test.skipIf(!mayMount)(
  "messages that fill the disk leave checkpoints their room, and are taken when some has gone",
  () => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8192k", "tmpfs", disk]);
    try {
      const store = openSqliteStore(join(disk, "grandstand.db"));
      const add = (): number[] =>
        store.hookMessages.change({ removed: [], added: Array.from({ length: 20 }, () => message("x".repeat(2000))) });
      const rows: number[] = [];
      let fault: unknown;
      try {
        while (rows.length < 10_000) rows.push(...add());
      } catch (error) {
        fault = error;
      }
      expect(fault).toMatchObject({ code: "DISK_FULL" });
      expect(rows.length).toBeGreaterThan(200);
      for (let i = 0; i < 1000; i++) store.checkpoints.save(`s${i % 20}`, String(i).padEnd(2000, "."));
      expect(Number.parseInt(store.checkpoints.load("s19") ?? "", 10)).toBe(999);
      store.hookMessages.change({ removed: rows.slice(0, 200), added: [] });
      add();
      expect(store.hookMessages.page(0, 10_000).length).toBe(rows.length - 200 + 20);
      store.close();
    } finally {
      execFileSync("umount", [disk]);
    }
  },
);
