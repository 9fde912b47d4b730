import { expect, test } from "bun:test";
import { Evening } from "./random-evening.ts";

/** Simulated time of one broadcast, seconds. */
const SECONDS = 3 * 3600;

test.each([1, 2, 3, 4, 5, 7, 8])("three hours of encoders that come, go and fail at random, number %d", async (seed) => {
  const figures = await Evening.run(seed, SECONDS);
  console.log(figures);
  expect(figures.segments).toBeGreaterThan(SECONDS / 3);
}, 60_000);
