import { expect, test } from "bun:test";
import { Distribution } from "./distribution.ts";
import { PlaybackBuffer } from "./playback-buffer.ts";

function playing(): PlaybackBuffer {
  const buffer = new PlaybackBuffer({ tracks: ["v", "a"], resumeS: 0.5 });
  buffer.startAt(100);
  buffer.append("v", 102, 1_000);
  expect(buffer.state).toBe("waiting");
  buffer.append("a", 102, 1_200);
  return buffer;
}

test("starts when every track has the start position, and plays in real time", () => {
  const buffer = playing();
  expect([buffer.state, buffer.startedAtMs]).toEqual(["playing", 1_200]);
  expect(buffer.positionS(2_200)).toBe(101);
  expect(buffer.bufferMs(2_200)).toBe(1_000);
});

test("stalls when one track runs dry and goes on when enough is there", () => {
  const buffer = playing();
  buffer.append("v", 110, 1_300);
  expect(buffer.stallMs(3_700)).toBe(500);
  expect([buffer.state, buffer.stallCount, buffer.positionS(3_700)]).toEqual(["stalled", 1, 102]);
  buffer.append("a", 102.4, 3_800);
  expect(buffer.state).toBe("stalled");
  buffer.append("a", 103, 4_200);
  expect([buffer.state, buffer.stallMs(4_200)]).toEqual(["playing", 1_000]);
  expect(buffer.positionS(4_700)).toBe(102.5);
});

test("a stall that nobody looked at is counted when media come again", () => {
  const buffer = playing();
  buffer.append("v", 110, 9_000);
  buffer.append("a", 110, 9_200);
  expect([buffer.stallCount, buffer.stallMs(9_200)]).toEqual([1, 6_000]);
});

test("the end of the presentation is no stall", () => {
  const buffer = playing();
  buffer.end(2_000);
  expect([buffer.stallCount, buffer.stallMs(60_000)]).toEqual([0, 0]);
});

test("a distribution takes negative values", () => {
  const distribution = new Distribution();
  for (const value of [-100, -50, 0, 50]) distribution.record(value);
  const { p50, p95 } = distribution.quantiles();
  expect([Math.round(p50 ?? 0), Math.round(p95 ?? 0)]).toEqual([-50, 50]);
});

test("a distribution answers quantiles within one per cent", () => {
  const distribution = new Distribution();
  expect(distribution.quantiles()).toEqual({ count: 0, p50: null, p95: null, p99: null, max: null });
  for (let i = 1; i <= 10_000; i++) distribution.record(i / 10);
  const { count, p50, p95, p99, max } = distribution.quantiles();
  expect([count, max]).toEqual([10_000, 1_000]);
  for (const [found, expected] of [
    [p50, 500],
    [p95, 950],
    [p99, 990],
  ] as const) {
    expect(Math.abs((found ?? 0) - expected) / expected).toBeLessThan(0.01);
  }
});
