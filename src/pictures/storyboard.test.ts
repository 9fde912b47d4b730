import { expect, test } from "bun:test";
import { type Still, STILLS_BYTES_MAX, STILLS_MAX, Storyboard } from "./storyboard.ts";

const SECOND = 1_000_000;

function stillAt(seconds: number, sizeBytes = 10): Still {
  const version = `0123456789abcdef-${seconds}-0`;
  const bytes = new Uint8Array(sizeBytes);
  return { version, bytes, contentType: "image/webp", atMicros: seconds * SECOND, width: 160, height: 90 };
}

function storyboardOf(windowSeconds: number): Storyboard {
  return new Storyboard({ timelineId: "0123456789abcdef", originMicros: 0, windowMicros: windowSeconds * SECOND });
}

const secondsOf = (storyboard: Storyboard): number[] =>
  (storyboard.snapshot()?.stills ?? []).map(({ atMicros }) => atMicros / SECOND);

test("stills go when they stand for nothing of the live window any more", () => {
  const storyboard = storyboardOf(10);
  for (const seconds of [100, 105, 110]) storyboard.add(stillAt(seconds));
  storyboard.advance(114 * SECOND);
  // The first one is older than the window, and what its first second looks like.
  expect(secondsOf(storyboard)).toEqual([100, 105, 110]);
  storyboard.advance(115 * SECOND);
  expect(secondsOf(storyboard)).toEqual([105, 110]);
  expect(storyboard.find("0123456789abcdef-100-0")).toBeUndefined();
  expect(storyboard.find("0123456789abcdef-105-0")?.atMicros).toBe(105 * SECOND);
  storyboard.advance(200 * SECOND);
  expect(secondsOf(storyboard)).toEqual([110]);
});

test("the snapshot is the same object until a still comes or goes", () => {
  const storyboard = storyboardOf(10);
  expect(storyboard.snapshot()).toBeUndefined();
  storyboard.add(stillAt(1));
  const first = storyboard.snapshot();
  expect(first).toMatchObject({ timelineId: "0123456789abcdef", originMicros: 0 });
  storyboard.advance(2 * SECOND);
  expect(storyboard.snapshot()).toBe(first);
  storyboard.add(stillAt(1));
  storyboard.add(stillAt(0));
  expect(storyboard.snapshot()).toBe(first);
  storyboard.add(stillAt(2));
  expect(storyboard.snapshot()).not.toBe(first);
  expect(first?.stills.length).toBe(1);
});

test("however long the window and however large the stills, memory is bounded by count and bytes", () => {
  const many = storyboardOf(1e9);
  for (let i = 0; i < 3 * STILLS_MAX; i++) many.add(stillAt(i));
  expect(many.snapshot()?.stills.length).toBe(STILLS_MAX);
  expect(many.sizeBytes).toBe(STILLS_MAX * 10);
  expect(secondsOf(many).at(-1)).toBe(3 * STILLS_MAX - 1);
  const large = storyboardOf(1e9);
  for (let i = 0; i < 50; i++) {
    large.add(stillAt(i, 1_000_000));
    expect(large.sizeBytes).toBeLessThanOrEqual(STILLS_BYTES_MAX);
  }
  expect(secondsOf(large)).toEqual([42, 43, 44, 45, 46, 47, 48, 49]);
});
