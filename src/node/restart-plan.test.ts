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
    expect(delays(Array.from({ length: 11 }, () => 100))).toEqual([
      0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
  });

  test("forgets crashes after thirty sound seconds", () => {
    expect(delays([100, 100, 100, 100, 30_000, 100, 100, 100])).toEqual([0, 0, 0, 250, 0, 0, 0, 250]);
  });
});
