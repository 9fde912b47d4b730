import { afterEach, expect, test } from "bun:test";
import * as fc from "fast-check";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { silentAacFrame } from "#media/codecs/silent-aac.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import {
  FIRST_SEGMENT,
  framesOf,
  makeSound,
  SMALL_RUNG,
  type SoundClip,
  type SoundOptions,
  SoundRun,
  type SoundRunOptions,
} from "./sound-rig.ts";

const DEADLINE_MS = 30_000;
const BLOCK = 1024;
const OPUS = { encode: ["-c:a", "libopus", "-b:a", "128k"] } as const;

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

function start(clip: Omit<SoundClip, "frames" | "heard">, options?: SoundRunOptions): SoundRun {
  const run = new SoundRun(clip, options);
  runs.push(run);
  return run;
}

function endOf(span: { readonly dts: number; readonly duration: number } | undefined): number {
  return (span?.dts ?? 0) + (span?.duration ?? 0);
}

/** What every rung keeps: contiguous times, positions from 0 in each segment, the count that its end tells. */
function expectOrder(run: SoundRun): void {
  expect(run.faults).toEqual([]);
  for (const [rung, frames] of run.frames.entries()) {
    for (const [i, frame] of frames.entries()) {
      const next = frames[i + 1];
      if (next !== undefined) expect(endOf(frame)).toBe(next.dts);
    }
    for (const [segment, count] of run.sealed[rung] ?? []) {
      expect(run.segment(rung, segment).map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i));
    }
  }
}

/** Loudness of each block, as the mean of the squares. */
function powers(samples: Float32Array): number[] {
  return Array.from({ length: Math.floor(samples.length / BLOCK) }, (_, block) =>
    samples.subarray(block * BLOCK, (block + 1) * BLOCK).reduce((sum, sample) => sum + sample ** 2 / BLOCK, 0),
  );
}

/** Zero crossings upwards, per second. */
function pitch(samples: Float32Array, sampleRate: number): number {
  const crossings = samples.reduce((n, sample, i) => n + (sample >= 0 && (samples[i - 1] ?? 0) < 0 ? 1 : 0), 0);
  return (crossings * sampleRate) / samples.length;
}

/** Units of frames, to be cut anew. */
function cutAnew(frames: readonly Frame[], cutsAt: (i: number) => boolean): Frame[] {
  let segment = FIRST_SEGMENT - 1;
  let index = 0;
  return frames.map((frame, i) => {
    const isCut = i === 0 || cutsAt(i);
    index = isCut ? 0 : index + 1;
    if (isCut) segment++;
    return { ...frame, segment, index, flags: isCut ? FrameFlag.KEY | FrameFlag.CUT : FrameFlag.KEY };
  });
}

test(
  "a missing frame costs the rest of its segment; the next one is the same as ever",
  async () => {
    for (const options of [{}, OPUS]) {
      const clip = clipOf(options);
      const whole = await start(clip).feed(clip.frames).finish();
      const holed = await start(clip)
        .feed(clip.frames.filter(({ segment, index }) => segment !== FIRST_SEGMENT + 1 || index !== 20))
        .finish();
      expect(holed.faults).toEqual([]);
      expect(holed.sealed[0]?.has(FIRST_SEGMENT + 1)).toBe(false);
      const kept = holed.segment(0, FIRST_SEGMENT + 1);
      expect(kept).toEqual(whole.segment(0, FIRST_SEGMENT + 1).slice(0, kept.length));
      expect(kept.length).toBeGreaterThan(15);
      expect(kept.length).toBeLessThan(20);
      for (const n of [0, 2, 3])
        expect(holed.segment(0, FIRST_SEGMENT + n)).toEqual(whole.segment(0, FIRST_SEGMENT + n));
    }
  },
  DEADLINE_MS,
);

test(
  "a damaged or empty frame is silence, or what is left of it, and never costs its place",
  async () => {
    const clip = clipOf();
    const broken = clip.frames.map((frame, i) => {
      if (i === 60) return { ...frame, payload: new Uint8Array(0) };
      return i === 61 || i === 94 ? { ...frame, payload: Uint8Array.of(0xff, 0xff, 0xff) } : frame;
    });
    const run = await start(clip).feed(broken).finish();
    expectOrder(run);
    expect(run.frames[0]?.map(({ dts }) => dts)).toEqual(clip.frames.map(({ dts }) => dts));
    const loudness = powers(run.decode().heard);
    expect(loudness[60]).toBeLessThan(0.04);
    expect(loudness[61]).toBeLessThan(0.01);
    // A sine of amplitude 0.4.
    expect(loudness[70]).toBeCloseTo(0.08, 3);
  },
  DEADLINE_MS,
);

