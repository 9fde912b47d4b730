import { describe, expect, test } from "bun:test";
import { LANE_MESSAGES_MAX } from "./deliveries.ts";
import { DiskUnderTest } from "./disk-under-test.ts";
import { ended, eventually, hook, HooksUnderTest, live, request } from "./hooks-under-test.ts";
import { messageOf } from "./message.ts";
import { answer, hang, HookReceiver } from "./receiver-under-test.ts";

const START_MS = Date.parse("2026-01-01T00:00:00.000Z");
const MINUTE_MS = 60_000;

/** Until so many messages are stored. */
async function stored(disk: DiskUnderTest, count: number): Promise<void> {
  await eventually(() => disk.bodies.length === count, `${count} messages to be stored`);
}

/** Whatever was on its way to a receiver has come in, and been answered. */
async function settled(at: HookReceiver): Promise<void> {
  await fetch(new URL("/ready", at.url));
}

/** Values of a field of the events of one name. */
function told(run: HooksUnderTest, name: string, field = "messages"): unknown[] {
  return run.observer.named(name).map(({ fields }) => fields[field]);
}

describe("what a hook has not taken", () => {
  test("is kept when the server stops, and comes after the start: in order, the same, and before what is newer", async () => {
    using disk = new DiskUnderTest();
    const down = await HookReceiver.open();
    const { port, url } = down;
    await down.close();
    const first = await HooksUnderTest.startOver({ messages: disk.open() }, hook({ url }));
    first.hooks.tell(live("a", 1));
    first.hooks.tell(live("b", 2));
    first.hooks.tell(ended("a"));
    await first.until("failed_total", 2);
    await first.hooks.close();
    expect(told(first, "hook.kept")).toEqual([3]);
    expect(first.observer.named("hook.abandoned")).toEqual([]);
    const before = disk.bodies;
    await using at = await HookReceiver.open("/take", port);
    const second = await HooksUnderTest.startOver({ messages: disk.open(), wallMs: START_MS + 1000 }, hook({ url }));
    expect(second.hooks.statuses()[0]?.waiting).toBe(3);
    second.hooks.tell(live("a", 3));
    await second.until("delivered_total", 4);
    expect(at.received.filter(({ stream }) => stream === "a").map(({ body }) => body)).toEqual([
      before[0] ?? "",
      before[2] ?? "",
      at.received.at(-1)?.body ?? "",
    ]);
    expect(at.received.map(({ body }) => body)).toEqual(expect.arrayContaining(before));
    expect(JSON.parse(at.received.at(-1)?.body ?? "")).toMatchObject({ data: { timelineId: "3".padStart(16, "0") } });
    expect(at.complaints).toEqual([]);
    expect(told(second, "hook.restored")).toEqual([3]);
    await stored(disk, 0);
    await second.hooks.close();
    expect(second.observer.named("hook.kept")).toEqual([]);
  });

  test("is stored outside the path of its event, and comes again after a kill while it is on its way", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = hang;
    const settings = hook({ url: at.url });
    const first = await HooksUnderTest.startOver({ messages: disk.open() }, settings);
    first.hooks.tell(live("main", 1));
    first.hooks.tell(ended("main"));
    expect(disk.bodies).toEqual([]);
    await stored(disk, 2);
    await eventually(() => at.received.length === 1, "the first attempt");
    at.answer = answer(204);
    const second = await HooksUnderTest.startOver({ messages: disk.killed() }, settings);
    await second.until("delivered_total", 2);
    expect(at.order).toEqual(["main live", "main live", "main ended"]);
    expect(at.received[1]?.body).toBe(at.received[0]?.body ?? "");
    await stored(disk, 0);
    await Promise.all([first.close(), second.close()]);
  });

  test("waits no longer than its hour, whenever the server starts", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = answer(500);
    const settings = hook({ url: at.url });
    const first = await HooksUnderTest.startOver({ messages: disk.open() }, settings);
    first.hooks.tell(live("main", 1));
    await first.until("failed_total", 1);
    await first.clock.advance(4 * MINUTE_MS);
    first.hooks.tell(ended("main"));
    await first.hooks.close();
    const second = await HooksUnderTest.startOver(
      { messages: disk.open(), wallMs: START_MS + 59 * MINUTE_MS },
      settings,
    );
    await second.until("failed_total", 1);
    await second.clock.advance(5000);
    await second.until("failed_total", 2);
    await second.clock.advance(30_000);
    // The next attempt of the first would be too late, not so that of the second.
    await second.until("dropped_total", 1);
    expect(told(second, "hook.given-up", "type")).toEqual(["stream.live"]);
    await stored(disk, 1);
    await second.hooks.close();
    at.received.length = 0;
    const third = await HooksUnderTest.startOver(
      { messages: disk.open(), wallMs: START_MS + 64 * MINUTE_MS },
      settings,
    );
    expect(told(third, "hook.given-up")).toEqual([1]);
    expect([third.metric("dropped_total"), third.metric("pending")]).toEqual([1, 0]);
    await stored(disk, 0);
    await third.hooks.close();
    expect(at.received).toEqual([]);
  });

  test("is neither lost nor kept for ever when the clock is set", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = answer(500);
    const settings = hook({ url: at.url });
    // A machine that starts at a wrong time, and is put right while a message waits.
    const first = await HooksUnderTest.startOver({ messages: disk.open(), wallMs: 0 }, settings);
    first.hooks.tell(live("main", 1));
    await first.until("failed_total", 1);
    await stored(disk, 1);
    first.clock.stepWall(START_MS);
    await first.clock.advance(5000);
    await first.until("failed_total", 2);
    await eventually(() => (disk.messages.page(0, 1)[0]?.happenedMs ?? 0) === START_MS, "the time to be mended");
    // Set back by a day between two processes: the hour counts from the start.
    const table = disk.killed();
    const second = await HooksUnderTest.startOver(
      { messages: table, wallMs: START_MS - 24 * 60 * MINUTE_MS },
      settings,
    );
    for (const [index, seconds] of [5, 30, 120, 600, 600, 600, 600, 600].entries()) {
      await second.until("failed_total", index + 1);
      await second.clock.advance(seconds * 1000);
    }
    await second.until("dropped_total", 1);
    await stored(disk, 0);
    await Promise.all([first.close(), second.close()]);
  });

  test("that it takes, drops or does not want any more is not kept", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = hang;
    const run = await HooksUnderTest.startOver({ messages: disk.open() }, hook({ url: at.url }));
    for (let i = 0; i <= LANE_MESSAGES_MAX + 20; i++) run.hooks.tell(live("main", i));
    await stored(disk, LANE_MESSAGES_MAX + 1);
    const numbers = disk.bodies.map((body) => Number.parseInt(JSON.parse(body).data.timelineId as string, 16));
    expect(numbers).toEqual([0, ...Array.from({ length: LANE_MESSAGES_MAX }, (_, i) => i + 21)]);
    await eventually(() => at.received.length === 1, "the first message");
    at.answer = answer(204);
    await run.clock.advance(3000);
    await run.until("failed_total", 1);
    let taken = 0;
    at.answer = (received, response) => answer(++taken > 50 ? 410 : 204)(received, response);
    await run.clock.advance(5000);
    await run.until("pending", 0);
    expect([run.metric("delivered_total"), run.metric("dropped_total")]).toEqual([50, 71]);
    await stored(disk, 0);
    await run.close();
  });
});

