import { afterEach, expect, test } from "bun:test";
import { lumaOf } from "./rung-rig.ts";
import { makeClip, Run, rungOf } from "./transcode-rig.ts";

const DEADLINE_MS = 20_000;
const runs: Run[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

test(
  "a source that changes its aspect ratio in mid-broadcast is shown between black bars, unstretched",
  async () => {
    const wide = makeClip({ seconds: 1 });
    const run = new Run(wide, [rungOf(320, 180, 900_000)]).feed(wide.frames);
    const sizes = ["480x480", "640x160", "640x360"];
    for (const [i, size] of sizes.entries()) {
      const clip = makeClip({ seconds: 1, size });
      const moved = { segments: i + 1, ticks: (i + 1) * 30 * 3000 };
      run.process.source(clip.config);
      run.feed(clip.frames.map((f) => ({ ...f, segment: f.segment + moved.segments, dts: f.dts + moved.ticks })));
    }
    runs.push(run);
    await run.finish();
    const [config] = run.configs;
    if (config === undefined) throw new Error("no configuration");
    const { errors, luma } = lumaOf(
      config,
      (run.frames[0] ?? []).map(({ payload }) => payload),
    );
    expect([errors, luma.length]).toEqual(["", 120]);
    /** Brightest sample in a rectangle of the 20th picture of a second: the test picture has something bright everywhere. */
    const brightest = (second: number, x: number, y: number, width: number, height: number): number => {
      const picture = luma[second * 30 + 20] ?? new Uint8Array(0);
      let most = 0;
      for (let row = y; row < y + height; row++)
        most = Math.max(most, ...picture.subarray(row * 320 + x, row * 320 + x + width));
      return most;
    };
    for (const second of [0, 3]) {
      for (const x of [0, 304]) expect(brightest(second, x, 0, 16, 180)).toBeGreaterThan(80);
    }
    // A square of 180 lines is 180 samples wide: 70 are left on each side.
    for (const x of [0, 252]) expect(brightest(1, x, 0, 68, 180)).toBeLessThan(24);
    for (const x of [72, 232]) expect(brightest(1, x, 0, 16, 180)).toBeGreaterThan(80);
    // Four times as wide as high is 80 lines of 320: 50 are left above and below.
    for (const y of [0, 132]) expect(brightest(2, 0, y, 320, 48)).toBeLessThan(24);
    for (const y of [52, 112]) expect(brightest(2, 0, y, 320, 16)).toBeGreaterThan(80);
  },
  DEADLINE_MS,
);
