import { describe, expect, test } from "bun:test";
import { answer, HookReceiver, SECRET } from "./receiver-under-test.ts";
import { shownAddress } from "./hook-status.ts";
import { ended, hook, HooksUnderTest, live, request } from "./hooks-under-test.ts";

const START_MS = Date.parse("2026-01-01T00:00:00.000Z");

describe("how a hook stands", () => {
  test("is idle, then working, then failing with its last problem, then working again", async () => {
    await using at = await HookReceiver.open();
    const run = await HooksUnderTest.start(hook({ url: `${at.url}?token=very-secret` }));
    expect(run.hooks.statuses()).toEqual([
      {
        name: "hooks[0]",
        url: `http://127.0.0.1:${at.port}/take`,
        events: ["stream.live", "stream.interrupted", "stream.resumed", "stream.ended"],
        onFailure: "refuse",
        state: "idle",
        waiting: 0,
        delivered: 0,
        failed: 0,
        dropped: 0,
        allowed: 0,
        refused: 0,
        lastDeliveryMs: null,
        lastProblem: null,
      },
    ]);
    run.hooks.tell(live("main"));
    await run.until("delivered_total", 1);
    expect(run.hooks.statuses()).toMatchObject([{ state: "working", delivered: 1, lastDeliveryMs: START_MS }]);
    at.answer = answer(503);
    await run.clock.advance(1000);
    run.hooks.tell(ended("main"));
    await run.until("failed_total", 1);
    const lastProblem = {
      message: "answered 503",
      type: "stream.ended",
      stream: "main",
      atMs: START_MS + 1000,
    } as const;
    expect(run.hooks.statuses()).toMatchObject([{ state: "failing", waiting: 1, failed: 1, lastProblem }]);
    at.answer = answer(200);
    await run.clock.advance(5000);
    await run.until("delivered_total", 2);
    const after = run.hooks.statuses();
    expect(after).toMatchObject([{ state: "working", waiting: 0, lastDeliveryMs: START_MS + 6000, lastProblem }]);
    expect(JSON.stringify(after)).not.toContain("very-secret");
    expect(JSON.stringify(after)).not.toContain(SECRET);
    await run.close();
  });

  test("is gone when it says so", async () => {
    await using at = await HookReceiver.open();
    at.answer = answer(410);
    const run = await HooksUnderTest.start(hook({ url: at.url }));
    run.hooks.tell(live("main"));
    await run.until("dropped_total", 1);
    expect(run.hooks.statuses()).toMatchObject([
      { state: "gone", dropped: 1, waiting: 0, lastProblem: { message: "answered 410" } },
    ]);
    await run.close();
  });

  test("tells what it decided", async () => {
    await using at = await HookReceiver.open();
    const events = ["stream.publish-requested"] as const;
    const run = await HooksUnderTest.start(hook({ url: at.url, events, onFailure: "allow" }));
    await run.hooks.decide(request("main"));
    at.answer = answer(403);
    await run.hooks.decide(request("main")).catch(() => undefined);
    at.answer = answer(500);
    await run.hooks.decide(request("main"));
    expect(run.hooks.statuses()).toMatchObject([
      { state: "failing", allowed: 2, refused: 1, failed: 1, onFailure: "allow", delivered: 0 },
    ]);
    await run.close();
  });
});

describe("a hook's address for people", () => {
  test.each([
    ["https://example.org/grandstand", "https://example.org/grandstand"],
    ["https://example.org:8443/may-publish.php/", "https://example.org:8443/may-publish.php"],
    ["http://user:word@h.example/v1/hooks?token=abc#part", "http://h.example/v1/hooks"],
    ["https://h.example", "https://h.example"],
    ["https://discord.example/api/webhooks/1204/h4xK", "https://discord.example/api/webhooks/…/…"],
    ["https://h.example/services/T00AB/B1/abcDEF", "https://h.example/services/…/…/…"],
    ["https://h.example/averylongwordthatmaybeapassphrase", "https://h.example/…"],
    ["https://h.example/%F0%9F%94%91", "https://h.example/…"],
  ])("%s is %s", (url, shown) => {
    expect(shownAddress(url)).toBe(shown);
  });
});