describe("the hooks of the configuration", () => {
  test("may change: what waits goes to the new address, and what was a removed hook's is forgotten with one line", async () => {
    using disk = new DiskUnderTest();
    await using old = await HookReceiver.open();
    await using removed = await HookReceiver.open();
    await using stays = await HookReceiver.open();
    await using changed = await HookReceiver.open();
    old.answer = removed.answer = stays.answer = changed.answer = answer(500);
    const first = await HooksUnderTest.startOver(
      { messages: disk.open() },
      hook({ url: removed.url }),
      hook({ url: stays.url }),
      hook({ url: old.url }),
    );
    first.hooks.tell(live("main", 1));
    first.hooks.tell(ended("main"));
    for (const position of [0, 1, 2]) await first.until("failed_total", 1, position);
    await first.hooks.close();
    const counts = [removed, old].map(({ received }) => received.length);
    stays.received.length = 0;
    stays.answer = changed.answer = answer(204);
    const onlyEnds = ["stream.ended"] as const;
    const second = await HooksUnderTest.startOver(
      { messages: disk.open() },
      hook({ url: stays.url, events: onlyEnds }),
      hook({ url: `${old.url}-unknown` }),
      hook({ url: changed.url }),
    );
    await second.until("delivered_total", 1);
    await second.until("delivered_total", 2, 2);
    expect([stays.order, changed.order]).toEqual([["main ended"], ["main live", "main ended"]]);
    expect(changed.received.map(({ id }) => id)).toEqual([
      ...new Set(old.received.map(({ id }) => id)),
      stays.received[0]?.id ?? "",
    ]);
    expect([removed, old].map(({ received }) => received.length)).toEqual(counts);
    // Two of the hook that is gone, one of a type that is not wanted any more.
    expect(told(second, "hook.forgotten")).toEqual([3]);
    await stored(disk, 0);
    await second.close();
  });

  test("may all be gone", async () => {
    using disk = new DiskUnderTest();
    const url = "http://127.0.0.1:1/";
    const first = await HooksUnderTest.startOver({ messages: disk.open() }, hook({ url }));
    first.hooks.tell(live("main"));
    await first.hooks.close();
    const second = await HooksUnderTest.startOver({ messages: disk.open() });
    expect(told(second, "hook.forgotten")).toEqual([1]);
    await stored(disk, 0);
    await second.hooks.close();
  });

  test("may have one address twice, each with messages of its own", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = answer(500);
    const both = [hook({ url: at.url, events: ["stream.live"] }), hook({ url: at.url, events: ["stream.ended"] })];
    const first = await HooksUnderTest.startOver({ messages: disk.open() }, ...both);
    first.hooks.tell(live("main"));
    first.hooks.tell(ended("main"));
    await first.hooks.close();
    at.answer = answer(204);
    const second = await HooksUnderTest.startOver({ messages: disk.open() }, ...both);
    await second.until("delivered_total", 1);
    await second.until("delivered_total", 1, 1);
    await second.hooks.close();
  });
});

