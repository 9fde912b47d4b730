import { describe, expect, test } from "bun:test";
import { FrameFlag, type RawFrame, type RawTrack } from "#media/frame.ts";
import { VIDEO_TIMESCALE } from "#media/track.ts";
import { GateRig } from "./gate-rig.ts";
import {
  AUDIO,
  audioConfig,
  encode,
  type EncoderOptions,
  type SimulatedFrame,
  VIDEO,
  videoConfig,
} from "./test-encoder.ts";

/*
 * Encoders that send several pictures or sounds (Enhanced RTMP multitrack).
 */

const SECOND_VIDEO: RawTrack = { kind: "video", number: 1 };
const SECOND_AUDIO: RawTrack = { kind: "audio", number: 1 };

const OPTIONS: EncoderOptions = {
  seconds: 12,
  video: { rate: { num: 30, den: 1 }, gopFrames: 60, bFrames: 2 },
  audio: { sampleRate: 48_000 },
};

/** Sound from before the first picture is shown, with B-frames: two frames' time for each track of sound. */
const EARLY_SOUND_MAX = 4;

/** The same session again on the second tracks, arriving with the first. */
function doubled(options: EncoderOptions, second: EncoderOptions): SimulatedFrame[] {
  const again = encode(second, 0).map((frame): SimulatedFrame => {
    const track = frame.raw.track.kind === "video" ? SECOND_VIDEO : SECOND_AUDIO;
    const raw: RawFrame = { ...frame.raw, track };
    return { ...frame, raw };
  });
  return [...encode(options, 0), ...again].sort((a, b) => a.arrivalMs - b.arrivalMs);
}

function start(): GateRig {
  const rig = new GateRig();
  rig.gate.openSession(0);
  rig.announce(OPTIONS);
  rig.configure(SECOND_VIDEO, videoConfig({ profile: 77 }));
  rig.configure(SECOND_AUDIO, audioConfig(44_100));
  return rig;
}

