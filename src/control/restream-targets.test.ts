import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordingObserver } from "#observe/event.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import type { SecretFiles, Store } from "#store/ports.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { TARGETS_PER_STREAM_MAX } from "./restream-target.ts";
import { RestreamTargets } from "./restream-targets.ts";
import { KeySealer } from "./sealed-key.ts";

const KEY = "abcd-efgh-ijkl-mnop";
const DRAFT = { name: "YouTube", url: "rtmps://a.rtmps.youtube.com/live2/", key: KEY } as const;

interface Place {
  readonly folder: string;
  readonly store: Store;
  readonly secrets: SecretFiles;
  readonly observer: RecordingObserver;
  readonly streams: Set<string>;
  open(): Promise<RestreamTargets>;
}

const places: Place[] = [];

afterEach(() => {
  for (const { folder, store } of places.splice(0)) {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

function makePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-targets-"));
  const store = openSqliteStore(join(folder, "grandstand.db"));
  const secrets = openSecretFiles(folder);
  const observer = new RecordingObserver();
  const streams = new Set(["main", "second"]);
  const hasStream = (stream: string): boolean => streams.has(stream);
  const open = () => RestreamTargets.open({ table: store.targets, secrets, observer, hasStream });
  const place = { folder, store, secrets, observer, streams, open };
  places.push(place);
  return place;
}

/** Everything that lies in the folder, as text. */
function filesOf({ folder }: Place): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "latin1"))
    .join("\n");
}

describe("restream targets", () => {
  test("are added, changed and removed, and outlive the process with their keys", async () => {
    const place = makePlace();
    const targets = await place.open();
    const changes: string[] = [];
    targets.onChange((stream) => changes.push(stream));
    const added = await targets.add("main", DRAFT);
    expect(added).toEqual({
      id: added.id,
      name: "YouTube",
      url: "rtmps://a.rtmps.youtube.com/live2",
      keyEnd: "mnop",
      rendition: "source",
      enabled: true,
      managedBy: "platform",
    });
    await targets.change("main", added.id, { rendition: "720p", enabled: false });
    await targets.add("main", { ...DRAFT, name: "Second", enabled: false });
    const again = await place.open();
    expect(again.list("main").map(({ name, rendition, enabled }) => [name, rendition, enabled])).toEqual([
      ["YouTube", "720p", false],
      ["Second", "source", false],
    ]);
    expect(again.targetsOf("main").map(({ key }) => key)).toEqual([KEY, KEY]);
    await again.remove("main", added.id);
    expect((await place.open()).list("main").map(({ name }) => name)).toEqual(["Second"]);
    expect(changes).toEqual(["main", "main", "main"]);
  });

  test("lie on the disk encrypted, and stand in no event", async () => {
    const place = makePlace();
    const targets = await place.open();
    const { id } = await targets.add("main", DRAFT);
    await targets.change("main", id, { key: "another-key-0123456789" });
    const files = filesOf(place) + JSON.stringify(place.observer.events) + JSON.stringify(targets.list("main"));
    for (const key of [KEY, "another-key-0123456789"]) {
      expect(files).not.toContain(key);
      expect(files).not.toContain(Buffer.from(key).toString("base64").replace(/=+$/, ""));
    }
    expect(files).toContain("a.rtmps.youtube.com");
  });

  test("whose secret is lost keep everything but their keys, which can be given again", async () => {
    const place = makePlace();
    const { id } = await (await place.open()).add("main", DRAFT);
    await place.secrets.remove("target-keys-secret");
    const targets = await place.open();
    expect(targets.targetsOf("main")[0]).toMatchObject({ name: "YouTube", key: undefined });
    expect(targets.list("main")[0]?.keyEnd).toBe("");
    await targets.change("main", id, { key: KEY });
    expect((await place.open()).targetsOf("main")[0]?.key).toBe(KEY);
  });

  test("of a stream that is gone do not come back with its name", async () => {
    const place = makePlace();
    const targets = await place.open();
    await targets.add("main", DRAFT);
    await targets.add("second", DRAFT);
    await targets.forget("main");
    expect(targets.targetsOf("main")).toEqual([]);
    place.streams.delete("second");
    await place.open();
    place.streams.add("second");
    expect((await place.open()).list("second")).toEqual([]);
  });

  test.each([
    [{ ...DRAFT, name: " " }, "name"],
    [{ ...DRAFT, name: "x".repeat(61) }, "name"],
    [{ ...DRAFT, url: "https://example.org/live" }, "url"],
    [{ ...DRAFT, url: "rtmp://user:secret@example.org/live" }, "url"],
    [{ ...DRAFT, url: "rtmp://example.org" }, "url"],
    [{ ...DRAFT, url: "rtmp://example.org:0/live" }, "url"],
    [{ ...DRAFT, url: "rtmp://example.org/live?secret=1" }, "url"],
    [{ ...DRAFT, key: "" }, "key"],
    [{ ...DRAFT, key: "two words" }, "key"],
    [{ ...DRAFT, key: "app/" }, "key"],
    [{ ...DRAFT, rendition: "720 lines" }, "rendition"],
  ])("are refused when they make no sense: %j", async (draft, at) => {
    const place = makePlace();
    const targets = await place.open();
    const error: unknown = await targets.add("main", draft).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", at });
    expect((error as Error).message).not.toContain("secret");
    expect(targets.list("main")).toEqual([]);
  });

  test("are refused beyond their number, under a name that is taken, and for streams that are not there", async () => {
    const targets = await makePlace().open();
    const first = await targets.add("main", DRAFT);
    const code = (work: Promise<unknown>): Promise<unknown> => work.catch((error: { code: string }) => error.code);
    expect(await code(targets.add("main", DRAFT))).toBe("STORE_CONFLICT");
    for (let i = 1; i < TARGETS_PER_STREAM_MAX; i++) await targets.add("main", { ...DRAFT, name: `Target ${i}` });
    expect(await code(targets.add("main", { ...DRAFT, name: "One more" }))).toBe("LIMIT_REACHED");
    expect(await code(targets.change("main", first.id, { name: "Target 1" }))).toBe("STORE_CONFLICT");
    expect(await code(targets.change("main", "0000000000", { enabled: false }))).toBe("TARGET_UNKNOWN");
    expect(await code(targets.remove("main", "0000000000"))).toBe("TARGET_UNKNOWN");
    expect(await code(targets.add("third", DRAFT))).toBe("STREAM_UNKNOWN");
  });
});

describe("a sealed key", () => {
  test("opens with its secret, for its owner and as it was only", () => {
    const sealer = new KeySealer(new Uint8Array(32).fill(7));
    const sealed = sealer.seal("schlüssel-0123", "main/1");
    expect(sealer.open(sealed, "main/1")).toBe("schlüssel-0123");
    expect(sealer.seal("schlüssel-0123", "main/1")).not.toBe(sealed);
    expect(sealer.open(sealed, "main/2")).toBeUndefined();
    expect(new KeySealer(new Uint8Array(32).fill(8)).open(sealed, "main/1")).toBeUndefined();
    const bytes = Buffer.from(sealed, "base64");
    for (let i = 0; i < bytes.byteLength; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(sealer.open(changed.toString("base64"), "main/1")).toBeUndefined();
    }
    expect(sealer.open("", "main/1")).toBeUndefined();
  });
});
