import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { FaultCode } from "#faults/codes.ts";
import { Fault } from "#faults/fault.ts";
import { type HookMessage, type Store, VERSION_ABSENT } from "./ports.ts";

/** How the contract opens a store: `open` twice without `reset` between gives the same data. */
export interface StoreSubject {
  open(): Promise<Store>;
  reset(): Promise<void>;
}

async function codeOf(work: Promise<unknown>): Promise<FaultCode | "none" | "foreign"> {
  try {
    await work;
    return "none";
  } catch (error) {
    return error instanceof Fault ? error.code : "foreign";
  }
}

function recordContract(opened: () => Store): void {
  test("gives back what was put, with versions that grow by one", async () => {
    const value = { title: "Finale ⚽", keys: [{ sha256: "00ff", until: null }], live: true, n: 1.5 };
    expect(await opened().streams.get("main")).toBeUndefined();
    expect(await opened().streams.put("main", value, VERSION_ABSENT)).toBe(1);
    expect(await opened().streams.get("main")).toEqual({ name: "main", version: 1, value });
    expect(await opened().streams.put("main", [], 1)).toBe(2);
    expect(await opened().streams.get("main")).toEqual({ name: "main", version: 2, value: [] });
  });

  test("refuses a change that was made from an older version", async () => {
    await opened().streams.put("main", 1, VERSION_ABSENT);
    await opened().streams.put("main", 2, 1);
    expect(await codeOf(opened().streams.put("main", 3, 1))).toBe("STORE_CONFLICT");
    expect(await codeOf(opened().streams.put("main", 3, VERSION_ABSENT))).toBe("STORE_CONFLICT");
    expect(await codeOf(opened().streams.put("other", 3, 7))).toBe("STORE_CONFLICT");
    expect(await codeOf(opened().streams.remove("main", 1))).toBe("STORE_CONFLICT");
    expect((await opened().streams.get("main"))?.value).toBe(2);
  });

  test("lets exactly one of many concurrent writers win", async () => {
    await opened().streams.put("main", 0, VERSION_ABSENT);
    const codes = await Promise.all([1, 2, 3, 4].map((n) => codeOf(opened().streams.put("main", n, 1))));
    expect(codes.filter((code) => code === "none")).toHaveLength(1);
    expect(codes.filter((code) => code === "STORE_CONFLICT")).toHaveLength(3);
    expect((await opened().streams.get("main"))?.version).toBe(2);
  });

  test("lists by name and keeps kinds apart", async () => {
    for (const name of ["b", "a-1", "a_1", "a", "z"]) await opened().streams.put(name, name, VERSION_ABSENT);
    await opened().settings.put("a", "setting", VERSION_ABSENT);
    expect((await opened().streams.list()).map((record) => record.name)).toEqual(["a", "a-1", "a_1", "b", "z"]);
    expect(await opened().settings.list()).toEqual([{ name: "a", version: 1, value: "setting" }]);
  });

  test("forgets what was removed and takes the name again", async () => {
    await opened().streams.put("main", 1, VERSION_ABSENT);
    await opened().streams.remove("main", 1);
    expect(await opened().streams.get("main")).toBeUndefined();
    expect(await opened().streams.list()).toEqual([]);
    expect(await opened().streams.put("main", 2, VERSION_ABSENT)).toBe(1);
  });

  test("gives values back that no one can confuse with SQL", async () => {
    const name = `'; DROP TABLE records; --`;
    await opened().streams.put(name, name, VERSION_ABSENT);
    expect((await opened().streams.get(name))?.value).toBe(name);
    expect(await opened().streams.list()).toHaveLength(1);
  });
}

