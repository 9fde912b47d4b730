import { expect, test } from "bun:test";
import { ViewerEstimate, type Watching } from "./viewer-estimate.ts";

const PART_MS = 500;
const INTERVAL_MS = 10_000;

/** One interval in which so many viewers follow playlists by parts. */
function viewersOf(
  followed: readonly { readonly viewers: number; readonly media: readonly Watching["medium"][] }[],
): number {
  const estimate = new ViewerEstimate(0);
  for (const { viewers, media } of followed) {
    for (let request = 0; request < (viewers * INTERVAL_MS) / PART_MS; request++) {
      for (const medium of media) estimate.asked({ medium, everyMs: PART_MS });
    }
  }
  expect(estimate.viewers).toBe(0);
  estimate.tick(INTERVAL_MS);
  return estimate.viewers;
}

test("a viewer with picture and sound is one, whichever rung it follows", () => {
  expect(viewersOf([{ viewers: 7, media: ["video", "audio"] }])).toBe(7);
});

test("who only hears is counted beside those who see", () => {
  expect(
    viewersOf([
      { viewers: 7, media: ["video", "audio"] },
      { viewers: 3, media: ["audio"] },
    ]),
  ).toBe(10);
});

test("a broadcast without sound, and manifests that stand for both", () => {
  expect(viewersOf([{ viewers: 4, media: ["video"] }])).toBe(4);
  expect(
    viewersOf([
      { viewers: 4, media: ["all"] },
      { viewers: 2, media: ["video", "audio"] },
    ]),
  ).toBe(6);
});

test("an interval without requests has no viewers", () => {
  const estimate = new ViewerEstimate(0);
  estimate.asked({ medium: "all", everyMs: INTERVAL_MS });
  estimate.tick(INTERVAL_MS);
  expect(estimate.viewers).toBe(1);
  estimate.tick(2 * INTERVAL_MS);
  expect(estimate.viewers).toBe(0);
});
