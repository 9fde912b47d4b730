import { describe, expect, test } from "bun:test";
import { decideCut, gapMicrosMax, GopMeter, planSegments, segmentMicrosMax } from "./segment-rule.ts";

const S = 1_000_000;

describe("the plan", () => {
  test.each([
    [2, [], 2, 2],
    [1, [], 1, 1],
    [6, [], 6, 6],
    [2, [2, 2, 2], 2, 2],
    [2, [1, 1], 2, 2],
    [2, [1.5, 1.5], 1.5, 2],
    [2, [2.002, 2.002], 2.002, 2],
    [2, [3, 3], 3, 3],
    [2, [8.333, 8.333], 2, 10],
    [2, [0.4, 5], 2, 7],
    [2, [30], 2, 10],
    [1, [0.6, 0.6], 1.2, 2],
  ] as const)("for %d s and keyframes %p is %d s with a target of %d", (wanted, gops, seconds, target) => {
    const plan = planSegments(
      wanted * S,
      gops.map((gop) => Math.round(gop * S)),
    );
    expect(plan.targetSeconds).toBeGreaterThanOrEqual(Math.round(plan.durationMicros / S));
    expect(plan.durationMicros / S).toBeCloseTo(seconds, 3);
    expect(plan.targetSeconds).toBe(target);
  });
});

describe("a frame", () => {
  const plan = { durationMicros: 2 * S, targetSeconds: 2 };
  const ask = (since: number, keyframe: boolean, next?: number): string =>
    decideCut({
      plan,
      keyframe,
      sinceCutMicros: since * S,
      endsEarly: false,
      frameMicros: 33_333,
      nextKeyframeMicros: next === undefined ? undefined : next * S,
    });

  test("that is a keyframe cuts from two seconds on, less a tolerance", () => {
    expect(ask(2, true)).toBe("independent");
    expect(ask(1.981, true)).toBe("independent");
    expect(ask(1.97, true)).toBe("none");
  });

  test("that is a keyframe cuts earlier when the next one would be too late", () => {
    expect(ask(1.4, true, 1.4)).toBe("independent");
    expect(ask(1.1, true, 1.1)).toBe("none");
    expect(ask(0.9, true, 8)).toBe("none");
  });

  test("that is none cuts where the target duration ends", () => {
    expect(ask(2.3, false)).toBe("none");
    expect(ask(2.35, false)).toBe("dependent");
  });

  test("never cuts within a second of the cut before", () => {
    expect(ask(0.999, true)).toBe("none");
    expect(
      decideCut({
        plan,
        keyframe: false,
        sinceCutMicros: 0.5 * S,
        endsEarly: true,
        frameMicros: 3 * S,
        nextKeyframeMicros: undefined,
      }),
    ).toBe("none");
  });

  test("cuts a second after the beginning of a broadcast, whatever it is", () => {
    const first = { plan, endsEarly: true, frameMicros: 33_333, nextKeyframeMicros: 2 * S };
    expect(decideCut({ ...first, keyframe: false, sinceCutMicros: 0.99 * S })).toBe("none");
    expect(decideCut({ ...first, keyframe: false, sinceCutMicros: S })).toBe("dependent");
    expect(decideCut({ ...first, keyframe: true, sinceCutMicros: S })).toBe("independent");
  });
});

test("a stretched frame and a segment too young to be cut fit the target duration", () => {
  for (const targetSeconds of [1, 2, 3, 6, 10]) {
    const plan = { durationMicros: targetSeconds * S, targetSeconds };
    const frame = 40_000;
    expect(S + gapMicrosMax(plan, frame) + frame).toBeLessThan((targetSeconds + 0.5) * S + 100_000);
    expect(segmentMicrosMax(plan)).toBeLessThan((targetSeconds + 0.5) * S);
  }
});

test("distances of keyframes leave interruptions out", () => {
  const gops = new GopMeter();
  expect(gops.expectedMicros).toBeUndefined();
  for (const at of [0, 2, 4]) gops.keyframe(at * S);
  gops.interrupt();
  for (const at of [60, 61]) gops.keyframe(at * S);
  expect(gops.distances).toEqual([2 * S, 2 * S, S]);
  expect(gops.expectedMicros).toBe(S);
  for (let at = 62; at < 100; at++) gops.keyframe(at * S);
  expect(gops.distances.length).toBe(8);
});
