import { describe, expect, test } from "bun:test";
import { FrameFlag } from "#media/frame.ts";
import { EPOCH_OFFSET_MS, GateRig } from "./gate-rig.ts";
import { AUDIO, encode, type EncoderOptions, idOf, VIDEO } from "./test-encoder.ts";

/*
 * What shows only after hours, and how evenly things come out.
 */

const SLOW: EncoderOptions = {
  seconds: 3 * 3_600,
  jitterMs: 3,
  video: { rate: { num: 10, den: 1 }, gopFrames: 20 },
};

/** A session whose clock runs `ppm` too fast: its frames arrive sooner than their stamps say. */
function drifting(rig: GateRig, options: EncoderOptions, ppm: number): void {
  rig.gate.openSession(0);
  rig.announce(options);
  const scale = 1 / (1 + ppm / 1e6);
  rig.feed(encode(options, 0).map((frame) => ({ ...frame, arrivalMs: frame.arrivalMs * scale })));
}

describe("an encoder's clock that drifts", () => {
  test.each([100, -100])("by %d ppm for three hours leaves stream time near the wall clock", (ppm) => {
    const rig = new GateRig();
    drifting(rig, SLOW, ppm);
    const frames = rig.checker.frames(0);
    const last = frames.at(-1);
    const wallMs = EPOCH_OFFSET_MS + rig.nowMs;
    const streamMs = ((last?.dts ?? 0) + (last?.duration ?? 0)) / 90;
    // Uncorrected it would be 1,080 ms away.
    expect(Math.abs(streamMs - wallMs)).toBeLessThan(250);
    for (const frame of frames) expect(Math.abs(frame.duration - 9_000)).toBeLessThanOrEqual(120);
    expect(rig.gate.counters).toMatchObject({ dropped: 0, held: 0, jumps: 0 });
  });

  test("keeps picture and sound together", () => {
    const rig = new GateRig();
    drifting(rig, { ...SLOW, seconds: 2_400, audio: { sampleRate: 48_000 } }, 100);
    const late = [0, 1].map((id) => {
      const frame = rig.checker.frames(id).findLast(({ flags }) => (flags & FrameFlag.SLATE) === 0);
      const meant = rig.sent.get(idOf(frame?.payload ?? new Uint8Array()) ?? 0)?.presentedMs ?? 0;
      return (((frame?.dts ?? 0) + (frame?.ptsOffset ?? 0)) * 1_000) / (id === 0 ? 90_000 : 48_000) - meant;
    });
    expect(Math.abs((late[0] ?? 0) - (late[1] ?? 0))).toBeLessThan(45);
  });
});

describe("what we make ourselves", () => {
  test("silence for sound that stopped comes in steps no longer than a part target", () => {
    const rig = new GateRig();
    const options: EncoderOptions = {
      seconds: 12,
      video: { rate: { num: 30, den: 1 }, gopFrames: 60 },
      audio: { sampleRate: 48_000 },
    };
    rig.gate.openSession(0);
    rig.announce(options);
    const steps: number[] = [];
    let before = 0;
    for (const frame of encode(options, 0)) {
      if (frame.raw.track === AUDIO && frame.arrivalMs > 4_000) continue;
      rig.feed([frame]);
      const count = rig.checker.frames(1).length;
      if (frame.arrivalMs > 6_500 && count > before) steps.push((count - before) * 1024);
      before = count;
    }
    expect(steps.length).toBeGreaterThan(9);
    expect(Math.max(...steps) / 48_000).toBeLessThanOrEqual(0.5);
  });

  test("a picture that is held goes on at real-time pace, in frames no longer than a part target", () => {
    const rig = new GateRig();
    const options: EncoderOptions = {
      seconds: 6,
      video: { rate: { num: 30, den: 1 }, gopFrames: 60 },
      audio: { sampleRate: 48_000 },
    };
    rig.session(options);
    for (let i = 0; i < 40; i++) {
      rig.idle(500);
      const lagMs = EPOCH_OFFSET_MS + rig.nowMs - rig.checker.endMicros(0) / 1_000;
      if (i > 3) expect(lagMs).toBeLessThan(1_000);
      expect(lagMs).toBeGreaterThan(-50);
    }
    for (const frame of rig.checker.frames(0)) {
      if ((frame.flags & FrameFlag.SLATE) !== 0) expect(frame.duration).toBeLessThanOrEqual(45_000);
    }
    expect(rig.gate.holding).toBe(true);
  });

  test("an encoder that is late for good after a stall is followed, and nothing is late any more", () => {
    const rig = new GateRig();
    const options: EncoderOptions = { seconds: 20, video: { rate: { num: 30, den: 1 }, gopFrames: 60 } };
    rig.gate.openSession(0);
    rig.announce(options);
    rig.feed(
      encode(options, 0).map((frame) => ({
        ...frame,
        arrivalMs: frame.arrivalMs + (frame.arrivalMs > 6_000 ? 3_000 : 0),
      })),
    );
    const frames = rig.checker.frames(0);
    const real = frames.filter(({ flags }) => (flags & FrameFlag.SLATE) === 0).length;
    // No more than the group of pictures that the stall broke is lost.
    expect(real).toBeGreaterThan(600 - 61);
    expect(rig.gate.holding).toBe(false);
    expect(frames.at(-1)?.payload).toEqual(
      [...rig.sent.values()].filter(({ raw }) => raw.track === VIDEO).at(-1)?.raw.payload ?? new Uint8Array(),
    );
  });
});
