import { statfsSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { sqliteCode } from "./sqlite-fault.ts";

/** Bytes kept ready in the log and in the database file, so that a disk that fills up does not stop small records from being written. */
const RESERVE_BYTES = 1_048_576;
/** Pages in the log after which it is emptied into the database file and written from its start again: well inside the reserve. */
const LOG_PAGES = 128;
/** Free pages of the database file below which the reserve is made again. */
const FREE_PAGES_MIN = 64;
/** What the disk must have left before the reserve is made again. */
const PLENTY_BYTES = 4 * RESERVE_BYTES;

function logBytes(path: string): number {
  try {
    return statSync(`${path}-wal`).size;
  } catch {
    return 0;
  }
}

function freePages(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA freelist_count").get()?.["freelist_count"] ?? 0);
}

/**
 * Whether there is room beside the reserve, which is made again where it was used up and the disk has plenty left: what does not fit into the
 * database file any more would block the log. What can do without the disk asks before it writes.
 */
export function hasRoom(database: DatabaseSync, path: string): boolean {
  if (freePages(database) >= FREE_PAGES_MIN) return true;
  try {
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize < PLENTY_BYTES) return false;
  } catch {
    return false;
  }
  reserveRoom(database, path);
  return freePages(database) >= FREE_PAGES_MIN;
}

/**
 * Makes the write-ahead log and the database file larger than they need to be. SQLite writes both in place from then on, so that checkpoints
 * of broadcasts survive a full disk. On a disk that is full already there is nothing to reserve, and that is no error.
 */
export function reserveRoom(database: DatabaseSync, path: string): void {
  database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
  if (freePages(database) >= FREE_PAGES_MIN && logBytes(path) >= RESERVE_BYTES / 2) return;
  try {
    database.exec("CREATE TABLE IF NOT EXISTS reserve (filler BLOB) STRICT");
    database.exec(`INSERT INTO reserve VALUES (zeroblob(${RESERVE_BYTES}))`);
    database.exec("DELETE FROM reserve");
    database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
  }
}
