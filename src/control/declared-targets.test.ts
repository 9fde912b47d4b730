import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentObserver } from "#observe/event.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import type { Store } from "#store/ports.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import type { DeclaredTarget } from "./declared-targets.ts";
import { TARGETS_PER_STREAM_MAX } from "./restream-target.ts";
import { RestreamTargets } from "./restream-targets.ts";

const KEY = "key-of-the-file-0123";
const CLUB: DeclaredTarget = {
  name: "Club",
  url: "rtmps://live.example.org/app/",
  key: KEY,
  rendition: "720p",
  enabled: true,
};
const OWN = { name: "Own", url: "rtmp://192.0.2.7/live", key: "key-of-the-store-9876" } as const;

const folders: { readonly folder: string; readonly store: Store }[] = [];

afterEach(() => {
  for (const { folder, store } of folders.splice(0)) {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A data folder; the answer opens its targets with what the file declares of stream `main`. */
function makeFolder(): { folder: string; open: (...declared: DeclaredTarget[]) => Promise<RestreamTargets> } {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-declared-"));
  const store = openSqliteStore(join(folder, "grandstand.db"));
  folders.push({ folder, store });
  const around = { table: store.targets, secrets: openSecretFiles(folder), observer: silentObserver };
  const hasStream = (stream: string): boolean => stream === "main";
  return {
    folder,
    open: (...declared) => RestreamTargets.open({ ...around, hasStream, declared: new Map([["main", declared]]) }),
  };
}

function enabledOf(targets: RestreamTargets): readonly (readonly [string, boolean])[] {
  return targets.list("main").map(({ name, enabled }) => [name, enabled]);
}

const codeOf = (work: Promise<unknown>): Promise<unknown> => work.catch((error: { code: string }) => error.code);

describe("targets of the configuration file", () => {
  test("stand before the others, with the key of the file, which is not written to the data folder", async () => {
    const { folder, open } = makeFolder();
    const targets = await open(CLUB);
    await targets.add("main", OWN);
    const [club, own] = targets.list("main");
    expect(club).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{10}$/),
      name: "Club",
      url: "rtmps://live.example.org/app",
      keyEnd: "0123",
      rendition: "720p",
      enabled: true,
      managedBy: "file",
    });
    expect(own).toMatchObject({ name: "Own", managedBy: "platform" });
    expect(targets.targetsOf("main").map(({ key }) => key)).toEqual([KEY, OWN.key]);
    await targets.change("main", club?.id ?? "", { enabled: false });
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"));
    expect(files.join()).not.toContain(KEY);
    expect((await open(CLUB)).list("main")[0]?.id).toBe(club?.id ?? "");
  });

  test("are started and stopped by hand, which outlives a restart until the file says something else", async () => {
    const { open } = makeFolder();
    const targets = await open(CLUB);
    const changes: string[] = [];
    targets.onChange((stream) => changes.push(stream));
    const id = targets.list("main")[0]?.id ?? "";
    expect((await targets.change("main", id, { enabled: false })).enabled).toBe(false);
    expect(changes).toEqual(["main"]);
    await targets.add("main", OWN);
    expect(enabledOf(await open(CLUB))).toEqual([
      ["Club", false],
      ["Own", true],
    ]);
    expect(enabledOf(await open({ ...CLUB, enabled: false }))[0]).toEqual(["Club", false]);
    const restarted = await open({ ...CLUB, enabled: false });
    await restarted.change("main", id, { enabled: true });
    expect(enabledOf(await open({ ...CLUB, enabled: false }))[0]).toEqual(["Club", true]);
    expect(enabledOf(await open(CLUB))[0]).toEqual(["Club", true]);
    expect(enabledOf(await open())).toEqual([["Own", true]]);
  });

  test("are not changed and not removed otherwise, and say why", async () => {
    const targets = await makeFolder().open(CLUB);
    const id = targets.list("main")[0]?.id ?? "";
    const changes = [{ name: "x" }, { url: OWN.url }, { key: OWN.key }, { rendition: "source", enabled: false }];
    for (const change of changes) expect(await codeOf(targets.change("main", id, change))).toBe("TARGET_MANAGED");
    await expect(targets.remove("main", id)).rejects.toMatchObject({
      code: "TARGET_MANAGED",
      message: "the target Club is declared in the configuration file",
    });
    expect(enabledOf(targets)).toEqual([["Club", true]]);
    expect(targets.targetsOf("main")[0]?.key).toBe(KEY);
  });

  test("take the place of a stored one of their name, keep theirs, and count with the others", async () => {
    const { open } = makeFolder();
    const before = await open();
    await before.add("main", { ...OWN, name: "Club" });
    await before.add("main", OWN);
    const targets = await open(CLUB);
    expect(targets.targetsOf("main").map(({ name, key }) => [name, key])).toEqual([
      ["Club", KEY],
      ["Own", OWN.key],
    ]);
    const own = targets.list("main")[1]?.id ?? "";
    expect(await codeOf(targets.change("main", own, { name: "Club" }))).toBe("STORE_CONFLICT");
    expect(await codeOf(targets.add("main", { ...OWN, name: "Club" }))).toBe("STORE_CONFLICT");
    for (let i = 2; i < TARGETS_PER_STREAM_MAX; i++) await targets.add("main", { ...OWN, name: `Target ${i}` });
    expect(await codeOf(targets.add("main", { ...OWN, name: "One more" }))).toBe("LIMIT_REACHED");
    expect(enabledOf(await open())).toHaveLength(TARGETS_PER_STREAM_MAX - 1);
  });
});
