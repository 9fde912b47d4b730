import { expect, test } from "bun:test";
import { EncodingCapacity } from "./capacity.ts";

test("what is reserved is not free, and comes back", () => {
  const capacity = new EncodingCapacity({ processors: 2, megapixelsPerSecond: 100 });
  expect(capacity.reserve(60)).toBe(true);
  expect([capacity.used, capacity.free]).toEqual([60, 40]);
  expect(capacity.reserve(41)).toBe(false);
  expect(capacity.reserve(40)).toBe(true);
  expect(capacity.reserve(1)).toBe(false);
  expect(capacity.reserve(0)).toBe(true);
  capacity.release(60);
  expect([capacity.used, capacity.free]).toEqual([40, 60]);
});

test("the total follows what workers say they cost, and is planned to nine tenths of the processors", () => {
  const capacity = new EncodingCapacity({ processors: 4 });
  for (let report = 0; report < 3000; report++) capacity.spent(1_000_000, 100);
  // Ten milliseconds a megapixel: a processor does a hundred a second.
  expect(capacity.total).toBeCloseTo(4 * 0.9 * 100, 3);
  for (let report = 0; report < 3000; report++) capacity.spent(1_000_000, 50);
  expect(capacity.total).toBeCloseTo(4 * 0.9 * 50, 3);
});

test("a machine that turns out slower than what is promised has nothing free, and not less", () => {
  const capacity = new EncodingCapacity({ processors: 1 });
  expect(capacity.reserve(capacity.total)).toBe(true);
  for (let report = 0; report < 1000; report++) capacity.spent(1_000_000, 5);
  expect(capacity.free).toBe(0);
});
