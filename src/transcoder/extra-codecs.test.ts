import { afterEach, expect, test } from "bun:test";
import { systemClock } from "#time/system-clock.ts";
import type { Encoding, Rung } from "./rung.ts";
import { lumaOf, psnrOf } from "./rung-rig.ts";
import { type Clip, FIRST_SEGMENT, makeClip, Run, rungOf } from "./transcode-rig.ts";

const DEADLINE_MS = 90_000;
const RUNGS: readonly Rung[] = [
  { ...rungOf(480, 270, 400_000), name: "270p-hevc", codec: "hevc" },
  { ...rungOf(480, 270, 400_000), name: "270p-av1", codec: "av1" },
  rungOf(480, 270, 500_000),
];
const runs: Run[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

function start(clip: Clip, own: Partial<Encoding> = {}): Run {
  const run = new Run(clip, RUNGS, systemClock, own);
  runs.push(run);
  return run;
}

test(
  "HEVC and AV1 rungs have the source's segments, a picture for each of its pictures at once, and look like the source",
  async () => {
    const clip = makeClip({ seconds: 3 });
    const run = start(clip);
    for (const [i, frame] of clip.frames.slice(0, 5).entries()) {
      run.feed([frame]);
      await run.until(() => run.frames.every((frames) => frames.length === i + 1));
    }
    await run.feed(clip.frames.slice(5)).finish();
    expect(run.faults).toEqual([]);
    expect(run.configs.map(({ codec }) => codec)).toEqual(["hevc", "av1", "avc"]);
    expect(run.configs[0]?.codecs).toMatch(/^hvc1\.1\.6\.L6[03](\.\d+)?/);
    expect(run.configs[1]?.codecs).toMatch(/^av01\.0\.\d\dM\.08$/);
    const decoded = run.configs.map((config, rung) =>
      lumaOf(
        config,
        (run.frames[rung] ?? []).map((f) => f.payload),
      ),
    );
    for (const [rung, { errors, luma }] of decoded.entries()) {
      expect([errors, luma.length]).toEqual(["", clip.frames.length]);
      expect(run.configs[rung]).toMatchObject({ width: 480, height: 270 });
      expect([...(run.sealed[rung] ?? [])]).toEqual([0, 1, 2].map((n) => [FIRST_SEGMENT + n, 30]));
      const ratios = luma.map((picture, i) => psnrOf(picture, decoded[2]?.luma[i] ?? picture));
      expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeGreaterThan(26);
    }
  },
  DEADLINE_MS,
);

test(
  "HEVC and AV1 workers with different pasts make the same bytes",
  async () => {
    const clip = makeClip({ seconds: 3 });
    const whole = await start(clip).feed(clip.frames).finish();
    const later = await start(clip).feed(clip.frames.slice(40)).finish();
    expect(later.configs).toEqual(whole.configs);
    for (const rung of RUNGS.keys()) {
      expect(later.segment(rung, FIRST_SEGMENT + 2).length).toBe(30);
      expect(later.segment(rung, FIRST_SEGMENT + 2)).toEqual(whole.segment(rung, FIRST_SEGMENT + 2));
    }
  },
  DEADLINE_MS,
);

test(
  "in locked coding too HEVC and AV1 go on in mid-segment where another worker's frames end",
  async () => {
    const clip = makeClip({ seconds: 4 });
    const [older, younger] = [start(clip, { coding: "locked" }), start(clip, { coding: "locked" })];
    await Promise.all([older.feed(clip.frames).finish(), younger.feed(clip.frames.slice(31)).finish()]);
    expect(younger.configs).toEqual(older.configs);
    for (const [rung, config] of older.configs.entries()) {
      const payloadsOf = (run: Run): Uint8Array[] =>
        (run.frames[rung] ?? []).filter(({ segment }) => segment >= FIRST_SEGMENT + 2).map(({ payload }) => payload);
      const [whole, other] = [payloadsOf(older), payloadsOf(younger)];
      const spliced = [...whole.slice(0, 17), ...other.slice(17)];
      const { errors, luma } = lumaOf(config, spliced);
      expect([errors, luma.length]).toEqual(["", 60]);
      const uninterrupted = lumaOf(config, whole).luma;
      const worst = Math.min(...luma.map((picture, i) => psnrOf(picture, uninterrupted[i] ?? picture)));
      // AV1 is the same in both.
      expect(worst).toBeGreaterThan(config.codec === "av1" ? 99 : 32);
    }
  },
  DEADLINE_MS,
);