test(
  "noise in the place of frames ends no worker",
  async () => {
    const codecs = ["libopus", "libmp3lame", "ac3", "eac3", "flac", "aac"];
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
    const noise = fc.sample(fc.record({ at: fc.nat(), bytes, isAlone: fc.boolean() }), { numRuns: 500, seed: 4 });
    await Promise.all(
      codecs.map(async (codec) => {
        const clip = clipOf({ encode: ["-c:a", codec, "-b:a", "128k"], seconds: 2 });
        const frames = clip.frames.map((frame, i) => {
          const { at = 0, bytes = new Uint8Array(0), isAlone = false } = (i % 3 === 0 ? noise[i] : undefined) ?? {};
          if (isAlone) return { ...frame, payload: bytes };
          const payload = Uint8Array.from(frame.payload);
          const place = at % payload.byteLength;
          payload.set(bytes.subarray(0, payload.byteLength - place), place);
          return { ...frame, payload };
        });
        const run = await start(clip).feed(frames).finish();
        const clean = await start(clip).feed(clip.frames).finish();
        expectOrder(run);
        const timesOf = ({ frames: [made = []] }: SoundRun): unknown =>
          made.map(({ segment, index, dts, duration }) => [segment, index, dts, duration]);
        expect(timesOf(run)).toEqual(timesOf(clean));
        expect(run.decode().errors).toBe("");
      }),
    );
  },
  DEADLINE_MS,
);

test(
  "a source that comes back with another sample rate and other channels keeps its rung",
  async () => {
    const before = clipOf();
    const after = clipOf({ sampleRate: 44_100, encode: ["-c:a", "aac", "-ac", "1"], seconds: 3 });
    const startDts = endOf(before.frames.at(-1));
    const lastSegment = before.frames.at(-1)?.segment ?? 0;
    const units = after.frames.map(({ payload }, i) => {
      const dts = startDts + Math.floor((i * BLOCK * 48_000) / 44_100);
      return { dts, duration: startDts + Math.floor(((i + 1) * BLOCK * 48_000) / 44_100) - dts, payload };
    });
    const changed = framesOf(units, 48_000).map((frame, i) => ({
      ...frame,
      segment: frame.segment - FIRST_SEGMENT + lastSegment + 1,
      flags: i === 0 ? frame.flags | FrameFlag.DISCONTINUITY : frame.flags,
    }));
    const run = start(before).feed(before.frames);
    run.process.seal(lastSegment, (before.frames.at(-1)?.index ?? 0) + 1);
    run.process.source(after.config);
    await run.feed(changed).finish();
    expectOrder(run);
    expect(run.configs).toMatchObject([{ sampleRate: 48_000, channels: 2 }]);
    const made = run.frames[0] ?? [];
    const at = made.findIndex(({ segment }) => segment > lastSegment);
    expect(made.slice(at).every(({ dts }) => dts % BLOCK === 0)).toBe(true);
    const { heard, errors } = run.decode();
    expect(errors).toBe("");
    const later = heard.subarray((at + 4) * BLOCK, (made.length - 4) * BLOCK);
    expect(Math.abs(pitch(later, 48_000) - 1000)).toBeLessThan(1);
    expect(Math.min(...powers(later))).toBeGreaterThan(0.077);
    // A worker that begins with the new parameters makes the same.
    const fresh = await start({ config: after.config, timescale: 48_000 }, { isFromStart: false })
      .feed(changed)
      .finish();
    expect(fresh.configs).toEqual(run.configs);
    expect(fresh.frames[0]).toEqual(made.slice(at));
  },
  DEADLINE_MS,
);

test(
  "segments of one frame each, and segments without any, have their place",
  async () => {
    for (const options of [{ seconds: 2 }, { ...OPUS, seconds: 2 }]) {
      const clip = clipOf(options);
      const frames = cutAnew(clip.frames, (i) => i % 10 === 0 || (i > 40 && i < 60));
      const run = start(clip);
      const half = frames.findIndex((frame) => frame.segment === FIRST_SEGMENT + 2);
      run.feed(frames.slice(0, half));
      run.process.seal(FIRST_SEGMENT + 1, 10);
      run.process.seal(FIRST_SEGMENT + 2, 0);
      await run.feed(frames.slice(half).map((frame) => ({ ...frame, segment: frame.segment + 1 }))).finish();
      expectOrder(run);
      expect(run.sealed[0]?.get(FIRST_SEGMENT + 2)).toBe(0);
      expect([...(run.sealed[0]?.keys() ?? [])]).toEqual(
        Array.from({ length: (frames.at(-1)?.segment ?? 0) - FIRST_SEGMENT + 2 }, (_, i) => FIRST_SEGMENT + i),
      );
      const { heard } = run.decode();
      expect(Math.min(...powers(heard).slice(3, -2))).toBeGreaterThan(0.077);
    }
  },
  DEADLINE_MS,
);

