import { expect, test } from "bun:test";
import { readBarcode } from "./barcode.ts";
import { clockText, type PicturePlanes, TestPicture } from "./test-picture.ts";
import { fillTestTone } from "./test-tone.ts";

function planesOf(width: number, height: number): PicturePlanes {
  return {
    luma: new Uint8Array(width * height),
    lumaStride: width,
    cb: new Uint8Array((width * height) / 4),
    cr: new Uint8Array((width * height) / 4),
    chromaStride: width / 2,
  };
}

for (const [width, height] of [
  [160, 90],
  [640, 360],
  [1280, 720],
  [360, 640],
] as const) {
  test(`draws ${width}x${height} with a readable barcode and nothing out of range`, () => {
    const picture = new TestPicture(width, height);
    const planes = planesOf(width, height);
    const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    picture.draw(planes, 4_000_000_000, wallMs, 3_600_000);
    expect(readBarcode(planes.luma, width, height)).toEqual({ frameNumber: 4_000_000_000, wallMs });
    expect(planes.luma.every((value) => value >= 16 && value <= 235)).toBe(true);
    expect(planes.cb.every((value) => value >= 16 && value <= 240)).toBe(true);
  });
}

test("a frame is a function of its number and time, and the next one differs", () => {
  const draw = (frameNumber: number, wallMs: number): Uint8Array => {
    const planes = planesOf(320, 180);
    new TestPicture(320, 180).draw(planes, frameNumber, wallMs, 0);
    return planes.luma;
  };
  expect(draw(5, 1_000_000_000)).toEqual(draw(5, 1_000_000_000));
  expect(draw(6, 1_000_000_033)).not.toEqual(draw(5, 1_000_000_000));
});

test("the clock shows hours to milliseconds", () => {
  expect(clockText(Date.UTC(2026, 0, 2, 23, 59, 58, 7))).toBe("23:59:58.007");
  expect(clockText(-1)).toBe("23:59:59.999");
});

test("the tone sounds for a tenth of each second of the wall clock", () => {
  const samples = new Float32Array(48_000);
  fillTestTone(samples, 0, 48_000, 1_767_225_600_250);
  const loud = [...samples.keys()].filter((i) => Math.abs(samples[i] ?? 0) > 0.01);
  expect((loud[0] ?? 0) / 48).toBeCloseTo(750, -1);
  expect((loud.at(-1) ?? 0) / 48).toBeCloseTo(850, -1);
  let crossings = 0;
  for (let i = 36_000; i < 40_800; i++) if ((samples[i - 1] ?? 0) < 0 && (samples[i] ?? 0) >= 0) crossings++;
  expect(crossings).toBeGreaterThanOrEqual(98);
  expect(crossings).toBeLessThanOrEqual(101);
});
