import { describe, expect, test } from "bun:test";
import { HOOK_STATE_WORDS, hookFiguresText, hookProblemText, hookTaskText } from "#web/admin/hook-words.ts";
import type { AdminHook } from "#web/wire.ts";

const hook = (change: Partial<AdminHook>): AdminHook => ({
  name: "hooks[0]",
  url: "https://example.org/grandstand",
  events: ["stream.live", "stream.ended"],
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
  ...change,
});

const lastProblem = { message: "answered 500", type: "stream.live", stream: "main", atMs: 5000 };

describe("a hook in words", () => {
  test("says what it is for", () => {
    expect(hookTaskText(hook({}))).toBe("Told of live, ended.");
    const events = ["stream.publish-requested"] as const;
    expect(hookTaskText(hook({ events }))).toBe("Decides who may publish; while it fails, nobody may.");
    expect(hookTaskText(hook({ events: [...events, "stream.switched"], onFailure: "allow" }))).toBe(
      "Decides who may publish; while it fails, the key alone decides. Told of switched.",
    );
  });

  test("says what became of what was sent", () => {
    expect(hookFiguresText(hook({}))).toBe("");
    expect(hookFiguresText(hook({ delivered: 1200, waiting: 2, failed: 1 }))).toBe(
      `${(1200).toLocaleString()} delivered, 2 waiting, 1 failed attempt`,
    );
    expect(hookFiguresText(hook({ failed: 3, dropped: 1, allowed: 1, refused: 4 }))).toBe(
      "3 failed attempts, 1 given up, 1 publication allowed, 4 publications refused",
    );
  });

  test("says what is wrong while it is", () => {
    expect(hookProblemText(hook({ state: "working", lastProblem }))).toBe("");
    expect(hookProblemText(hook({ state: "failing", lastProblem }))).toMatch(
      /^At .+, for live of main: answered 500\.$/,
    );
    expect(hookProblemText(hook({ state: "failing", waiting: 1, lastProblem }))).toEndWith("for an hour at most.");
    expect(hookProblemText(hook({ state: "gone", lastProblem }))).toEndWith("until the server starts anew.");
    expect(Object.keys(HOOK_STATE_WORDS).length).toBe(4);
  });
});