test(
  "a rung that is switched off has no frames from the next segment on, and the same ones as ever when it is back",
  async () => {
    const clip = clipOf();
    const rungs = [{ name: "audio-aac", bitrate: 128_000, channels: 2 }, SMALL_RUNG];
    const whole = await start(clip, { rungs }).feed(clip.frames).finish();
    const run = start(clip, { rungs });
    const until = (segment: number): number => clip.frames.findIndex((frame) => frame.segment === segment);
    const [off, on] = [until(FIRST_SEGMENT + 1), until(FIRST_SEGMENT + 3)];
    run.feed(clip.frames.slice(0, off)).process.setRungs(0b10);
    run.feed(clip.frames.slice(off, on)).process.setRungs(0b11);
    await run.feed(clip.frames.slice(on)).finish();
    const isOff = (segment: number): boolean => segment === FIRST_SEGMENT + 1 || segment === FIRST_SEGMENT + 2;
    expect(run.frames[0]).toEqual((whole.frames[0] ?? []).filter(({ segment }) => !isOff(segment)));
    expect(run.frames[1]).toEqual(whole.frames[1] ?? []);
    expect(run.sealed).toEqual(whole.sealed);
    expect(run.process.behindMicros).toBe(0);
  },
  DEADLINE_MS,
);

test(
  "a correction of the clock is neither heard nor does it move the grid",
  async () => {
    const clip = clipOf({ ...OPUS, seconds: 3 });
    let dts = clip.frames[0]?.dts ?? 0;
    const units = clip.frames.map(({ payload }, i) => {
      const duration = 960 + (i % 50 === 25 ? 10 : 0);
      dts += duration;
      return { dts: dts - duration, duration, payload };
    });
    const run = await start(clip).feed(framesOf(units, 48_000)).finish();
    expectOrder(run);
    expect(run.frames[0]?.every(({ duration }) => duration === BLOCK)).toBe(true);
    const heard = run.decode().heard.slice(4 * BLOCK, -2 * BLOCK);
    const steps = heard.map((sample, i) => Math.abs(sample - (heard[i - 1] ?? sample)));
    expect(Math.max(...steps)).toBeLessThan(0.4 * 2 * Math.PI * (1000 / 48_000) * 1.05);
  },
  DEADLINE_MS,
);

test(
  "frames of 2048 samples become two each, and silence of ours is silence",
  async () => {
    const clip = clipOf({ sampleRate: 24_000, seconds: 3 });
    // The core's frames with spectral band replication signalled explicitly (ISO/IEC 14496-3 §1.6.2.1): object type 5, 24 and 48 kHz, stereo.
    const config = parseAacConfig(Uint8Array.of(0x2b, 0x11, 0x88, 0x00));
    expect(config).toMatchObject({ sampleRate: 48_000, samplesPerFrame: 2048, channels: 2 });
    const silence = silentAacFrame(parseAacConfig(buildAacLcConfig(24_000, 2))) ?? new Uint8Array(0);
    const units = clip.frames.map(({ payload }, i) => {
      const dts = 48_000 * 1000 + i * 2048;
      return { dts, duration: 2048, payload: i >= 40 ? silence : payload };
    });
    const frames = framesOf(units, 48_000);
    const run = await start({ config, timescale: 48_000 }).feed(frames).finish();
    expectOrder(run);
    expect(run.frames[0]?.map(({ dts }) => dts)).toEqual(units.flatMap(({ dts }) => [dts, dts + BLOCK]));
    for (const [segment, own] of Map.groupBy(frames, (frame) => frame.segment))
      expect(run.sealed[0]?.get(segment)).toBe(2 * own.length);
    const { heard } = run.decode();
    expect(Math.abs(pitch(heard.subarray(8 * BLOCK, 76 * BLOCK), 48_000) - 1000)).toBeLessThan(5);
    expect(Math.max(...powers(heard).slice(85))).toBeLessThan(1e-6);
  },
  DEADLINE_MS,
);

test(
  "a frame comes back as soon as the two after it have gone in",
  async () => {
    const clip = clipOf();
    const run = start(clip).feed(clip.frames.slice(0, 30));
    await run.until(() => (run.frames[0]?.length ?? 0) >= 28);
    expect(run.frames[0]?.length).toBe(28);
    expect(run.process.behindMicros).toBe(Math.round((2 * BLOCK * 1e6) / 48_000));
  },
  DEADLINE_MS,
);
