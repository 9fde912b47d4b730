import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePullSource } from "#media/pull-source.ts";
import { silentObserver } from "#observe/event.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import type { SecretFiles, Store } from "#store/ports.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { type DeclaredPull, PullSources } from "./pull-sources.ts";
import { RestreamTargets } from "./restream-targets.ts";

const URL_WITH_KEY = "rtmps://live.example.org/app/its-stream-key";

interface Folder {
  readonly folder: string;
  readonly store: Store;
  readonly secrets: SecretFiles;
}

const folders: Folder[] = [];

afterEach(() => {
  for (const { folder, store } of folders.splice(0)) {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

const hasStream = (stream: string): boolean => stream === "main" || stream === "second";

function makeFolder(): Folder & { open: (declared?: DeclaredPull) => Promise<PullSources> } {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-pulls-"));
  const made = { folder, store: openSqliteStore(join(folder, "grandstand.db")), secrets: openSecretFiles(folder) };
  folders.push(made);
  const around = { table: made.store.pulls, secrets: made.secrets, observer: silentObserver, hasStream };
  return {
    ...made,
    open: (declared) => PullSources.open({ ...around, declared: new Map(declared ? [["main", declared]] : []) }),
  };
}

function fileSource(): DeclaredPull {
  const source = parsePullSource("/srv/film.mp4");
  if (source === undefined) throw new Error("no source");
  return { source, loop: true };
}

describe("where streams are fetched from", () => {
  test("outlives the process, with its secrets", async () => {
    const { open } = makeFolder();
    await (await open()).set("main", { url: URL_WITH_KEY, loop: true });
    const again = await open();
    expect([...again.pulls()]).toMatchObject([
      { stream: "main", loop: true, managedBy: "platform", source: { url: URL_WITH_KEY } },
    ]);
    await again.remove("main");
    expect([...(await open()).pulls()]).toEqual([]);
  });

  test("is the configuration file's to say where it says so, for good", async () => {
    const { open } = makeFolder();
    await (await open()).set("main", { url: URL_WITH_KEY });
    const pulls = await open(fileSource());
    expect(pulls.pullOf("main")).toMatchObject({ managedBy: "file", loop: true, source: { path: "/srv/film.mp4" } });
    for (const work of [pulls.set("main", { url: URL_WITH_KEY }), pulls.remove("main")]) {
      await expect(work).rejects.toMatchObject({
        code: "KEY_MANAGED",
        message: "the source of main is declared in the configuration file",
      });
    }
    await pulls.set("second", { url: URL_WITH_KEY });
    expect([...(await open()).pulls()].map(({ stream }) => stream)).toEqual(["second"]);
  });

  test("is still known to be set when its secret is lost, and can be set again", async () => {
    const { open, secrets } = makeFolder();
    await (await open()).set("main", { url: URL_WITH_KEY });
    await secrets.remove("target-keys-secret");
    const pulls = await open();
    expect(pulls.pullOf("main")).toMatchObject({ source: undefined, managedBy: "platform" });
    await pulls.set("main", { url: URL_WITH_KEY });
    expect((await open()).pullOf("main")?.source).toMatchObject({ url: URL_WITH_KEY });
  });

  test("shares its secret with restream targets, whichever comes first", async () => {
    const { open, store, secrets } = makeFolder();
    const openTargets = () =>
      RestreamTargets.open({ table: store.targets, secrets, observer: silentObserver, hasStream });
    const [pulls, targets] = [await open(), await openTargets()];
    const draft = { name: "Club", url: "rtmp://club.example/live", key: "club-key-0123456789" };
    await Promise.all([pulls.set("main", { url: URL_WITH_KEY }), targets.add("main", draft)]);
    await pulls.set("second", { url: URL_WITH_KEY });
    expect([...(await open()).pulls()].map(({ source }) => source?.kind)).toEqual(["url", "url"]);
    expect((await openTargets()).targetsOf("main")[0]?.key).toBe(draft.key);
  });
});
