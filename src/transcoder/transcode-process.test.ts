import { afterEach, expect, test } from "bun:test";
import { splitLengthPrefixed } from "#media/codecs/nal.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { Rung } from "./rung.ts";
import {
  type Clip,
  type ClipOptions,
  FIRST_SEGMENT,
  HURRIED_CLOCK,
  makeClip,
  Run,
  rungOf,
  x264,
} from "./transcode-rig.ts";

const DEADLINE_MS = 20_000;
const RUNGS: readonly Rung[] = [rungOf(426, 240, 300_000), rungOf(320, 180, 150_000)];

const runs: Run[] = [];
const clips = new Map<string, Clip>();

afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

function clipOf(options: ClipOptions = {}): Clip {
  const key = JSON.stringify(options);
  const clip = clips.get(key) ?? makeClip(options);
  clips.set(key, clip);
  return clip;
}

function start(clip: Clip, rungs: readonly Rung[] = RUNGS): Run {
  const run = new Run(clip, rungs);
  runs.push(run);
  return run;
}

function isIdr({ payload }: { payload: Uint8Array }): boolean {
  return splitLengthPrefixed(payload).some((unit) => ((unit[0] ?? 0) & 0x1f) === 5);
}

function bySegment(frames: readonly Frame[]): Map<number, Frame[]> {
  return Map.groupBy(frames, ({ segment }) => segment);
}

/** Every rule a whole rung keeps, against the source it was made of. */
function expectWhole(run: Run, source: readonly Frame[]): void {
  expect(run.faults).toEqual([]);
  for (const [r, rung] of run.rungs.entries()) {
    const divisor = rung.frameRateDivisor;
    for (const [segment, frames] of bySegment(source)) {
      const made = run.segment(r, segment);
      const shown = frames.map(({ dts, ptsOffset }) => dts + ptsOffset).sort((a, b) => a - b);
      expect(made.map(({ index }) => index)).toEqual(frames.filter((_, i) => i % divisor === 0).map((_, i) => i));
      expect(run.sealed[r]?.get(segment)).toBe(made.length);
      expect(made.map(({ dts }) => dts)).toEqual(frames.filter((_, i) => i % divisor === 0).map(({ dts }) => dts));
      expect(made.map(({ dts, ptsOffset }) => dts + ptsOffset)).toEqual(shown.filter((_, i) => i % divisor === 0));
      expect(made.map(isIdr)).toEqual(made.map((_, i) => i === 0));
      expect(made.map(({ keyframe }) => keyframe)).toEqual(made.map((_, i) => i === 0));
    }
    const all = run.frames[r] ?? [];
    for (const [i, frame] of all.entries()) {
      const next = all[i + 1];
      if (next !== undefined) expect(frame.dts + frame.duration).toBe(next.dts);
    }
    const last = source.at(-1);
    expect((all.at(-1)?.dts ?? 0) + (all.at(-1)?.duration ?? 0)).toBe((last?.dts ?? 0) + (last?.duration ?? 0));
    expect(run.configs[r]).toMatchObject({ width: rung.width, height: rung.height });
    const { errors, pictures } = run.decode(r);
    expect(errors).toBe("");
    expect(pictures.length).toBe(all.length);
  }
}

test(
  "every rung has the source's segments, frame for frame, each beginning with its only IDR",
  async () => {
    const clip = clipOf();
    const run = await start(clip).feed(clip.frames).finish();
    expectWhole(run, clip.frames);
    expect(new Set(run.decode(0).pictures).size).toBe(clip.frames.length);
    expect(run.process.behindMicros).toBe(0);
  },
  DEADLINE_MS,
);

test(
  "a source that reorders its pictures loses none, at a rate of 60 pictures too, of which a small rung has every second",
  async () => {
    const clip = clipOf({ fps: 60, seconds: 3, encode: x264(61, 3) });
    const rungs = [rungOf(640, 360, 800_000), rungOf(320, 180, 150_000, 2)];
    const run = await start(clip, rungs).feed(clip.frames).finish();
    expectWhole(run, clip.frames);
    expect(new Set(run.decode(0).pictures).size).toBe(clip.frames.length);
  },
  DEADLINE_MS,
);

