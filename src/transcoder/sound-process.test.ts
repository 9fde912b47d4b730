import { afterEach, expect, test } from "bun:test";
import type { Frame } from "#media/frame.ts";
import {
  FIRST_SEGMENT,
  makeSound,
  SMALL_RUNG,
  type SoundClip,
  type SoundOptions,
  SoundRun,
  type SoundRunOptions,
} from "./sound-rig.ts";

const DEADLINE_MS = 30_000;
const BLOCK = 1024;
const BOTH_RUNGS = [{ name: "audio-aac", bitrate: 128_000, channels: 2 }, SMALL_RUNG] as const;

/** Sources that are not AAC, by what makes them. */
const OTHERS: Readonly<Record<string, SoundOptions>> = {
  "opus of 20 ms": { encode: ["-c:a", "libopus", "-b:a", "128k"] },
  "opus of 2.5 ms": { encode: ["-c:a", "libopus", "-b:a", "128k", "-frame_duration", "2.5"] },
  "opus of 60 ms": { encode: ["-c:a", "libopus", "-b:a", "128k", "-frame_duration", "60"] },
  mp3: { encode: ["-c:a", "libmp3lame", "-b:a", "128k"], sampleRate: 44_100 },
  ac3: { encode: ["-c:a", "ac3", "-b:a", "192k"] },
  eac3: { encode: ["-c:a", "eac3", "-b:a", "192k"] },
  flac: { encode: ["-c:a", "flac"] },
};

const runs: SoundRun[] = [];
const clips = new Map<string, SoundClip>();

afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.process.stop()));
});

function clipOf(options: SoundOptions = {}): SoundClip {
  const key = JSON.stringify(options);
  const clip = clips.get(key) ?? makeSound(options);
  clips.set(key, clip);
  return clip;
}

function start(clip: SoundClip, options?: SoundRunOptions): SoundRun {
  const run = new SoundRun(clip, options);
  runs.push(run);
  return run;
}

function place({ segment, index, dts, duration }: Pick<Frame, "segment" | "index" | "dts" | "duration">): unknown {
  return { segment, index, dts, duration };
}

/** Decibels of the source over what a rung adds to it, block by block; the first and last ones of a broadcast are left out. */
function fidelity(clip: SoundClip, run: SoundRun, rung = 0): number[] {
  const { heard, errors } = run.decode(rung);
  expect(errors).toBe("");
  const from = (run.frames[rung]?.[0]?.dts ?? 0) - (clip.frames[0]?.dts ?? 0);
  const blocks = Math.floor(Math.min(heard.length, clip.heard.length - from) / BLOCK);
  return Array.from({ length: blocks }, (_, block) => {
    let signal = 0;
    let noise = 0;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      const wanted = clip.heard[i + from] ?? 0;
      signal += wanted ** 2;
      noise += (wanted - (heard[i] ?? 0)) ** 2;
    }
    return 10 * Math.log10(signal / noise);
  }).slice(4, -2);
}

function indexOfPeak(samples: Float32Array): number {
  return samples.reduce((best, sample, i) => (Math.abs(sample) > Math.abs(samples[best] ?? 0) ? i : best), 0);
}

/** What every rung keeps: contiguous times, positions from 0 in each segment, the count that its end tells. */
function expectOrder(run: SoundRun): void {
  expect(run.faults).toEqual([]);
  for (const [rung, frames] of run.frames.entries()) {
    for (const [i, { dts, duration }] of frames.entries()) {
      const next = frames[i + 1];
      if (next !== undefined) expect(dts + duration).toBe(next.dts);
    }
    for (const [segment, count] of run.sealed[rung] ?? []) {
      expect(run.segment(rung, segment).map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i));
    }
  }
}

test(
  "a rung has the source's frames, one for one, where the source is AAC",
  async () => {
    const clip = clipOf();
    const run = await start(clip).feed(clip.frames).finish();
    expect(run.faults).toEqual([]);
    expect(run.configs).toMatchObject([{ codec: "aac", codecs: "mp4a.40.2", sampleRate: 48_000, channels: 2 }]);
    expect(run.frames[0]?.map(place)).toEqual(clip.frames.map(place));
    expect(run.frames[0]?.every(({ keyframe }) => keyframe)).toBe(true);
    const counts = Map.groupBy(clip.frames, ({ segment }) => segment);
    expect(run.sealed).toEqual([new Map([...counts].map(([segment, frames]) => [segment, frames.length]))]);
    expect(run.process.behindMicros).toBe(0);
    expect(run.decode().errors).toBe("");
  },
  DEADLINE_MS,
);

test(
  "workers with different pasts make the same bytes",
  async () => {
    const clip = clipOf();
    const whole = await start(clip).feed(clip.frames).finish();
    for (const joinedAt of [20, 47, 30]) {
      const later = await start(clip, { isFromStart: false }).feed(clip.frames.slice(joinedAt)).finish();
      expect(later.configs).toEqual(whole.configs);
      const first = joinedAt === 47 ? FIRST_SEGMENT + 2 : FIRST_SEGMENT + 1;
      expect(later.frames[0]?.[0]?.segment).toBe(first);
      expect(later.frames[0]).toEqual((whole.frames[0] ?? []).filter(({ segment }) => segment >= first));
    }
  },
  DEADLINE_MS,
);

