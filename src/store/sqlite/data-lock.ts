import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "#faults/fault.ts";
import { sqliteCode, sqliteFault } from "./sqlite-fault.ts";

const SQLITE_BUSY = 5;

/** Holds a data folder for one process. The system lets go of it when the process ends, however it ends. */
export interface DataLock {
  release(): void;
}

/**
 * Takes the data folder for this process: an exclusive transaction on a file of its own, so that neither a second node nor a command-line change
 * works on the same streams behind the node's back. Waits at most `waitMs`, because a killed predecessor may still be dying.
 * @throws Fault `DATA_DIR_BUSY` when another process holds it, `DATA_DIR_UNUSABLE` when the folder cannot be written.
 */
export function lockDataFolder(folder: string, waitMs: number): DataLock {
  const path = join(folder, "lock");
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${Math.round(waitMs)}`);
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (((sqliteCode(error) ?? 0) & 0xff) === SQLITE_BUSY) {
      throw new Fault("DATA_DIR_BUSY", `the data folder ${folder} is in use by another Grandstand`, {
        cause: error,
        hint: "Stop the other one, or name another folder with --data-dir.",
      });
    }
    throw sqliteFault(error, path);
  }
  const held = database;
  return { release: () => held.close() };
}
