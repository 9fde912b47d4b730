import { afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Frame } from "#media/frame.ts";
import type { RungFrame } from "./transcode-process.ts";
import { type Clip, FIRST_SEGMENT, makeClip, Run, rungOf } from "./transcode-rig.ts";

const RUNGS = [rungOf(426, 240, 300_000), rungOf(320, 180, 150_000)];
const FPS = 30;
const ALL = 0b11;
const SMALL_ONE = 0b10;

let clip: Clip;
const runs: Run[] = [];

function start(): Run {
  clip ??= makeClip({ seconds: 5 });
  const run = new Run(clip, RUNGS);
  runs.push(run);
  return run;
}

afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

const segmentOf = (offset: number): readonly Frame[] =>
  clip.frames.filter(({ segment }) => segment === FIRST_SEGMENT + offset);

function bytesOf(frames: readonly RungFrame[]): readonly string[] {
  return frames.map(({ payload }) => createHash("sha1").update(payload).digest("hex"));
}

test("a rung that is switched off has no frame from the next segment on, and its segments end; the others go on; it comes back with the same bytes", async () => {
  const whole = start();
  await whole.feed(clip.frames).finish();
  const run = start();
  run.feed(segmentOf(0)).feed(segmentOf(1).slice(0, 10));
  run.process.setRungs(SMALL_ONE);
  run.feed(segmentOf(1).slice(10)).feed(segmentOf(2)).feed(segmentOf(3).slice(0, 5));
  run.process.setRungs(ALL);
  await run.feed(segmentOf(3).slice(5)).feed(segmentOf(4)).finish();
  expect(run.faults).toEqual([]);
  for (const [rung, offsets] of [
    [0, 1, 4],
    [0, 1, 2, 3, 4],
  ].entries()) {
    for (let offset = 0; offset < 5; offset++) {
      const segment = FIRST_SEGMENT + offset;
      expect(run.sealed[rung]?.get(segment)).toBe(FPS);
      const expected = offsets.includes(offset) ? bytesOf(whole.segment(rung, segment)) : [];
      expect(bytesOf(run.segment(rung, segment))).toEqual(expected);
    }
  }
}, 20_000);

test("a worker tells how much processor time it used, and is not behind for a rung that is switched off", async () => {
  const run = start();
  run.process.setRungs(SMALL_ONE);
  run.feed(segmentOf(0)).feed(segmentOf(1)).feed(segmentOf(2).slice(0, 1));
  await run.until(() => run.sealed[1]?.has(FIRST_SEGMENT + 1) === true && run.cpuMicros > 0);
  expect(run.process.behindMicros).toBeLessThanOrEqual(1_000_000 / FPS);
}, 20_000);
