import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { RETRY_MS_MAX, RETRY_MS_MIN, retryDelayMs } from "./retry-delay.ts";

test("pauses double from 1 s to 30 s", () => {
  expect([1, 2, 3, 4, 5, 6, 60].map((attempt) => retryDelayMs(attempt, 0))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
  ]);
});

test("pauses differ, within their bounds", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const delayMs = retryDelayMs(attempt, random);
      expect(delayMs >= RETRY_MS_MIN && delayMs <= RETRY_MS_MAX).toBe(true);
    }),
  );
  expect(retryDelayMs(5, 1)).toBe(12_000);
});
