import { afterEach, expect, test } from "bun:test";
import { systemClock } from "#time/system-clock.ts";
import type { Rung } from "./rung.ts";
import { makeClip, Run, rungOf } from "./transcode-rig.ts";

const DEADLINE_MS = 60_000;
const RUNGS: readonly Rung[] = [
  { ...rungOf(320, 180, 150_000), name: "180p-hevc", codec: "hevc" },
  rungOf(480, 270, 500_000),
  rungOf(320, 180, 200_000),
];
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
    const clip = makeClip({ seconds: 1 });
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
      // A machine that has the hardware has nothing to tell.
      const ways = [
        { wanted: wanted.replaceAll("h264", "hevc"), used: "libx265" },
        { wanted, used: "libx264" },
      ];
      expect(ways).toEqual(expect.arrayContaining(run.fallbacks.map(({ wanted, used }) => ({ wanted, used }))));
      expect(new Set(run.fallbacks.map((fallback) => fallback.wanted)).size).toBe(run.fallbacks.length);
      for (const { reason, hint } of run.fallbacks) {
        // Every option is one that the encoder knows.
        expect(reason).not.toContain("option");
        expect(reason).toMatch(/open|library/);
        expect(hint).toMatch(/\w{4}/);
      }
    }
  },
  DEADLINE_MS,
);
