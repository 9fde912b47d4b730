import { expect, test } from "bun:test";
import { Evening } from "./random-evening.ts";

/** Simulated time of one broadcast, seconds: eight of them are a day. */
const SECONDS = 3 * 3600;

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "three hours of encoders that come, go and fail at random, number %d: every rule of the timeline holds",
  async (seed) => {
    const { segments, unevenSegments, switches, interruptions, discontinuities, damages } = await Evening.run(
      seed,
      SECONDS,
    );
    expect(segments).toBeGreaterThan(SECONDS / 4);
    expect(unevenSegments / segments).toBeLessThan(0.03);
    expect(switches).toBeGreaterThan(100);
    expect(interruptions).toBeGreaterThan(100);
    expect(discontinuities).toBeGreaterThan(50);
    expect(damages).toBeGreaterThan(5);
  },
  60_000,
);

test.each([
  [105, 200],
  [129, 200],
  [141, 100],
  [174, 200],
  [269, 200],
  [507, 900],
])("a beginning that once broke a rule, number %d: it holds", async (seed, seconds) => {
  const { segments } = await Evening.run(seed, seconds);
  expect(segments).toBeGreaterThan(seconds / 6);
});
