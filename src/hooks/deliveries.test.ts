import { afterEach, describe, expect, test } from "bun:test";
import { DELIVERIES_IN_FLIGHT_MAX, HOOK_MESSAGES_MAX, LANE_MESSAGES_MAX } from "./deliveries.ts";
import { ended, eventually, hook, HooksUnderTest, live } from "./hooks-under-test.ts";
import { type Answer, answer, hang, HookReceiver, SECRET } from "./receiver-under-test.ts";

const open: HookReceiver[] = [];
afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close();
});

async function receiver(how?: Answer, path?: string): Promise<HookReceiver> {
  const made = await HookReceiver.open(path);
  if (how !== undefined) made.answer = how;
  open.push(made);
  return made;
}

/** Whatever was on its way to a receiver has come in. */
async function settled(at: HookReceiver): Promise<void> {
  await fetch(new URL("/ready", at.url));
}

describe("a message", () => {
  test("is signed, complete and the same to every hook that wants it", async () => {
    const [first, second] = [await receiver(), await receiver()];
    const run = await HooksUnderTest.start(
      hook({ url: first.url }),
      hook({ url: second.url, events: ["stream.ended"] }),
    );
    run.hooks.tell(live("main"));
    run.hooks.tell(ended("main"));
    await run.until("delivered_total", 2);
    await run.until("delivered_total", 1, 1);
    expect(first.order).toEqual(["main live", "main ended"]);
    expect(second.received).toEqual(first.received.slice(1));
    expect([...first.complaints, ...second.complaints]).toEqual([]);
    const { id, body } = first.received[0] ?? { id: "", body: "" };
    expect(id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(JSON.parse(body)).toEqual({
      type: "stream.live",
      id,
      timestamp: "2026-01-01T00:00:00.000Z",
      data: { stream: "main", timelineId: "0".repeat(16), protocol: "rtmp", address: "192.0.2.1" },
    });
    expect(first.received[1]?.id).not.toBe(id);
    await run.hooks.close();
  });

  test("comes again after 5 s, 30 s, 2 min and every 10 min, and is given up after an hour", async () => {
    const at = await receiver(answer(500));
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("main"));
    for (const [index, seconds] of [5, 30, 120, 600, 600, 600, 600, 600].entries()) {
      await run.until("failed_total", index + 1);
      await run.clock.advance(seconds * 1000 - 1);
      await settled(at);
      expect(at.received.length).toBe(index + 1);
      await run.clock.advance(1);
    }
    await run.until("dropped_total", 1);
    expect(run.metric("pending")).toBe(0);
    const startSeconds = at.received[0]?.sentSeconds ?? 0;
    expect(at.received.map(({ sentSeconds }) => sentSeconds - startSeconds)).toEqual([
      0, 5, 35, 155, 755, 1355, 1955, 2555, 3155,
    ]);
    expect(new Set(at.received.map(({ body }) => body)).size).toBe(1);
    expect(at.complaints).toEqual([]);
    expect(run.observer.named("hook.given-up").map(({ fields }) => fields["attempts"])).toEqual([9]);
    // A minute apart at least.
    expect(run.observer.named("hook.failing").length).toBe(7);
    await run.hooks.close();
  });

  test("is late where the hook asks for it", async () => {
    const at = await receiver(answer(429, undefined, { "retry-after": "60" }));
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("main"));
    await run.until("failed_total", 1);
    await run.clock.advance(59_999);
    await settled(at);
    expect(at.received.length).toBe(1);
    at.answer = answer(200);
    await run.clock.advance(1);
    await run.until("delivered_total", 1);
    expect(run.observer.named("hook.recovered").length).toBe(1);
    await run.hooks.close();
  });

  test("is not taken by a redirect, and not sent elsewhere", async () => {
    const elsewhere = await receiver();
    const at = await receiver(answer(308, undefined, { location: elsewhere.url }));
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("main"));
    await run.until("failed_total", 1);
    expect(run.observer.named("hook.failing")[0]?.fields["why"]).toBe("answered 308");
    expect(elsewhere.received).toEqual([]);
    await run.hooks.close();
  });

  test("is taken by a 2xx whatever comes after it", async () => {
    const at = await receiver((_, response) => {
      response.writeHead(200);
      const flood = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
        response.once("drain", flood);
      };
      flood();
    });
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("main"));
    await run.until("delivered_total", 1);
    await run.hooks.close();
  });
});

describe("the order of a stream", () => {
  test("is kept over failures, while other streams go on", async () => {
    let isBroken = true;
    const at = await receiver((received, response) =>
      answer(received.stream === "a" && isBroken ? 503 : 200)(received, response),
    );
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    for (let i = 0; i < 3; i++) {
      run.hooks.tell(live("a", i));
      run.hooks.tell(live("b", i));
    }
    await run.until("delivered_total", 3);
    await run.until("failed_total", 1);
    expect(at.received.filter(({ stream }) => stream === "a").length).toBe(1);
    isBroken = false;
    await run.clock.advance(5000);
    await run.until("delivered_total", 6);
    for (const [stream, expected] of [
      ["a", [0, 0, 1, 2]],
      ["b", [0, 1, 2]],
    ] as const) {
      const ofStream = at.received.filter((received) => received.stream === stream);
      expect(ofStream.map(({ data }) => Number.parseInt(String(data["timelineId"]), 16))).toEqual([...expected]);
    }
    await run.hooks.close();
  });

  test("is kept over a hook that is dead, slow, and comes back", async () => {
    const dead = await receiver();
    const { port } = dead;
    const run = await HooksUnderTest.start(hook({ url: dead.url }));
    await dead.close();
    run.hooks.tell(live("main", 1));
    run.hooks.tell(ended("main"));
    await run.until("failed_total", 1);
    expect(run.observer.named("hook.failing")[0]?.fields["why"]).toBe("the connection was refused");
    const back = await HookReceiver.open("/take", port);
    open.push(back);
    back.answer = hang;
    await run.clock.advance(5000);
    await eventually(() => back.received.length === 1, "the second attempt");
    await run.clock.advance(3000);
    await run.until("failed_total", 2);
    back.answer = answer(200);
    await run.clock.advance(30_000);
    await run.until("delivered_total", 2);
    expect(back.order).toEqual(["main live", "main live", "main ended"]);
    expect(back.complaints).toEqual([]);
    await run.hooks.close();
  });
});

