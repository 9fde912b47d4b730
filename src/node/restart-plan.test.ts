import { describe, expect, test } from "bun:test";
import { nextRestart, type RestartHistory } from "./restart-plan.ts";

function delays(lives: readonly number[]): number[] {
  let history: RestartHistory = { crashes: 0 };
  return lives.map((aliveMs) => {
    const plan = nextRestart(history, aliveMs);
    history = plan.history;
    return plan.delayMs;
  });
}

describe("the restart plan", () => {
  test("answers the first crashes at once, then waits longer and longer, at most ten seconds", () => {
    expect(delays(Array.from({ length: 14 }, () => 100))).toEqual([
      0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000,
    ]);
  });

  test("forgets crashes of a process that had recovered", () => {
    expect(delays([100, 100, 100, 100, 100, 100, 2000, 100])).toEqual([0, 0, 0, 0, 0, 100, 0, 0]);
  });
});
