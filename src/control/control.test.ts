import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "#faults/fault.ts";
import { RecordingObserver } from "#observe/event.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { type Control, type DeclaredStream, startControl } from "./index.ts";
import { KEYS_PER_STREAM_MAX } from "./stream-record.ts";
import { isDeclarableKey, makeKey } from "./stream-key.ts";
import { checkStreamName, isStreamName } from "./stream-name.ts";
import { type EffectiveSettings, effectiveSettings, parseStreamSettings } from "./stream-settings.ts";

const defaults: EffectiveSettings = {
  latency: "lowest",
  segmentSeconds: 2,
  partMs: 500,
  graceSeconds: 60,
  ladder: "off",
  whenBusy: "backup",
  switchBack: "sticky",
  continuity: "slate",
  slateAfterMs: 1000,
  slateWords: "We'll be right back",
  alwaysOn: false,
};
const root = mkdtempSync(join(tmpdir(), "grandstand-control-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder = root;
let clock = new SimulatedClock();
let observer = new RecordingObserver();
let expelled: { stream: string; message: string }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(root, "data-"));
  clock = new SimulatedClock();
  observer = new RecordingObserver();
  expelled = [];
});

interface Running extends Control, Disposable {}

async function start(declared: readonly DeclaredStream[] = [], adminToken?: string): Promise<Running> {
  const store = openSqliteStore(join(folder, "grandstand.db"));
  const secrets = openSecretFiles(folder);
  const note = (stream: string, why: Fault): void => void expelled.push({ stream, message: why.message });
  const expeller = { expel: note, stop: note };
  const control = await startControl({
    store,
    secrets,
    clock,
    observer,
    defaults,
    expeller,
    checkpoints: store.checkpoints,
    declared,
    ...(adminToken === undefined ? {} : { adminToken }),
  });
  return { ...control, [Symbol.dispose]: () => store.close() };
}

async function faultOf(work: () => unknown): Promise<Fault> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

function declare(name: string, key: string, title = ""): DeclaredStream {
  return { name, key, title, settings: {} };
}

const address = "192.0.2.7";

describe("the first start", () => {
  test("makes stream main with a random key that every later start can show", async () => {
    let key: string | undefined;
    {
      using first = await start();
      expect(first.catalogue.list().map((stream) => stream.name)).toEqual(["main"]);
      key = await first.catalogue.readableKey("main");
      expect(key).toMatch(/^[0-9a-hjkmnp-tv-z]{32}$/);
      expect(first.catalogue.authenticate({ path: key ?? "", address }).stream).toBe("main");
    }
    using second = await start();
    expect(await second.catalogue.readableKey("main")).toBe(key ?? "");
    expect(second.catalogue.list()).toHaveLength(1);
    expect(statSync(join(folder, "key-main")).mode & 0o777).toBe(0o600);
    const database = readFileSync(join(folder, "grandstand.db"), "latin1");
    const log = readFileSync(join(folder, "grandstand.db-wal"), "latin1");
    expect((database + log).includes(key ?? "")).toBe(false);
  });

  test("makes nothing when streams are declared", async () => {
    using control = await start([declare("studio", "studio-key-1")]);
    expect(control.catalogue.list().map((stream) => stream.name)).toEqual(["studio"]);
  });

  test("makes an admin token and keeps it", async () => {
    using first = await start();
    using second = await start();
    expect(second.adminToken.text).toBe(first.adminToken.text);
    expect(first.adminToken.verify(first.adminToken.text)).toBe(true);
    for (const wrong of [
      "",
      "x",
      `${first.adminToken.text} `,
      first.adminToken.text.toUpperCase(),
      "x".repeat(100_000),
    ])
      expect(first.adminToken.verify(wrong)).toBe(false);
    using configured = await start([], "configured-token-0123456789");
    expect(configured.adminToken.verify("configured-token-0123456789")).toBe(true);
    expect(configured.adminToken.verify(first.adminToken.text)).toBe(false);
  });
});

