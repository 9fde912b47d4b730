import { describe, expect, test } from "bun:test";
import { VideoStamper } from "./video-stamper.ts";

const PART_TICKS = 45_000;
const PART_MICROS = 500_000;

interface Stamped {
  readonly stampMs: number;
  readonly dts: number;
  readonly pts: number;
  readonly duration: number;
}

/** Stamps frames with these stamps (milliseconds); `fps` is what the encoder claims. */
function stampAll(stampsMs: readonly number[], fps?: number): Stamped[] {
  const out: Stamped[] = [];
  const stamped = (stampMs: number, dts: number, ptsOffset: number, duration: number): void => {
    out.push({ stampMs, dts, pts: dts + ptsOffset, duration });
  };
  const stamper = new VideoStamper<number>({ stamped }, PART_MICROS);
  const rate = fps === undefined ? undefined : { num: fps, den: 1 };
  stamper.begin({ micros: (stampsMs[0] ?? 0) * 1000, offsetMicros: 0, rate });
  for (const stampMs of stampsMs) stamper.add(stampMs * 1000, 0, stampMs);
  stamper.flush();
  return out;
}

function frames(count: number, fps: number, fromMs = 0): number[] {
  return Array.from({ length: count }, (_, i) => fromMs + Math.round((i * 1000) / fps));
}

function expectContiguous(stamped: readonly Stamped[]): void {
  for (const [i, { dts, duration }] of stamped.entries()) {
    expect(duration).toBeGreaterThan(0);
    expect(stamped[i + 1]?.dts ?? dts + duration).toBe(dts + duration);
  }
}

describe("a gap in the picture", () => {
  const before = frames(30, 30);
  for (const gapMs of [70, 200, 500, 900]) {
    test(`of ${gapMs} ms is made up for bit by bit, and every frame is shown when its stamp says`, () => {
      const stamped = stampAll([...before, ...frames(60, 30, 1000 + gapMs)], 30);
      expect(stamped).toHaveLength(90);
      expectContiguous(stamped);
      for (const { stampMs, pts } of stamped) expect(Math.abs(pts - stampMs * 90)).toBeLessThan(1500);
      expect(Math.max(...stamped.map(({ duration }) => duration))).toBeLessThanOrEqual(0.15 * PART_TICKS);
      const last = stamped.at(-1);
      expect(last?.pts).toBe(last?.dts ?? Number.NaN);
    });
  }

  test("of frames that are all longer than a part leaves decode time at most a second behind", () => {
    const stamped = stampAll(frames(60, 1));
    expectContiguous(stamped);
    for (const { dts, pts } of stamped) expect(pts - dts).toBeLessThanOrEqual(90_000);
  });

  test("of a slow screen recording fits a part as long as the frames do", () => {
    const stamped = stampAll([...frames(20, 4), ...frames(20, 4, 5_800)]);
    expectContiguous(stamped);
    expect(Math.max(...stamped.map(({ duration }) => duration))).toBeLessThanOrEqual(PART_TICKS);
    const last = stamped.at(-1);
    expect(last?.pts).toBe(last?.dts ?? Number.NaN);
  });
});
