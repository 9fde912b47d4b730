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

/** A picture of an encoder: its stamp, and how much later it is shown, milliseconds. */
interface Picture {
  readonly stampMs: number;
  readonly offsetMs: number;
}

/** I P B B P B B …: stamps and offsets of an encoder at `fps`, the first one shown at `fromMs`. */
function withBFrames(count: number, fps: number, fromMs: number): Picture[] {
  const frameMs = 1000 / fps;
  return Array.from({ length: count }, (_, i) => {
    const ahead = i === 0 ? 2 : i % 3 === 1 ? 4 : 1;
    return { stampMs: fromMs + (i - 2) * frameMs, offsetMs: ahead * frameMs };
  });
}

/** Two sessions, the second of which begins where it belongs, whatever is shown until then. */
function stampTwo(sessions: readonly (readonly Picture[])[], fps: number, claims: boolean): Stamped[][] {
  const out: Stamped[][] = [];
  const stamper = new VideoStamper<number>(
    {
      stamped: (stampMs, dts, ptsOffset, duration) =>
        out.at(-1)?.push({ stampMs, dts, pts: dts + ptsOffset, duration }),
    },
    PART_MICROS,
  );
  for (const session of sessions) {
    out.push([]);
    const [first] = session;
    stamper.begin({
      micros: (first?.stampMs ?? 0) * 1000,
      offsetMicros: (first?.offsetMs ?? 0) * 1000,
      rate: claims ? { num: fps, den: 1 } : undefined,
    });
    for (const { stampMs, offsetMs } of session) stamper.add(stampMs * 1000, offsetMs * 1000, stampMs + offsetMs);
    stamper.flush();
  }
  return out;
}

describe("a session that begins before the end of what is shown", () => {
  for (const fps of [24, 30, 60]) {
    for (const claims of [true, false]) {
      for (const overlapMs of [1, 12, 35]) {
        test(`by ${overlapMs} ms at ${fps} fps${claims ? "" : " that nobody claims"} has its first pictures sooner`, () => {
          const plain = (fromMs: number): Picture[] =>
            Array.from({ length: 90 }, (_, i) => ({ stampMs: fromMs + (i * 1000) / fps, offsetMs: 0 }));
          const [before = [], after = []] = stampTwo([plain(0), plain((90 * 1000) / fps - overlapMs)], fps, claims);
          expectContiguous([...before, ...after]);
          for (const { pts, dts } of after) expect(pts).toBe(dts);
          const late = after.map(({ stampMs, pts }) => pts / 90 - stampMs);
          expect(Math.max(...late)).toBeLessThan(overlapMs + 1);
          expect(Math.max(...late.slice(3))).toBeLessThan(0.1);
        });
      }
    }
    for (const cut of [60, 61, 62, 63]) {
      test(`after ${cut} pictures with B-frames at ${fps} fps shows all in order, and is soon where it belongs`, () => {
        const first = withBFrames(cut, fps, 0);
        const second = withBFrames(90, fps, (cut * 1000) / fps - 20);
        const [before = [], after = []] = stampTwo([first, second], fps, true);
        expectContiguous([...before, ...after]);
        expect(after[0]?.pts).toBeGreaterThan(Math.max(...before.map(({ pts }) => pts)));
        const shown = after.toSorted((a, b) => a.pts - b.pts);
        expect(shown).toEqual(after.toSorted((a, b) => a.stampMs - b.stampMs));
        for (const [i, { pts }] of shown.entries()) expect(shown[i + 1]?.pts ?? pts + 1).toBeGreaterThan(pts);
        for (const { stampMs, pts } of shown.slice(6)) expect(Math.abs(pts / 90 - stampMs)).toBeLessThan(0.1);
      });
    }
  }
});
