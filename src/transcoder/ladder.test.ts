import { describe, expect, test } from "bun:test";
import { array, assert, constant, integer, oneof, property, record } from "fast-check";
import type { VideoConfig } from "#media/track.ts";
import { planLadder } from "./ladder.ts";

function source(width: number, height: number): VideoConfig {
  return {
    kind: "video",
    codec: "avc",
    record: new Uint8Array(),
    width,
    height,
    pixelAspect: { num: 1, den: 1 },
    codecs: "avc1.64001f",
  };
}

const sizes = (...of: Parameters<typeof planLadder>): string[] =>
  planLadder(...of).map(({ width, height }) => `${width}x${height}`);

const AT_30 = { num: 30, den: 1 };

describe("the default ladder", () => {
  test.each([
    [1920, 1080, ["1280x720", "854x480", "640x360", "426x240"]],
    [3840, 2160, ["1920x1080", "1280x720", "854x480", "640x360", "426x240"]],
    [1280, 720, ["854x480", "640x360", "426x240"]],
    [1080, 1920, ["720x1280", "480x854", "360x640", "240x426"]],
    [1440, 1080, ["960x720", "640x480", "480x360", "320x240"]],
    [426, 240, []],
  ] as const)("of %dx%d", (width, height, expected) => {
    expect(sizes(source(width, height), AT_30, "default")).toEqual([...expected]);
  });

  test("gives a fast source half the pictures below 720 lines, and more bits above", () => {
    const slow = planLadder(source(1920, 1080), { num: 30_000, den: 1001 }, "default");
    const fast = planLadder(source(1920, 1080), { num: 60_000, den: 1001 }, "default");
    expect(slow.map(({ frameRateDivisor }) => frameRateDivisor)).toEqual([1, 1, 1, 1]);
    expect(fast.map(({ frameRateDivisor }) => frameRateDivisor)).toEqual([1, 2, 2, 2]);
    expect(fast[0]?.bitrate).toBeGreaterThan(slow[0]?.bitrate ?? 0);
    expect(fast[1]?.bitrate).toBe(slow[1]?.bitrate ?? 0);
  });
});

test("the operator's rungs are taken best first, once each, and with their own bitrate", () => {
  const rungs = planLadder(source(1920, 1080), AT_30, [
    { height: 360, bitrate: undefined },
    { height: 900, bitrate: 3_000_000 },
    { height: 540, bitrate: undefined },
    { height: 540, bitrate: undefined },
    { height: 1440, bitrate: undefined },
  ]);
  expect(rungs.map(({ name }) => name)).toEqual(["900p", "540p", "360p"]);
  expect(rungs[0]?.bitrate).toBe(3_000_000);
  expect(rungs[1]?.bitrate).toBeGreaterThan(1_200_000);
  expect(rungs[1]?.bitrate).toBeLessThan(2_500_000);
  expect(rungs[2]?.bitrate).toBe(700_000);
});

test("whatever the source and the wishes: even sizes below the source's, in its aspect ratio, with falling bitrates", () => {
  const side = integer({ min: 16, max: 7680 });
  const rung = record({ height: integer({ min: 100, max: 4320 }), bitrate: constant(undefined) });
  const wanted = oneof(constant("default" as const), array(rung, { maxLength: 8 }));
  assert(
    property(side, side, wanted, (width, height, wishes) => {
      const rungs = planLadder(source(width, height), AT_30, wishes);
      for (const [i, rung] of rungs.entries()) {
        expect([rung.width % 2, rung.height % 2]).toEqual([0, 0]);
        expect(rung.width).toBeLessThanOrEqual(width + 1);
        expect(rung.height).toBeLessThanOrEqual(height + 1);
        expect(Math.abs(rung.width - (rung.height * width) / height)).toBeLessThanOrEqual(1 + (1 * width) / height);
        expect(rung.bitrate).toBeGreaterThan(0);
        expect(rung.bitrate).toBeLessThan(rungs[i - 1]?.bitrate ?? Number.POSITIVE_INFINITY);
      }
    }),
  );
});

test("an extra codec has every rung once more, with fewer bits, before those of H.264", () => {
  const plain = planLadder(source(1280, 720), { num: 30, den: 1 }, "default");
  const rungs = planLadder(source(1280, 720), { num: 30, den: 1 }, "default", "av1");
  expect(rungs.slice(plain.length)).toEqual(plain);
  expect(rungs.slice(0, plain.length)).toEqual(
    plain.map((rung) => ({
      ...rung,
      name: `${rung.name}-av1`,
      codec: "av1",
      bitrate: Math.round(rung.bitrate * 0.55),
    })),
  );
});
