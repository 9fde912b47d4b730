import { afterEach, expect, test } from "bun:test";
import { systemClock } from "#time/system-clock.ts";
import { lumaOf, psnrOf } from "./rung-rig.ts";
import { FIRST_SEGMENT, makeClip, Run, rungOf, x264 } from "./transcode-rig.ts";
import type { RungFrame } from "./transcode-process.ts";

const SPLICES = 20;
const PSNR_DB_MIN = 38;
const GOP_PICTURES = 30;
const DEADLINE_MS = 60_000;
const runs: Run[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

function start(clip: ReturnType<typeof makeClip>): Run {
  const run = new Run(clip, [rungOf(320, 180, 600_000)], systemClock, { coding: "locked" });
  runs.push(run);
  return run;
}

/** For each segment a picture other than its first. */
function placesIn(segments: number): number[] {
  return Array.from({ length: segments }, () => 1 + Math.floor(Math.random() * (GOP_PICTURES - 1)));
}

test(
  "in locked coding one worker goes on in mid-segment where another one's frames end",
  async () => {
    const clip = makeClip({ seconds: SPLICES + 2, encode: x264(GOP_PICTURES) });
    const older = start(clip).feed(clip.frames);
    const younger = start(clip).feed(clip.frames.slice(GOP_PICTURES + 7));
    await Promise.all([older.finish(), younger.finish()]);
    expect(younger.configs).toEqual(older.configs);
    const [config] = older.configs;
    if (config === undefined) throw new Error("no configuration");
    const sharedFrom = FIRST_SEGMENT + 2;
    const [whole, other] = [older, younger].map((run) =>
      (run.frames[0] ?? []).filter(({ segment }) => segment >= sharedFrom),
    );
    if (whole === undefined || other === undefined) throw new Error("no frames");
    const nameOf = ({ payload: _payload, ...name }: RungFrame): unknown => name;
    expect(other.map(nameOf)).toEqual(whole.map(nameOf));
    // They have different pasts, and it shows: or there would be nothing to test.
    expect(other.filter(({ payload }, i) => Buffer.compare(payload, whole[i]?.payload ?? payload) !== 0)).not.toEqual(
      [],
    );

    const places = placesIn(SPLICES);
    // Now the one, now the other is lost.
    const spliced = whole.map((frame, i) => {
      const segment = Math.floor(i / GOP_PICTURES);
      const isAfter = i % GOP_PICTURES >= (places[segment] ?? 0);
      return isAfter === (segment % 2 === 0) ? other[i] : frame;
    });
    const seen = lumaOf(
      config,
      spliced.map((frame) => frame?.payload ?? new Uint8Array(0)),
    );
    const uninterrupted = lumaOf(
      config,
      whole.map(({ payload }) => payload),
    );
    expect(seen.errors).toBe("");
    expect(seen.luma.length).toBe(whole.length);
    const ratios = seen.luma.map((picture, i) => psnrOf(picture, uninterrupted.luma[i] ?? picture));
    const poor = ratios.flatMap((ratio, i) => (ratio < PSNR_DB_MIN ? [{ i, ratio, places }] : []));
    expect(poor).toEqual([]);
  },
  DEADLINE_MS,
);

test(
  "in locked coding a segment still begins with its only IDR, and what was given up leaves nothing behind",
  async () => {
    const clip = makeClip({ seconds: 6, encode: x264(GOP_PICTURES) });
    const run = start(clip).feed(clip.frames.filter((_, i) => i !== 40));
    await run.finish();
    const frames = run.frames[0] ?? [];
    expect([...(run.sealed[0]?.keys() ?? [])]).toEqual([0, 2, 3, 4, 5].map((n) => FIRST_SEGMENT + n));
    for (const { payload, index, keyframe } of frames) {
      expect(keyframe).toBe(index === 0);
      expect((payload[4] ?? 0) & 0x1f).toBe(index === 0 ? 5 : 1);
    }
  },
  DEADLINE_MS,
);