describe("admitting an encoder", () => {
  test("takes the key alone, or the name with the key", async () => {
    using control = await start();
    const { key } = await control.catalogue.add({ name: "final", settings: { latency: "low" } });
    const alone = control.catalogue.authenticate({ path: key, address });
    const named = control.catalogue.authenticate({ path: "final", key, address });
    expect(alone).toEqual(named);
    expect(alone.settings).toEqual({ ...defaults, latency: "low", partMs: 1000 });
  });

  test("says the same whatever is wrong", async () => {
    using control = await start();
    const { key } = await control.catalogue.add({ name: "final" });
    await control.catalogue.add({ name: "other" });
    const attempts = [
      { path: "", address },
      { path: "final", address },
      { path: "final", key: "", address },
      { path: "final", key: "wrong", address },
      { path: "other", key, address },
      { path: "unknown", key, address },
      { path: "final", key: `${key}x`, address },
      { path: key, key: "wrong", address },
      { path: "x".repeat(1_000_000), address },
    ];
    for (const attempt of attempts) {
      const fault = await faultOf(() => control.catalogue.authenticate(attempt));
      expect(fault.code).toBe("KEY_REFUSED");
      expect(fault.message).toBe("an encoder at 192.0.2.7 was refused: its stream key is not valid");
    }
  });

  test("takes the same time for the first stream, the last, and none", async () => {
    using control = await start();
    const keys: string[] = [];
    for (let i = 0; i < 300; i++) keys.push((await control.catalogue.add({ name: `s${i}` })).key);
    // All three are refused: the key of the last stream, one of the middle, and none.
    const tried = [keys[299] ?? "", keys[150] ?? "", makeKey()].map((key) => ({ key, times: [] as number[] }));
    // In turns, so that whatever else the machine does is the same for all.
    for (let round = 0; round < 2000; round++) {
      for (const { key, times } of tried) {
        const from = performance.now();
        try {
          control.catalogue.authenticate({ path: "s0", key, address });
        } catch {
          // A refusal is what is timed.
        }
        times.push(performance.now() - from);
      }
    }
    // The quicker ones: those that nothing interrupted.
    const typical = tried.map(({ times }) => times.slice(500).sort((a, b) => a - b)[300] ?? 0);
    expect(Math.max(...typical) / Math.min(...typical)).toBeLessThan(2);
  });
});

describe("keys", () => {
  test("a rotation ends the old key at once and expels whoever used it", async () => {
    using control = await start();
    const { key: old } = await control.catalogue.add({ name: "final" });
    const { key: fresh } = await control.catalogue.rotateKey("final");
    expect(fresh).not.toBe(old);
    expect((await faultOf(() => control.catalogue.authenticate({ path: old, address }))).code).toBe("KEY_REFUSED");
    expect(control.catalogue.authenticate({ path: fresh, address }).stream).toBe("final");
    expect(expelled).toEqual([{ stream: "final", message: "the key of final was replaced" }]);
  });

  test("a rotation with an overlap keeps the old key until it is over", async () => {
    using control = await start();
    const { key: old } = await control.catalogue.add({ name: "final" });
    const { key: fresh } = await control.catalogue.rotateKey("final", { overlapSeconds: 60 });
    for (const key of [old, fresh]) expect(control.catalogue.authenticate({ path: key, address }).stream).toBe("final");
    expect(control.catalogue.get("final")?.keys).toHaveLength(2);
    expect(expelled).toEqual([]);
    await clock.advance(60_000);
    expect((await faultOf(() => control.catalogue.authenticate({ path: old, address }))).code).toBe("KEY_REFUSED");
    expect(control.catalogue.get("final")?.keys).toHaveLength(1);
  });

  test("the banner's key follows a rotation and is gone after a revocation", async () => {
    using control = await start();
    const { key, keyId } = await control.catalogue.rotateKey("main");
    expect(await control.catalogue.readableKey("main")).toBe(key);
    await control.catalogue.revokeKey("main", keyId);
    expect(await control.catalogue.readableKey("main")).toBeUndefined();
  });

  test("a revocation expels only whoever publishes with that key", async () => {
    using control = await start();
    const { keyId: first } = await control.catalogue.add({ name: "final" });
    const { key, keyId: second } = await control.catalogue.rotateKey("final", { overlapSeconds: 600 });
    control.catalogue.published(control.catalogue.authenticate({ path: key, address }));
    await control.catalogue.revokeKey("final", first);
    expect(expelled).toEqual([]);
    await control.catalogue.revokeKey("final", second);
    expect(expelled).toEqual([{ stream: "final", message: "the key of final was revoked" }]);
    expect((await faultOf(() => control.catalogue.revokeKey("final", second))).code).toBe("KEY_REFUSED");
  });

  test("are limited in number and in overlap", async () => {
    using control = await start();
    for (let i = 1; i < KEYS_PER_STREAM_MAX; i++) await control.catalogue.rotateKey("main", { overlapSeconds: 9000 });
    expect(control.catalogue.get("main")?.keys).toHaveLength(KEYS_PER_STREAM_MAX);
    const full = await faultOf(() => control.catalogue.rotateKey("main", { overlapSeconds: 9000 }));
    expect(full.code).toBe("LIMIT_REACHED");
    for (const overlapSeconds of [-1, Number.NaN, 1e9]) {
      const fault = await faultOf(() => control.catalogue.rotateKey("main", { overlapSeconds }));
      expect(fault.message).toBe(`overlapSeconds = ${overlapSeconds} is not allowed: a number from 0 to 2592000`);
    }
  });

  test("never appear in events", async () => {
    using control = await start();
    const { key } = await control.catalogue.add({ name: "final" });
    const { key: fresh } = await control.catalogue.rotateKey("final");
    const told = JSON.stringify(observer.events);
    expect(told.includes(key) || told.includes(fresh)).toBe(false);
  });
});

