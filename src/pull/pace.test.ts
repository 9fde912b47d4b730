import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Pace } from "./pace.ts";

/** Gives frames of these times to a pace as soon as it lets them, and tells when each left. */
function leave(dts: readonly number[], arrivals: readonly number[] = []): number[] {
  const pace = new Pace();
  let nowMicros = 5_000_000;
  return dts.map((one, i) => {
    nowMicros = Math.max(nowMicros, 5_000_000 + (arrivals[i] ?? 0));
    nowMicros += pace.waitMicros(one, nowMicros);
    return nowMicros - 5_000_000;
  });
}

describe("pace", () => {
  test("frames that are all there leave in their own time, at most 200 ms early", () => {
    const dts = Array.from({ length: 300 }, (_, i) => i * 40_000);
    expect(leave(dts)).toEqual(dts.map((one) => Math.max(0, one - 200_000)));
  });

  test("a frame that is half a second late starts the time anew: no burst follows", () => {
    const dts = [0, 1_000_000, 2_000_000, 3_000_000];
    expect(leave(dts, [0, 4_000_000, 4_000_000, 4_000_000])).toEqual([0, 4_000_000, 4_800_000, 5_800_000]);
  });

  test("times that jump, back or far ahead, hold nothing up", () => {
    expect(leave([0, 3_600_000_000, 3_600_040_000, 40_000])).toEqual([0, 0, 0, 0]);
  });

  test("no wait is longer than half a minute", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e12, max: 1e12 })), (dts) => {
        const pace = new Pace();
        for (const one of dts) {
          const waitMicros = pace.waitMicros(one, 0);
          expect(waitMicros >= 0 && waitMicros <= 30_000_000).toBe(true);
        }
      }),
    );
  });
});
