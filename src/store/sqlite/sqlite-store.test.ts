import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "#faults/fault.ts";
import { storeContract } from "#store/contract.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import { lockDataFolder } from "./data-lock.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function faultOf(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

storeContract("SQLite", {
  open: async () => openSqliteStore(join(folder, "contract.db")),
  reset: async () => {
    for (const ending of ["", "-wal", "-shm"]) rmSync(join(folder, `contract.db${ending}`), { force: true });
  },
});

describe("the SQLite store", () => {
  test("keeps the database to its own user and makes missing folders", () => {
    const path = join(folder, "a", "b", "grandstand.db");
    openSqliteStore(path).close();
    expect(statSync(join(folder, "a", "b")).mode & 0o077).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("says that a file which is no database is damaged, and what to do", () => {
    const path = join(folder, "garbage.db");
    writeFileSync(path, "this is not a database, it is a shopping list: ".repeat(30));
    const fault = faultOf(() => openSqliteStore(path));
    expect(fault.code).toBe("STORE_FAILED");
    expect(fault.message).toBe(`the database ${path} is damaged`);
    expect(fault.hint).toContain("Restore the file from a backup");
  });

  test("refuses a database of a newer version instead of guessing", () => {
    const path = join(folder, "newer.db");
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    const fault = faultOf(() => openSqliteStore(path));
    expect(fault.message).toBe(`the database ${path} was written by a newer version of Grandstand`);
  });

  test("brings a database of the first version up to date and keeps what is in it", async () => {
    const path = join(folder, "older.db");
    const database = new DatabaseSync(path);
    database.exec(`
      CREATE TABLE records (
        kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE checkpoints (stream TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO records VALUES ('streams', 'main', 3, '{"title":"Finale"}');
      INSERT INTO checkpoints VALUES ('main', 'checkpoint');
      PRAGMA user_version = 1;`);
    database.close();
    for (let time = 0; time < 2; time++) {
      const store = openSqliteStore(path);
      expect(await store.streams.get("main")).toEqual({ name: "main", version: 3, value: { title: "Finale" } });
      expect(store.checkpoints.load("main")).toBe("checkpoint");
      expect(store.airtimes.list()).toEqual(time === 0 ? [] : [{ stream: "main", body: "line" }]);
      store.airtimes.save("main", "line");
      store.close();
    }
  });

  test("gives up on a lock that another program keeps", () => {
    const path = join(folder, "locked.db");
    const store = openSqliteStore(path);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const fault = faultOf(() => store.checkpoints.save("main", "x"));
    expect(fault.code).toBe("STORE_FAILED");
    expect(fault.message).toBe(`the database ${path} is locked by another program`);
    other.exec("ROLLBACK");
    store.checkpoints.save("main", "y");
    expect(store.checkpoints.load("main")).toBe("y");
    other.close();
    store.close();
  });

  test("says so when the data folder's parent is a file", () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    const fault = faultOf(() => openSqliteStore(join(path, "data", "grandstand.db")));
    expect(fault.code).toBe("DATA_DIR_UNUSABLE");
    expect(fault.message).toContain("cannot be used");
  });

  /** Runs a script whose files may grow to `blocks` of 1024 bytes and no further (RLIMIT_FSIZE): a full disk that needs no mount. */
  function withFullDisk(blocks: number, script: string): unknown {
    const path = join(folder, "full.ts");
    writeFileSync(
      path,
      `import { openSqliteStore } from ${JSON.stringify(join(import.meta.dir, "sqlite-store.ts"))};\n${script}`,
    );
    const { stdout, stderr } = spawnSync(
      "bash",
      ["-c", `trap '' XFSZ; ulimit -f ${blocks}; exec "$0" "$1"`, process.execPath, path],
      { encoding: "utf8", cwd: join(import.meta.dir, "..", "..", "..") },
    );
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  }

  test("tells a full disk, keeps what it had, and goes on when there is room again", () => {
    const path = join(folder, "full.db");
    const seen = withFullDisk(
      1300,
      `const store = openSqliteStore(${JSON.stringify(path)});
       let saved = -1;
       try { for (let i = 0; i < 10_000; i++) { store.checkpoints.save("s" + i, String(i).padEnd(2000, ".")); saved = i; } }
       catch (error) { console.log(JSON.stringify({ code: error.code, saved })); }`,
    ) as { code: string; saved: number };
    expect(seen.code).toBe("DISK_FULL");
    expect(seen.saved).toBeGreaterThan(100);
    const store = openSqliteStore(path);
    for (const i of [0, 50, seen.saved]) expect(Number.parseInt(store.checkpoints.load(`s${i}`) ?? "", 10)).toBe(i);
    store.checkpoints.save("s20000", "after");
    expect(store.checkpoints.load("s20000")).toBe("after");
    store.close();
  });

  test("writes small records in the room it has reserved when the disk is full", () => {
    const path = join(folder, "reserved.db");
    const first = openSqliteStore(path);
    const blocks = Math.ceil(Math.max(statSync(path).size, statSync(`${path}-wal`).size) / 1024);
    const saved = withFullDisk(
      blocks,
      `const store = openSqliteStore(${JSON.stringify(path)});
       for (let i = 0; i < 3000; i++) store.checkpoints.save("s" + (i % 20), String(i).padEnd(2000, "."));
       console.log(Number.parseInt(store.checkpoints.load("s19")));`,
    );
    expect(saved).toBe(2999);
    first.close();
  });
});

describe("the lock of a data folder", () => {
  test("lets one holder in at a time and is free again after a kill -9", () => {
    const lock = lockDataFolder(folder, 0);
    const fault = faultOf(() => lockDataFolder(folder, 0));
    expect(fault.code).toBe("DATA_DIR_BUSY");
    expect(fault.message).toBe(`the data folder ${folder} is in use by another Grandstand`);
    lock.release();
    const script = join(folder, "hold.ts");
    writeFileSync(
      script,
      `import { lockDataFolder } from ${JSON.stringify(join(import.meta.dir, "data-lock.ts"))};
       lockDataFolder(${JSON.stringify(folder)}, 0);
       process.kill(process.pid, "SIGKILL");`,
    );
    const { signal } = spawnSync(process.execPath, [script], { cwd: join(import.meta.dir, "..", "..", "..") });
    expect(signal).toBe("SIGKILL");
    lockDataFolder(folder, 0).release();
  });
});

describe("secret files", () => {
  test("can be read by their owner only, and are replaced as a whole", async () => {
    const secrets = openSecretFiles(join(folder, "secrets"));
    expect(await secrets.read("admin-token")).toBeUndefined();
    await secrets.write("admin-token", "one");
    await secrets.write("admin-token", "two");
    expect(await secrets.read("admin-token")).toBe("two");
    expect(statSync(join(folder, "secrets", "admin-token")).mode & 0o777).toBe(0o600);
    chmodSync(join(folder, "secrets"), 0o700);
    await secrets.remove("admin-token");
    await secrets.remove("admin-token");
    expect(await secrets.read("admin-token")).toBeUndefined();
  });
});
