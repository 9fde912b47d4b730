import { Fault } from "#faults/fault.ts";

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html) that an operator can do something about. */
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
/** SQLITE_IOERR_WRITE: what a write beyond a file size limit gives, where no errno says that the disk is full. */
const SQLITE_IOERR_WRITE = 778;

/** Extended result code of an error of `node:sqlite`; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode } = error as Error & { errcode?: unknown };
  return typeof errcode === "number" ? errcode : undefined;
}

/** Translates an error of `node:sqlite` on the database file `path`; other errors are bugs and come back as they are. */
export function sqliteFault(error: unknown, path: string): unknown {
  const extended = sqliteCode(error);
  if (extended === undefined) return error;
  const cause = error;
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return new Fault("DISK_FULL", `the disk is full: ${path} cannot grow`, {
        cause,
        hint: "Free some space; the platform goes on by itself.",
      });
    case SQLITE_BUSY:
      return new Fault("STORE_FAILED", `the database ${path} is locked by another program`, {
        cause,
        hint: "Close the program that has the database open.",
      });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new Fault("STORE_FAILED", `the database ${path} is damaged`, {
        cause,
        hint: "Restore the file from a backup, or move it away to start with an empty one (stream keys are lost).",
      });
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return new Fault("DATA_DIR_UNUSABLE", `the database ${path} cannot be opened for writing`, {
        cause,
        hint: "Make the data folder writable for this user, or name another with --data-dir.",
      });
    case SQLITE_IOERR:
      if (extended === SQLITE_IOERR_WRITE) {
        return new Fault("DISK_FULL", `the disk does not take any more bytes of ${path}`, {
          cause,
          hint: "Free some space or raise the quota; the platform goes on by itself.",
        });
      }
      break;
    default:
      break;
  }
  const text = error instanceof Error ? error.message : String(error);
  return new Fault("STORE_FAILED", `the database ${path} failed: ${text}`, {
    cause,
    hint: "See whether the disk is healthy.",
  });
}

/** Runs `work` and translates what it throws. @throws Fault `STORE_FAILED`, `DISK_FULL` or `DATA_DIR_UNUSABLE`. */
export function translating<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFault(error, path);
  }
}