describe("streams", () => {
  test("are removed with their keys, their checkpoint and their broadcast", async () => {
    using control = await start();
    const { key } = await control.catalogue.add({ name: "final" });
    await control.catalogue.remove("final");
    expect(control.catalogue.get("final")).toBeUndefined();
    expect(expelled).toEqual([{ stream: "final", message: "the stream final was removed" }]);
    expect((await faultOf(() => control.catalogue.authenticate({ path: key, address }))).code).toBe("KEY_REFUSED");
    expect((await faultOf(() => control.catalogue.remove("final"))).code).toBe("STREAM_UNKNOWN");
  });

  test("outlive a restart with keys, title and settings", async () => {
    let key = "";
    {
      using control = await start();
      ({ key } = await control.catalogue.add({ name: "final", title: "Cup\nfinal", settings: { partMs: 0 } }));
      const settings = { latency: "normal", segmentSeconds: 4, ladder: "720,480:900k" } as const;
      await control.catalogue.update("final", { settings });
    }
    using again = await start();
    const stream = again.catalogue.get("final");
    expect(stream?.title).toBe("Cup final");
    const own = { latency: "normal", segmentSeconds: 4, partMs: 0, ladder: "720,480:900k" } as const;
    expect(stream?.effective).toEqual({ ...defaults, ...own });
    expect(again.catalogue.effectiveOf("final")).toEqual({ ...defaults, ...own });
    expect(again.catalogue.effectiveOf("main")).toEqual(defaults);
    expect(again.catalogue.effectiveOf("none")).toBeUndefined();
    expect(again.catalogue.authenticate({ path: key, address }).title).toBe("Cup final");
  });

  test("of the same name are refused", async () => {
    using control = await start();
    expect((await faultOf(() => control.catalogue.add({ name: "main" }))).message).toBe(
      "there is already a stream main",
    );
  });

  test("follow the configuration file that declares them", async () => {
    {
      using control = await start([declare("main", "first-key-1"), declare("side", "second-key-2", "Side")]);
      expect(control.catalogue.authenticate({ path: "second-key-2", address }).stream).toBe("side");
      for (const work of [
        () => control.catalogue.rotateKey("side"),
        () => control.catalogue.remove("side"),
        () => control.catalogue.update("side", { title: "x" }),
      ]) {
        const fault = await faultOf(work);
        expect(fault.code).toBe("KEY_MANAGED");
        expect(fault.message).toBe("the stream side is declared in the configuration file");
      }
      await control.catalogue.add({ name: "own" });
    }
    using changed = await start([declare("main", "changed-key-3")]);
    expect(changed.catalogue.list().map((stream) => `${stream.name}:${stream.managedBy}`)).toEqual([
      "main:file",
      "own:platform",
    ]);
    expect((await faultOf(() => changed.catalogue.authenticate({ path: "first-key-1", address }))).code).toBe(
      "KEY_REFUSED",
    );
    expect((await faultOf(() => changed.catalogue.authenticate({ path: "second-key-2", address }))).code).toBe(
      "KEY_REFUSED",
    );
    expect(changed.catalogue.authenticate({ path: "changed-key-3", address }).stream).toBe("main");
  });

  test("may swap their declared keys", async () => {
    {
      using _ = await start([declare("a", "key-number-one"), declare("b", "key-number-two")]);
    }
    using swapped = await start([declare("a", "key-number-two"), declare("b", "key-number-one")]);
    expect(swapped.catalogue.authenticate({ path: "key-number-one", address }).stream).toBe("b");
    expect(swapped.catalogue.authenticate({ path: "key-number-two", address }).stream).toBe("a");
  });

  test("may not share a key", async () => {
    const fault = await faultOf(() => start([declare("a", "same-key-same"), declare("b", "same-key-same")]));
    expect(fault.message).toBe("the key of b is in use by the stream a");
  });
});

