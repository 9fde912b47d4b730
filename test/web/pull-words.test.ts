import { describe, expect, test } from "bun:test";
import { PULL_STATE_WORDS, pullNoteText, pullProblemText } from "#web/admin/pull-words.ts";
import type { PullHealth } from "#web/wire.ts";

const PROBLEM = { code: "PULL_FAILED", message: "rtmp://h.example: no answer", hint: "Is it on?", atMs: 5000 };

const pull = (change: Partial<PullHealth>): PullHealth => ({
  state: "live",
  place: "rtmp://h.example",
  loop: false,
  managedBy: "platform",
  sinceMs: 0,
  failures: 0,
  nextTryMs: null,
  lastProblem: null,
  ...change,
});

describe("a pull in words", () => {
  test("says what is wrong, what to do and when it is tried again", () => {
    const waiting = pull({ state: "waiting", failures: 1, nextTryMs: 9500, lastProblem: PROBLEM });
    expect(pullProblemText(waiting, 6000)).toBe("rtmp://h.example: no answer. Is it on? Tried again in 4 s.");
    const long = { ...PROBLEM, message: `${PROBLEM.message} ([tcp @ 0x7f] Connection to` };
    expect(pullProblemText({ ...waiting, lastProblem: long }, 6000)).toStartWith("rtmp://h.example: no answer. Is");
    expect(pullProblemText({ ...waiting, failures: 3 }, 9900)).toEndWith(
      "Tried again in 1 s, 3 failures one after another.",
    );
    expect(pullProblemText({ ...waiting, state: "connecting", failures: 2, nextTryMs: null }, 0)).toEndWith(
      "Is it on? 2 failures one after another.",
    );
  });

  test("says nothing of what is over, but when it was", () => {
    expect(pullProblemText(pull({ lastProblem: PROBLEM, failures: 1 }), 0)).toBe("");
    expect(pullProblemText(pull({ state: "connecting" }), 0)).toBe("");
    expect(pullNoteText(pull({}))).toBe("");
    expect(pullNoteText(pull({ lastProblem: PROBLEM }))).toMatch(
      /^Last problem at .+: rtmp:\/\/h\.example: no answer\.$/,
    );
    expect(pullNoteText(pull({ state: "ended" }))).toContain("begins again");
    expect(Object.values(PULL_STATE_WORDS).every((words) => words.length > 3)).toBe(true);
  });
});