describe("a hook", () => {
  test("that hangs holds a few requests, and no other hook", async () => {
    const [stuck, fine] = [await receiver(hang), await receiver()];
    const run = await HooksUnderTest.start(hook({ url: stuck.url }), hook({ url: fine.url }));
    for (let i = 0; i < 50; i++) run.hooks.tell(live(`s${i}`));
    await run.until("delivered_total", 50, 1);
    await settled(stuck);
    expect(stuck.received.length).toBe(DELIVERIES_IN_FLIGHT_MAX);
    expect(run.metric("pending")).toBe(50);
    await run.close();
  });

  test("that says it is gone is told nothing more", async () => {
    const at = await receiver(answer(410));
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("a"));
    run.hooks.tell(ended("a"));
    await run.until("pending", 0);
    run.hooks.tell(live("b"));
    await settled(at);
    expect(at.order).toEqual(["a live"]);
    expect([run.metric("pending"), run.metric("dropped_total")]).toEqual([0, 2]);
    expect(run.observer.named("hook.gone").map(({ level }) => level)).toEqual(["error"]);
    await run.hooks.close();
  });

  test("that takes nothing costs a bounded number of messages: the oldest that wait are dropped, told once", async () => {
    const at = await receiver(hang);
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("a"));
    await eventually(() => at.received.length === 1, "the first message");
    for (let i = 1; i <= LANE_MESSAGES_MAX + 20; i++) run.hooks.tell(live("a", i));
    expect([run.metric("pending"), run.metric("dropped_total")]).toEqual([LANE_MESSAGES_MAX + 1, 20]);
    expect(run.observer.named("hook.queue.full").map(({ fields }) => fields["stream"])).toEqual(["a"]);
    for (let i = 0; i < HOOK_MESSAGES_MAX; i++) run.hooks.tell(live(`s${i % 500}`, i));
    expect(run.metric("pending")).toBeLessThanOrEqual(HOOK_MESSAGES_MAX);
    at.answer = answer(200);
    await run.close();
    expect(at.received[0]?.stream).toBe("a");
    expect([run.metric("pending"), run.observer.named("hook.queue.full").length > 1]).toEqual([NaN, true]);
  });

  test("never has its secret, its path or its query in the log", async () => {
    const at = await receiver(answer(500), "/path-secret?token=query-secret");
    const gone = await receiver(answer(410), "/path-secret");
    const run = await HooksUnderTest.start(
      hook({ url: at.url }),
      hook({ url: gone.url }),
      hook({ url: "http://127.0.0.1:1/path-secret" }),
      hook({ url: "http://does-not-exist.invalid/path-secret" }),
    );
    run.hooks.tell(live("main"));
    await eventually(() => [0, 2, 3].every((i) => run.metric("failed_total", i) === 1), "every hook to fail");
    await eventually(() => run.observer.named("hook.gone").length === 1, "the hook that is gone");
    await run.close();
    const log = JSON.stringify(run.observer.events);
    expect(log).toContain(`"host":"127.0.0.1:${at.port}"`);
    expect(log).not.toMatch(/path-secret|query-secret|whsec/);
    expect(log).not.toContain(SECRET.slice(6, 20));
    expect(run.metrics.render()).not.toMatch(/secret|127\.0\.0\.1/);
  });
});

describe("when the server stops", () => {
  test("what waits is sent once more, at once", async () => {
    const at = await receiver(answer(500));
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("main"));
    run.hooks.tell(ended("main"));
    await run.until("failed_total", 1);
    at.answer = answer(200);
    await run.hooks.close();
    expect(at.order).toEqual(["main live", "main live", "main ended"]);
    expect(run.observer.named("hook.abandoned")).toEqual([]);
    expect(await run.hooks.closed).toBeNull();
  });

  test("what hangs is cut off after a short grace, and told", async () => {
    const at = await receiver(hang);
    const run = await HooksUnderTest.start(hook({ url: at.url, timeoutMs: 10_000 }));
    run.hooks.tell(live("main"));
    run.hooks.tell(ended("main"));
    await eventually(() => at.received.length === 1, "the first message");
    const closing = run.hooks.close({ deadlineMs: 60_000 });
    await run.clock.advance(2000);
    await closing;
    expect(run.observer.named("hook.abandoned").map(({ fields }) => fields["messages"])).toEqual([2]);
    run.hooks.tell(live("later"));
    await settled(at);
    expect(at.order).toEqual(["main live"]);
  });
});