describe("the store", () => {
  test("that fails costs one line a minute and no message while the server runs, and is used again when it works", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = answer(500);
    const run = await HooksUnderTest.startOver({ messages: disk.messages }, hook({ url: at.url }));
    const mend = disk.breakTable();
    run.hooks.tell(live("main", 1));
    run.hooks.tell(live("side", 2));
    await eventually(() => run.observer.named("hook.store.failed").length === 1, "the failure to be told");
    expect(run.observer.named("hook.store.failed")[0]?.fields["code"]).toBe("STORE_FAILED");
    await run.until("failed_total", 2);
    for (let i = 0; i < 11; i++) await run.clock.advance(5000);
    expect(run.observer.named("hook.store.failed").length).toBe(1);
    await run.clock.advance(5000);
    await eventually(() => run.observer.named("hook.store.failed").length === 2, "a second line after a minute");
    at.answer = answer(204);
    for (let i = 0; i < 500 && run.metric("delivered_total") < 2; i++) {
      await run.clock.advance(2000);
      await settled(at);
    }
    expect(run.metric("delivered_total")).toBe(2);
    at.answer = answer(500);
    run.hooks.tell(ended("main"));
    await run.until("failed_total", run.metric("failed_total") + 1);
    mend();
    await run.clock.advance(5000);
    await stored(disk, 1);
    expect(run.observer.named("hook.store.recovered").length).toBe(1);
    expect(run.observer.named("hook.store.failed").length).toBeLessThan(10);
    await run.close();
    expect([told(run, "hook.kept"), run.observer.named("hook.abandoned")]).toEqual([[1], []]);
  });

  test("that fails at the stop leaves things as without it: once more each, and what is left is told", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = answer(500);
    const run = await HooksUnderTest.startOver({ messages: disk.messages }, hook({ url: at.url }));
    const mend = disk.breakTable();
    run.hooks.tell(live("main", 1));
    run.hooks.tell(ended("main"));
    await run.until("failed_total", 1);
    at.answer = (received, response) => answer(received.type === "stream.ended" ? 204 : 500)(received, response);
    await run.hooks.close();
    expect(at.order).toEqual(["main live", "main live", "main ended"]);
    expect(told(run, "hook.abandoned")).toEqual([1]);
    mend();
  });

  test("that is damaged, or cannot be read at the start, keeps no server from starting", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    const table = disk.open();
    const settings = hook({ url: at.url });
    await (await HooksUnderTest.startOver({ messages: table }, settings)).hooks.close();
    const [key = ""] = table.hooks();
    const good = messageOf(live("main", 7), { wallMs: START_MS, nowMs: 0 });
    const row = { hook: key, happenedMs: START_MS };
    const bodies = ["", "null", "[1]", good.body.slice(1), good.body.replace("msg_", "msg "), good.body];
    const added = [...bodies.map((body) => ({ ...row, body })), { ...row, body: good.body, hook: "who?" }];
    added.push({ ...row, body: good.body, happenedMs: Number.NEGATIVE_INFINITY });
    table.change({ removed: [], added });
    const run = await HooksUnderTest.startOver({ messages: table }, settings);
    await run.until("delivered_total", 1);
    expect(at.received.map(({ body }) => body)).toEqual([good.body]);
    expect(told(run, "hook.store.damaged")).toEqual([6]);
    expect(told(run, "hook.forgotten")).toEqual([1]);
    await stored(disk, 0);
    await run.hooks.close();
    const mend = disk.breakTable();
    const blind = await HooksUnderTest.startOver({ messages: table }, settings);
    blind.hooks.tell(live("main", 8));
    await blind.until("delivered_total", 1);
    expect(blind.observer.named("hook.store.failed").length).toBe(1);
    await blind.hooks.close();
    mend();
  });

  test("that cannot say at the start whose the messages are keeps them for the next", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = answer(500);
    const settings = hook({ url: at.url });
    const first = await HooksUnderTest.startOver({ messages: disk.messages }, settings);
    first.hooks.tell(live("main", 1));
    await first.hooks.close();
    const mend = disk.breakTable("hooks");
    at.answer = answer(204);
    const second = await HooksUnderTest.startOver({ messages: disk.messages }, settings);
    second.hooks.tell(live("side", 2));
    await second.until("delivered_total", 1);
    await second.hooks.close();
    mend();
    const third = await HooksUnderTest.startOver({ messages: disk.messages }, settings);
    await third.until("delivered_total", 1);
    expect(at.received.at(-1)).toMatchObject({ stream: "main", body: at.received[0]?.body ?? "" });
    await stored(disk, 0);
    await third.hooks.close();
  });

  test("holds no question", async () => {
    using disk = new DiskUnderTest();
    await using at = await HookReceiver.open();
    at.answer = hang;
    const events = ["stream.publish-requested", "stream.live"] as const;
    const run = await HooksUnderTest.startOver({ messages: disk.open() }, hook({ url: at.url, events }));
    const question = run.hooks.decide(request("main")).catch(() => undefined);
    run.hooks.tell(live("main"));
    await stored(disk, 1);
    expect(JSON.parse(disk.bodies[0] ?? "")).toMatchObject({ type: "stream.live" });
    await run.close();
    await question;
    expect(disk.bodies.length).toBe(1);
  });
});