describe("names, keys and settings", () => {
  test("a name is 1 to 63 characters of a-z, 0-9, - and _", async () => {
    for (const good of ["a", "0", "main", "cup-final_2026", "a".repeat(63)]) expect(isStreamName(good)).toBe(true);
    for (const bad of ["", "-a", "_a", "A", "a b", "a/b", "..", "a.b", "é", "a\n", "a".repeat(64)]) {
      expect(isStreamName(bad)).toBe(false);
    }
    const fault = await faultOf(() => checkStreamName("Cup Final"));
    expect(fault.message).toBe('"Cup Final" cannot name a stream');
    expect(fault.hint).toBe("Use 1 to 63 characters of a-z, 0-9, - and _, the first a letter or digit.");
  });

  test("a made key is 32 characters that differ each time and could be declared", () => {
    const keys = Array.from({ length: 200 }, makeKey);
    expect(new Set(keys).size).toBe(200);
    for (const key of keys) expect(isDeclarableKey(key) && key.length === 32).toBe(true);
    expect(new Set(keys.join("")).size).toBe(32);
  });

  test("settings are read or refused with key, value and what is allowed", async () => {
    const every: EffectiveSettings = {
      latency: "low",
      segmentSeconds: 4,
      partMs: 0,
      graceSeconds: 5,
      ladder: "default",
      whenBusy: "replace",
      switchBack: "prefer-primary",
      continuity: "hold",
      slateAfterMs: 300,
      slateWords: "Wir sind gleich zurück",
      alwaysOn: true,
    };
    expect(parseStreamSettings({ ...every })).toEqual(every);
    expect(effectiveSettings(defaults, every)).toEqual(every);
    expect(parseStreamSettings({ ladder: null, latency: null })).toEqual({});
    const messages: [Record<string, unknown>, string][] = [
      [{ latency: "fast" }, 'latency = "fast" is not allowed: one of lowest, low, normal'],
      [{ partMs: 5 }, "partMs = 5 is not allowed: a number from 100 to 2000, or 0"],
      [{ slateAfterMs: 200 }, "slateAfterMs = 200 is not allowed: a number from 300 to 10000"],
      [{ continuity: "black" }, 'continuity = "black" is not allowed: one of slate, hold, end'],
      [{ slateWords: " " }, 'slateWords = " " is not allowed: a text of 1 to 80 characters'],
      [{ alwaysOn: "yes" }, 'alwaysOn = "yes" is not allowed: true or false'],
      [{ segmentSeconds: "2" }, 'segmentSeconds = "2" is not allowed: a number from 1 to 10'],
      [
        { speed: 1 },
        "speed = 1 is not allowed: there is only latency, segmentSeconds, partMs, graceSeconds, slateAfterMs, ladder, whenBusy, switchBack, continuity, slateWords, alwaysOn",
      ],
      [
        { ladder: "720:x" },
        'ladder = "720:x" is not allowed: off, default, or up to 8 heights with or without bitrates, such as 720:2500k,480,360:700k',
      ],
      [
        { toString: 1 },
        "toString = 1 is not allowed: there is only latency, segmentSeconds, partMs, graceSeconds, slateAfterMs, ladder, whenBusy, switchBack, continuity, slateWords, alwaysOn",
      ],
    ];
    for (const [values, message] of messages) {
      expect((await faultOf(() => parseStreamSettings(values))).message).toBe(message);
    }
  });
});
