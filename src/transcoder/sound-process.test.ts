import { afterEach, expect, test } from "bun:test";
import type { Frame } from "#media/frame.ts";
import {
  FIRST_SEGMENT,
  makeSound,
  type SoundClip,
  type SoundOptions,
  SoundRun,
  type SoundRunOptions,
} from "./sound-rig.ts";

const DEADLINE_MS = 20_000;

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