function hookMessageContract(opened: () => Store): void {
  const message = (hook: string, body: string, happenedMs = 1000): HookMessage => ({ hook, body, happenedMs });
  const bodies = (): string[] =>
    opened()
      .hookMessages.page(0, 100)
      .map(({ body }) => body);

  test("keeps messages to hooks in their order, page by page, until they are removed", () => {
    const { hookMessages: table } = opened();
    expect(table.page(0, 10)).toEqual([]);
    const rows = table.change({
      removed: [],
      added: [message("a", "1"), message("b", "2 ⚽"), message("a", "3", 0.5)],
    });
    const [first = 0, second = 0, third = 0] = rows;
    expect([...rows].sort((a, b) => a - b)).toEqual(rows);
    expect(table.page(0, 2)).toEqual([
      { row: first, hook: "a", happenedMs: 1000, body: "1" },
      { row: second, hook: "b", happenedMs: 1000, body: "2 ⚽" },
    ]);
    expect(table.page(second, 2)).toEqual([{ row: third, hook: "a", happenedMs: 0.5, body: "3" }]);
    table.change({ removed: [second, second, third + 7], added: [message("b", "4")] });
    expect(bodies()).toEqual(["1", "3", "4"]);
  });

  test("moves the times of messages, and gives them to a hook that has another name", () => {
    const { hookMessages: table } = opened();
    table.change({ removed: [], added: [message("a", "1", 1000), message("b", "2", 2000)] });
    table.shift(-500);
    expect(table.page(0, 9).map(({ happenedMs }) => happenedMs)).toEqual([500, 1500]);
    expect(table.hooks()).toEqual([]);
    table.enrol(["b", "c"], new Map([["a", "c"]]));
    expect(table.hooks()).toEqual(["b", "c"]);
    expect(table.page(0, 9).map(({ hook }) => hook)).toEqual(["c", "b"]);
    table.enrol(["c"], new Map());
    expect(table.hooks()).toEqual(["c"]);
  });
}

/** What every adapter of {@link Store} must do. */
export function storeContract(adapter: string, subject: StoreSubject): void {
  describe(`the store contract: ${adapter}`, () => {
    let store: Store;
    beforeEach(async () => {
      await subject.reset();
      store = await subject.open();
    });
    afterEach(() => store.close());

    recordContract(() => store);
    hookMessageContract(() => store);

    test("keeps one checkpoint per stream, the last", () => {
      expect(store.checkpoints.load("main")).toBeUndefined();
      store.checkpoints.save("main", "one");
      store.checkpoints.save("side", "other");
      store.checkpoints.save("main", "two");
      expect(store.checkpoints.load("main")).toBe("two");
      store.checkpoints.remove("main");
      store.checkpoints.remove("main");
      expect(store.checkpoints.load("main")).toBeUndefined();
      expect(store.checkpoints.load("side")).toBe("other");
    });

    test("keeps one time line per stream, the last, apart from the checkpoints", () => {
      expect(store.airtimes.list()).toEqual([]);
      for (const stream of ["b", "a-1", "a_1", "a"]) store.airtimes.save(stream, `of ${stream}`);
      store.airtimes.save("a", "line ⚽".repeat(20_000));
      expect(store.airtimes.list().map(({ stream }) => stream)).toEqual(["a", "a-1", "a_1", "b"]);
      expect(store.airtimes.list()[0]?.body).toBe("line ⚽".repeat(20_000));
      expect(store.checkpoints.load("a")).toBeUndefined();
      store.airtimes.remove("b");
      store.airtimes.remove("b");
      store.checkpoints.remove("a");
      expect(store.airtimes.list().map(({ stream }) => stream)).toEqual(["a", "a-1", "a_1"]);
    });

    test("still has everything when it is opened again", async () => {
      await store.streams.put("main", { a: 1 }, VERSION_ABSENT);
      store.checkpoints.save("main", "checkpoint");
      store.airtimes.save("main", "line");
      store.hookMessages.change({ removed: [], added: [{ hook: "a", happenedMs: 1, body: "waits" }] });
      store.hookMessages.enrol(["a"], new Map());
      store.close();
      store.close();
      store = await subject.open();
      expect((await store.streams.get("main"))?.value).toEqual({ a: 1 });
      expect(store.checkpoints.load("main")).toBe("checkpoint");
      expect(store.airtimes.list()).toEqual([{ stream: "main", body: "line" }]);
      expect(store.hookMessages.page(0, 10).map(({ hook, body }) => [hook, body])).toEqual([["a", "waits"]]);
      expect(store.hookMessages.hooks()).toEqual(["a"]);
    });
  });
}
