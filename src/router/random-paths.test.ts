import { expect, test } from "bun:test";
import { runPaths } from "./random-paths.ts";

/** One after the other. */
const FAULTS = 50;
/** A second each at least. */
const FRAMES = FAULTS * 77;

test.each([78_289_597, 51_521_709, 1, 2, 3, 4, 5, 6, 7, 8])(
  "one encode over two paths, seed %d: fifty kills, stalls and lags of either change no frame",
  async (seed) => {
    expect(await runPaths({ seed, faults: FAULTS })).toBeGreaterThan(FRAMES);
  },
  30_000,
);

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  "one path dies or stalls while the other one has just begun to be late, seed %d: no frame is changed",
  async (seed) => {
    expect(await runPaths({ seed, faults: FAULTS, isTogether: true })).toBeGreaterThan(FRAMES);
  },
  30_000,
);

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  "paths leave frames out that the other one has, or die after that, seed %d: no frame is changed",
  async (seed) => {
    expect(await runPaths({ seed, faults: FAULTS, drops: true })).toBeGreaterThan(FRAMES);
    expect(await runPaths({ seed, faults: FAULTS, drops: true, isTogether: true })).toBeGreaterThan(FRAMES);
  },
  30_000,
);
