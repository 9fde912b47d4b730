import { expect, test } from "bun:test";
import { UsualDuration } from "./usual-duration.ts";

function usual(durations: readonly number[]): number {
  const meter = new UsualDuration();
  for (const ticks of durations) meter.add(ticks);
  return meter.ticks;
}

test("frames that are left out or stretched do not count", () => {
  expect(usual([3000, 3000, 6000, 3000, 9000, 3000, 45_000, 3000])).toBe(3000);
});

test("rounding to ticks and to milliseconds averages out", () => {
  expect(usual([3754, 3754, 3753, 3754])).toBe(3753.75);
  expect(usual([2970, 2970, 3060, 2970, 2970, 3060])).toBe(3000);
});

test("nothing is usual without frames", () => {
  expect(usual([])).toBe(0);
});