for (const [name, options] of Object.entries(OTHERS)) {
  test(
    `${name} gives two rungs on a grid of its own, like the source across all cuts, and the same from a worker that joins`,
    async () => {
      const clip = clipOf({ offset: 12_345, segmentSeconds: 0.7, ...options });
      const rungs = [...BOTH_RUNGS];
      const run = await start(clip, { rungs }).feed(clip.frames).finish();
      expectOrder(run);
      const segments = [...Map.groupBy(clip.frames, ({ segment }) => segment)];
      for (const [rung] of rungs.entries()) {
        const frames = run.frames[rung] ?? [];
        expect(frames.every(({ dts, duration }) => dts % BLOCK === 0 && duration === BLOCK)).toBe(true);
        for (const [segment, own] of segments) {
          const endDts = (own.at(-1)?.dts ?? 0) + (own.at(-1)?.duration ?? 0);
          const isOwn = ({ dts }: { dts: number }): boolean => dts >= (own[0]?.dts ?? 0) && dts < endDts;
          expect(run.segment(rung, segment)).toEqual(frames.filter(isOwn));
          expect(run.sealed[rung]?.get(segment)).toBe(frames.filter(isOwn).length);
        }
        expect(Math.min(...fidelity(clip, run, rung))).toBeGreaterThan(30);
      }
      const joinedAt = Math.floor(clip.frames.length * 0.4);
      const later = await start(clip, { rungs, isFromStart: false }).feed(clip.frames.slice(joinedAt)).finish();
      const first = later.frames[0]?.[0]?.segment ?? 0;
      expect(first).toBeLessThanOrEqual((clip.frames[joinedAt]?.segment ?? 0) + 1);
      expect(later.frames).toEqual(run.frames.map((frames) => frames.filter(({ segment }) => segment >= first)));
    },
    DEADLINE_MS,
  );
}

test(
  "no click is heard at a cut: a tone is as true there as elsewhere, and as smooth",
  async () => {
    const clip = clipOf({ segmentSeconds: 0.3 });
    const run = await start(clip).feed(clip.frames).finish();
    expect(Math.min(...fidelity(clip, run))).toBeGreaterThan(50);
    const { heard } = run.decode();
    const steps = heard.map((sample, i) => Math.abs(sample - (heard[i - 1] ?? sample))).slice(4 * BLOCK, -2 * BLOCK);
    // The steepest step of a sine of 1 kHz and an amplitude of 0.4 at 48 kHz.
    expect(Math.max(...steps)).toBeLessThan(0.4 * 2 * Math.PI * (1000 / 48_000) * 1.02);
  },
  DEADLINE_MS,
);

for (const [name, options] of Object.entries({ aac: {}, ...OTHERS })) {
  test(
    `what is heard at one time in ${name} is heard at the same time in the rung`,
    async () => {
      const clip = clipOf({ ...options, wave: "0.9*eq(n,70000)|0.9*eq(n,70000)", seconds: 2, offset: 4321 });
      const run = await start(clip).feed(clip.frames).finish();
      const from = (run.frames[0]?.[0]?.dts ?? 0) - (clip.frames[0]?.dts ?? 0);
      const peak = indexOfPeak(run.decode().heard) + from;
      expect(Math.abs(peak - indexOfPeak(clip.heard))).toBeLessThanOrEqual(1);
      expect(peak).toBeGreaterThan(69_000);
    },
    DEADLINE_MS,
  );
}

test(
  "of surround sound everything but the low frequency effects is in the stereo of the rung, and mono stays mono",
  async () => {
    const tone = "0.4*sin(2*PI*1000*t)";
    for (const [codec, waves, share] of [
      ["ac3", ["0", "0", tone, "0", "0", "0"], 0.5],
      ["eac3", ["0", "0", "0", "0", tone, "0"], 0.5],
      ["aac", [tone, "0", "0", "0", "0", "0"], 1],
      ["flac", ["0", "0", "0", tone, "0", "0"], 0],
    ] as const) {
      const clip = clipOf({ wave: waves.join("|"), encode: ["-c:a", codec], seconds: 1 });
      expect(clip.config.channels).toBe(6);
      const run = await start(clip).feed(clip.frames).finish();
      const heard = run.decode().heard.subarray(8 * BLOCK, -8 * BLOCK);
      const power = heard.reduce((sum, sample) => sum + sample ** 2 / heard.length, 0);
      expect(power).toBeCloseTo(0.08 * share, 2);
    }
    const mono = clipOf({ wave: tone, seconds: 1 });
    const run = await start(mono, { rungs: [{ ...SMALL_RUNG, channels: 1 }] })
      .feed(mono.frames)
      .finish();
    expect(run.configs).toMatchObject([{ channels: 1 }]);
    expect(Math.min(...fidelity(mono, run))).toBeGreaterThan(50);
  },
  DEADLINE_MS,
);
