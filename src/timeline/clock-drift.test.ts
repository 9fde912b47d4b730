import { describe, expect, test } from "bun:test";
import { ClockDrift } from "./clock-drift.ts";

const FRAME = 40_000;
const SEGMENT = 2_000_000;

/** What a cut at `nowMs` does where stream time is `aheadMicros` ahead. */
function stepOf(drift: ClockDrift, aheadMicros: number, nowMs: number, segmentMicros: number = SEGMENT): number {
  return drift.step({ aheadMicros, frameMicros: FRAME, segmentMicros, nowMs });
}

describe("stream time goes back to where it belongs", () => {
  test("not within a frame, and not before it is known where it is", () => {
    const drift = new ClockDrift();
    drift.placed(0, 0);
    expect(stepOf(drift, 200_000, 4_999)).toBe(0);
    expect([-FRAME, 0, FRAME].map((ahead) => stepOf(drift, ahead, 6_000))).toEqual([0, 0, 0]);
  });

  test("by a millisecond a cut, a thousandth of short segments", () => {
    const drift = new ClockDrift();
    drift.placed(0, 0);
    expect(stepOf(drift, 0, 5_000)).toBe(0);
    expect(stepOf(drift, FRAME + 1, 6_000)).toBe(-1000);
    expect(stepOf(drift, FRAME + 1, 8_250, 250_000)).toBe(-250);
    expect(stepOf(drift, FRAME + 1, 18_250, 10_000_000)).toBe(-1000);
  });

  test("after an encoder only that has been late for ten minutes", () => {
    const drift = new ClockDrift();
    drift.placed(0, 0);
    expect(stepOf(drift, -2_000_000, 6_000)).toBe(0);
    expect(stepOf(drift, -2_000_000, 605_999)).toBe(0);
    expect(stepOf(drift, -2_000_000, 606_000)).toBe(1000);
    expect(stepOf(drift, -FRAME, 608_000)).toBe(0);
    expect(stepOf(drift, -2_000_000, 610_000)).toBe(0);
  });

  test("from where a switch or a cut placed it", () => {
    const drift = new ClockDrift();
    drift.placed(300_000, 0);
    drift.placed(900_000, 1_000);
    expect(stepOf(drift, 900_000, 5_999)).toBe(0);
    expect(stepOf(drift, 900_000, 6_000)).toBe(-1000);
    expect(drift.usualAheadMicros).toBe(0);
  });
});

describe("a burst", () => {
  test("of a broadcast's first seconds may be small", () => {
    const drift = new ClockDrift();
    drift.placed(0, 0);
    expect(stepOf(drift, 120_000, 5_000)).toBe(0);
    expect(drift.usualAheadMicros).toBe(120_000);
  });

  test("of a session's first seconds is where stream time belongs, up to five seconds", () => {
    for (const [sent, usual] of [
      [200_000, 0],
      [3_000_000, 3_000_000],
      [9_000_000, 5_000_000],
    ] as const) {
      const drift = new ClockDrift();
      drift.placed(0, 0);
      drift.placed(0, 0);
      expect(stepOf(drift, sent, 5_000)).toBe(sent === usual ? 0 : -1000);
      expect(drift.usualAheadMicros).toBe(usual);
      // Later it would be something else.
      stepOf(drift, sent + 400_000, 7_000);
      expect(drift.usualAheadMicros).toBe(usual);
    }
  });

  test("belongs no more where another session begins nearer to real time", () => {
    const drift = new ClockDrift();
    drift.placed(0, 0);
    stepOf(drift, 3_000_000, 5_000);
    drift.placed(1_000_000, 9_000);
    expect(drift.usualAheadMicros).toBe(1_000_000);
    expect(stepOf(drift, 1_000_000, 14_000)).toBe(0);
    drift.placed(-20_000, 20_000);
    expect(drift.usualAheadMicros).toBe(0);
  });
});