test(
  "workers with different pasts make the same bytes",
  async () => {
    for (const encode of [x264(30), x264(30, 2)]) {
      const clip = clipOf({ encode });
      const whole = await start(clip).feed(clip.frames).finish();
      const later = await start(clip).feed(clip.frames.slice(40)).finish();
      expect(later.configs).toEqual(whole.configs);
      expect(later.segment(0, FIRST_SEGMENT + 1)).toEqual([]);
      for (const segment of [2, 3].map((n) => FIRST_SEGMENT + n)) {
        for (const rung of RUNGS.keys()) expect(later.segment(rung, segment)).toEqual(whole.segment(rung, segment));
        expect(later.segment(0, segment).length).toBe(30);
      }
    }
  },
  DEADLINE_MS,
);

test(
  "where pictures are shown before the keyframe that they follow, a worker that joins lets a segment go by, and then makes the same bytes",
  async () => {
    const clip = clipOf({ encode: x264(30, 2, "open-gop=1") });
    const whole = await start(clip).feed(clip.frames).finish();
    expectWhole(whole, clip.frames);
    expect(new Set(whole.decode(0).pictures).size).toBe(clip.frames.length);
    const later = await start(clip)
      .feed(clip.frames.filter(({ segment }) => segment > FIRST_SEGMENT))
      .finish();
    expect([...(later.sealed[0]?.keys() ?? [])]).toEqual([FIRST_SEGMENT + 2, FIRST_SEGMENT + 3]);
    for (const rung of RUNGS.keys()) {
      for (const segment of later.sealed[0]?.keys() ?? [])
        expect(later.segment(rung, segment)).toEqual(whole.segment(rung, segment));
    }
    expect(later.process.behindMicros).toBe(0);
  },
  DEADLINE_MS,
);

test(
  "pixel aspect and colours of the source are the rungs'",
  async () => {
    const vui = "sar=4/3:colorprim=smpte170m:transfer=bt709:colormatrix=smpte170m:fullrange=on";
    const clip = clipOf({ seconds: 1, encode: x264(30, 0, vui) });
    const run = await start(clip).feed(clip.frames).finish();
    expectWhole(run, clip.frames);
    const colour = { primaries: 6, transfer: 1, matrix: 6, fullRange: true };
    for (const config of [clip.config, ...run.configs])
      expect(config).toMatchObject({ pixelAspect: { num: 4, den: 3 }, colour });
  },
  DEADLINE_MS,
);

test(
  "a damaged or empty frame costs its picture, never its place",
  async () => {
    const clip = clipOf({ encode: x264(30, 2) });
    const damaged = clip.frames.map((frame, i) => {
      if (![10, 45, 60, 75].includes(i)) return frame;
      const payload = i === 10 ? new Uint8Array(0) : Uint8Array.from(frame.payload);
      for (let at = 4; at < payload.length; at++) payload[at] = (at * 7919 + i) & 0xff;
      return { ...frame, payload };
    });
    expectWhole(await start(clip).feed(damaged).finish(), damaged);
  },
  DEADLINE_MS,
);

test(
  "a segment without a keyframe begins with one in the rungs, and held pictures are pictures",
  async () => {
    const clip = clipOf({ encode: x264(60) });
    const key = clip.frames[0];
    const frames = clip.frames.map((frame, i): Frame => {
      const segment = FIRST_SEGMENT + Math.floor(i / 20);
      const index = i % 20;
      const cut = index === 0 ? FrameFlag.CUT : 0;
      if (i < 100 || key === undefined) return { ...frame, segment, index, flags: (frame.flags & FrameFlag.KEY) | cut };
      return { ...frame, segment, index, flags: FrameFlag.KEY | FrameFlag.SLATE | cut, payload: key.payload };
    });
    expectWhole(await start(clip).feed(frames).finish(), frames);
  },
  DEADLINE_MS,
);

