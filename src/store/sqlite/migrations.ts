import type { DatabaseSync } from "node:sqlite";
import { Fault } from "#faults/fault.ts";

/**
 * The schema, one step per entry; `PRAGMA user_version` counts the steps taken. Steps are only ever added at the end.
 */
const STEPS: readonly string[] = [
  `CREATE TABLE records (
     kind TEXT NOT NULL,
     name TEXT NOT NULL,
     version INTEGER NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (kind, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE checkpoints (
     stream TEXT PRIMARY KEY,
     body TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE airtimes (
     stream TEXT PRIMARY KEY,
     body TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE hook_messages (
     row INTEGER PRIMARY KEY CHECK (row BETWEEN 1 AND 9007199254740991),
     hook TEXT NOT NULL,
     happened_ms REAL NOT NULL,
     body TEXT NOT NULL
   ) STRICT;
   CREATE TABLE hooks (
     position INTEGER PRIMARY KEY,
     hook TEXT NOT NULL
   ) STRICT;`,
];

/** Brings the schema up to date in one transaction. @throws Fault `STORE_FAILED` when a newer version of the program wrote it. */
export function migrate(database: DatabaseSync, path: string): void {
  const row = database.prepare("PRAGMA user_version").get();
  const taken = Number(row?.["user_version"] ?? 0);
  if (taken > STEPS.length) {
    throw new Fault("STORE_FAILED", `the database ${path} was written by a newer version of Grandstand`, {
      at: `schema ${taken}, known up to ${STEPS.length}`,
      hint: "Install that version again, or name another folder with --data-dir.",
    });
  }
  if (taken === STEPS.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of STEPS.slice(taken)) database.exec(step);
    database.exec(`PRAGMA user_version = ${STEPS.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
