import { afterEach, expect, test } from "bun:test";
import { systemClock } from "#time/system-clock.ts";
import { makeClip, Run, rungOf } from "./transcode-rig.ts";

const DEADLINE_MS = 60_000;
const RUNGS = [rungOf(480, 270, 500_000), rungOf(320, 180, 200_000)];
const runs: Run[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

const NAMES = {
  auto: "h264_nvenc, h264_qsv, h264_vaapi, h264_videotoolbox",
  nvenc: "h264_nvenc",
  vaapi: "h264_vaapi",
  qsv: "h264_qsv",
  videotoolbox: "h264_videotoolbox",
} as const;

test(
  "where the hardware is not there the processor encodes, and the reason is told once",
  async () => {
    const clip = makeClip({ seconds: 2 });
    for (const [hardware, wanted] of Object.entries(NAMES)) {
      const own = { coding: "locked", hardware: hardware as keyof typeof NAMES } as const;
      const run = new Run(clip, RUNGS, systemClock, own);
      runs.push(run);
      await run.feed(clip.frames).finish();
      expect(run.faults).toEqual([]);
      for (const rung of RUNGS.keys()) {
        const { errors, pictures } = run.decode(rung);
        expect([errors, pictures.length]).toEqual(["", clip.frames.length]);
      }
      expect(run.fallbacks.length).toBeLessThanOrEqual(1);
      // A machine that has the hardware has nothing to tell.
      const [fallback] = run.fallbacks;
      if (fallback === undefined) continue;
      expect(fallback).toMatchObject({ wanted, used: "libx264", hint: expect.stringMatching(/\w{4}/) });
      // Every option is one that the encoder knows.
      expect(fallback.reason).not.toContain("option");
    }
  },
  DEADLINE_MS,
);