describe("several tracks", () => {
  test("have names of their own and share every cut", () => {
    const rig = start();
    rig.feed(doubled(OPTIONS, { ...OPTIONS, audio: { sampleRate: 44_100 } }));
    rig.gate.end("stopped", rig.nowMs);
    const { checker } = rig;
    expect(checker.tracks.map(({ name }) => name).sort()).toEqual(["audio", "audio-2", "source", "source-2"]);
    for (const track of checker.tracks) {
      const numbers = checker.segments(track.id).map(({ number }) => number);
      expect(numbers).toEqual(checker.cuts.map(({ segment }) => segment));
      for (const segment of checker.segments(track.id)) {
        expect((segment.frames[0]?.flags ?? 0) & FrameFlag.INDEPENDENT).toBe(FrameFlag.INDEPENDENT);
      }
    }
    expect(rig.gate.counters.dropped).toBeLessThanOrEqual(2 * EARLY_SOUND_MAX);
  });

  test("have pictures that begin each segment together also while stream time goes back", () => {
    for (const lagMs of [0, 700]) {
      const rig = start();
      const options = { ...OPTIONS, seconds: 60 };
      const frames = doubled(options, { ...options, audio: { sampleRate: 44_100 } });
      // Their clock is 0.2 % fast; the second picture comes later than the first, or not.
      const late = frames.map((frame) => {
        const arrivalMs = frame.arrivalMs * 0.998 + (frame.raw.track === SECOND_VIDEO ? lagMs : 0);
        return { ...frame, arrivalMs };
      });
      rig.feed(late.sort((a, b) => a.arrivalMs - b.arrivalMs));
      rig.gate.end("stopped", rig.nowMs);
      const { checker } = rig;
      const lengths = checker.cuts.slice(1).map((cut, i) => cut.startMicros - (checker.cuts[i]?.startMicros ?? 0));
      expect(lengths.filter((micros) => micros === 1_999_000).length).toBeGreaterThan(10);
      const [first = [], second = []] = checker.tracks
        .filter(({ config }) => config.kind === "video")
        .map(({ id }) => checker.segments(id).map((segment) => segment.frames[0]?.dts));
      expect(first.length).toBeGreaterThan(25);
      expect(second).toEqual(first);
    }
  });

  test("a second picture whose keyframes fall elsewhere claims no independence", () => {
    const rig = start();
    const second: EncoderOptions = { ...OPTIONS, video: { rate: { num: 30, den: 1 }, gopFrames: 45 } };
    rig.feed(doubled(OPTIONS, { ...second, audio: { sampleRate: 44_100 } }));
    rig.gate.end("stopped", rig.nowMs);
    const track = rig.checker.tracks.find(({ name }) => name === "source-2");
    const segments = rig.checker.segments(track?.id ?? -1);
    const independent = segments.filter(({ frames }) => ((frames[0]?.flags ?? 0) & FrameFlag.INDEPENDENT) !== 0);
    expect(segments.length).toBeGreaterThan(4);
    expect(independent.length).toBeLessThan(segments.length);
    expect(rig.gate.counters.dropped).toBeLessThanOrEqual(2 * EARLY_SOUND_MAX);
  });

  for (const [rate, slow] of [
    [
      { num: 60, den: 1 },
      { num: 30, den: 1 },
    ],
    [
      { num: 60_000, den: 1001 },
      { num: 30_000, den: 1001 },
    ],
  ] as const) {
    test(`a second picture of half the rate begins each segment with the first: ${rate.num}/${rate.den}`, () => {
      const rig = start();
      const first: EncoderOptions = { ...OPTIONS, video: { rate, gopFrames: 120 } };
      rig.feed(doubled(first, { ...OPTIONS, video: { rate: slow, gopFrames: 60 }, audio: { sampleRate: 44_100 } }));
      rig.gate.end("stopped", rig.nowMs);
      const [fast = [], half = []] = ["source", "source-2"].map((wanted) => {
        const track = rig.checker.tracks.find(({ name }) => name === wanted);
        return rig.checker.segments(track?.id ?? -1).map(({ number, frames }) => {
          const [head] = frames;
          const isIndependent = ((head?.flags ?? 0) & FrameFlag.INDEPENDENT) !== 0;
          return { number, dts: head?.dts ?? 0, isIndependent, frameCount: frames.length };
        });
      });
      expect(fast.length).toBeGreaterThanOrEqual(5);
      expect(fast.every(({ isIndependent }) => isIndependent)).toBe(true);
      const expected = fast.map(({ frameCount, ...rest }, i) => {
        // Each rate is measured from stamps in whole milliseconds.
        expect(Math.abs((half[i]?.dts ?? 0) - rest.dts)).toBeLessThanOrEqual(VIDEO_TIMESCALE / 1000);
        return { ...rest, dts: half[i]?.dts ?? 0, frameCount: Math.ceil(frameCount / 2) };
      });
      expect(half).toEqual(expected);
    });
  }

  test("a second sound that stops becomes silence beside the first", () => {
    const rig = start();
    rig.feed(doubled(OPTIONS, { ...OPTIONS, audio: { sampleRate: 44_100, untilSeconds: 5 } }));
    rig.gate.end("stopped", rig.nowMs);
    const track = rig.checker.tracks.find(({ name }) => name === "audio-2");
    const silent = rig.checker.frames(track?.id ?? -1).filter(({ flags }) => (flags & FrameFlag.SLATE) !== 0);
    expect(silent.length * 1024).toBeGreaterThan(5.5 * 44_100);
    const first = rig.checker.tracks.find(({ name }) => name === "audio");
    expect(rig.checker.frames(first?.id ?? -1).every(({ flags }) => (flags & FrameFlag.SLATE) === 0)).toBe(true);
  });

  test("frames of a track that was never configured are counted as dropped, and nothing else happens", () => {
    const rig = new GateRig();
    rig.gate.openSession(0);
    rig.announce(OPTIONS);
    rig.feed(doubled(OPTIONS, { seconds: 12, audio: { sampleRate: 44_100 } }));
    rig.gate.end("stopped", rig.nowMs);
    expect(rig.checker.tracks.map(({ name }) => name).sort()).toEqual(["audio", "source"]);
    const second = [...rig.sent.values()].filter(({ raw }) => raw.track === SECOND_AUDIO).length;
    expect(second).toBeGreaterThan(500);
    expect(rig.gate.counters.dropped - second).toBeLessThanOrEqual(EARLY_SOUND_MAX);
    expect(rig.gate.counters.dropped).toBeGreaterThanOrEqual(second);
  });
});

test("the tracks of a session may come in any order", () => {
  const rig = new GateRig();
  rig.gate.openSession(0);
  rig.gate.describe({ width: 1280, framerate: 30, audiosamplerate: 48_000 });
  rig.configure(AUDIO, audioConfig());
  rig.configure(VIDEO, videoConfig());
  rig.feed(encode(OPTIONS, 0));
  rig.gate.end("stopped", rig.nowMs);
  const source = rig.checker.tracks.find(({ name }) => name === "source");
  expect(rig.checker.frames(source?.id ?? -1).length).toBe(360);
  expect(rig.gate.counters.dropped).toBeLessThanOrEqual(EARLY_SOUND_MAX);
});