test(
  "frames come back without waiting for the next ones",
  async () => {
    const clip = clipOf();
    const run = start(clip);
    for (const [i, frame] of clip.frames.slice(0, 40).entries()) {
      run.feed([frame]);
      await run.until(() => run.frames.every((frames) => frames.length === i + 1));
    }
    expect(run.process.behindMicros).toBe(0);
    expect(run.firstFrameMs).toBeLessThan(2000);
  },
  DEADLINE_MS,
);

test(
  "a source that changes its size in mid-broadcast keeps its rungs",
  async () => {
    const small = clipOf({ seconds: 2 });
    const large = clipOf({ seconds: 2, size: "854x480" });
    const afterTicks = 60 * 3000;
    const rest = large.frames.map((frame) => ({ ...frame, segment: frame.segment + 2, dts: frame.dts + afterTicks }));
    const run = start(small).feed(small.frames);
    run.process.source(large.config);
    await run.feed(rest).finish();
    expectWhole(run, [...small.frames, ...rest]);
  },
  DEADLINE_MS,
);

test(
  "a missing frame costs the rest of its segment; the next one is whole",
  async () => {
    const clip = clipOf();
    const run = await start(clip)
      .feed(clip.frames.filter((_, i) => i !== 40))
      .finish();
    expect([...(run.sealed[0] ?? [])]).toEqual([0, 2, 3].map((n) => [FIRST_SEGMENT + n, 30]));
    expect(run.segment(0, FIRST_SEGMENT + 1).length).toBeLessThanOrEqual(10);
    expect(run.faults).toEqual([]);
  },
  DEADLINE_MS,
);

test(
  "HEVC and AV1 are decoded too",
  async () => {
    const codecs = [
      [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "keyint=30:min-keyint=30:bframes=0:open-gop=0:aud=1:log-level=none",
      ],
      ["-c:v", "libsvtav1", "-preset", "12", "-g", "30", "-svtav1-params", "pred-struct=1"],
    ];
    for (const encode of codecs) {
      const clip = clipOf({ seconds: 2, encode });
      expectWhole(await start(clip).feed(clip.frames).finish(), clip.frames);
    }
  },
  DEADLINE_MS,
);

test(
  "a killed worker is told once, and nothing follows",
  async () => {
    const clip = clipOf();
    const run = start(clip).feed(clip.frames.slice(0, 60));
    await run.until(() => run.segment(0, FIRST_SEGMENT).length > 5);
    process.kill(run.process.pid ?? 0, "SIGKILL");
    await run.until(() => run.faults.length > 0);
    const count = run.frames.flat().length;
    run.feed(clip.frames.slice(60));
    await run.process.finish();
    await run.process.stop();
    expect(run.faults.map(({ code }) => code)).toEqual(["TRANSCODER_FAILED"]);
    expect(run.frames.flat().length).toBe(count);
  },
  DEADLINE_MS,
);

test(
  "a worker that hangs while frames wait is killed and told as stalled",
  async () => {
    const clip = clipOf();
    const run = new Run(clip, RUNGS, HURRIED_CLOCK);
    runs.push(run);
    await run.until(() => run.configs.length > 0);
    process.kill(run.process.pid ?? 0, "SIGSTOP");
    run.feed(clip.frames);
    await run.until(() => run.faults.length > 0);
    expect(run.process.behindMicros).toBe(4_000_000);
    await run.process.stop();
    expect(run.faults.map(({ code }) => code)).toEqual(["TRANSCODER_STALLED"]);
  },
  DEADLINE_MS,
);

test(
  "a stopped worker tells nothing more",
  async () => {
    const clip = clipOf();
    const run = start(clip).feed(clip.frames);
    await run.until(() => run.frames.flat().length > 0);
    await run.process.stop();
    await run.process.stop();
    expect(run.faults).toEqual([]);
    expect(() => process.kill(run.process.pid ?? 0, 0)).toThrow();
  },
  DEADLINE_MS,
);
