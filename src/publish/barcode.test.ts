import { expect, test } from "bun:test";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { barcodeHeight, drawBarcode, readBarcode } from "./barcode.ts";

const codeArbitrary = fc.record({
  frameNumber: fc.integer({ min: 0, max: 0xffffffff }),
  wallMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});

function pictureWith(width: number, height: number, code: { frameNumber: number; wallMs: number }): Uint8Array {
  const luma = new Uint8Array(width * height).fill(120);
  drawBarcode(luma, width, height, width, code);
  return luma;
}

/** Nearest neighbour. */
function scaled(luma: Uint8Array, from: readonly [number, number], to: readonly [number, number]): Uint8Array {
  const out = new Uint8Array(to[0] * to[1]);
  for (let y = 0; y < to[1]; y++) {
    for (let x = 0; x < to[0]; x++) {
      out[y * to[0] + x] = luma[Math.floor((y * from[1]) / to[1]) * from[0] + Math.floor((x * from[0]) / to[0])] ?? 0;
    }
  }
  return out;
}

test("a barcode is read as it was drawn, at every size", () => {
  const sizes = fc.constantFrom([160, 90], [426, 240], [640, 360], [854, 480], [1280, 720], [1920, 1080]);
  fc.assert(
    fc.property(codeArbitrary, sizes, (code, [width = 0, height = 0]) => {
      expect(readBarcode(pictureWith(width, height, code), width, height)).toEqual(code);
    }),
    { numRuns: 40 },
  );
});

test("a barcode is read from a picture scaled down and turned darker", () => {
  fc.assert(
    fc.property(codeArbitrary, fc.constantFrom([240, 136], [426, 240], [640, 360]), (code, [width = 0, height = 0]) => {
      const small = scaled(pictureWith(1280, 720, code), [1280, 720], [width, height]).map((value) => 20 + value * 0.6);
      expect(readBarcode(small, width, height)).toEqual(code);
    }),
    { numRuns: 40 },
  );
});

test("one wrong cell makes it unreadable instead of wrong", () => {
  fc.assert(
    fc.property(codeArbitrary, fc.integer({ min: 0, max: 95 }), (code, bit) => {
      const [width, height] = [500, 300];
      const luma = pictureWith(width, height, code);
      const top = bit < 48 ? 0 : barcodeHeight(height) / 2;
      const left = (1 + (bit % 48)) * 10;
      for (let y = top; y < top + 15; y++)
        for (let x = left; x < left + 10; x++) luma[y * width + x] = 251 - (luma[y * width + x] ?? 0);
      expect(readBarcode(luma, width, height)).toBeUndefined();
    }),
  );
});

test("a picture without barcode has none", () => {
  expect(readBarcode(new Uint8Array(640 * 360).fill(128), 640, 360)).toBeUndefined();
});

test("the reader stands alone, so that a page can evaluate its text", () => {
  const code = { frameNumber: 77, wallMs: 1_767_225_600_123 };
  // The way a browser test gets it: its text, in a world without this module.
  const alone: unknown = runInNewContext(`JSON.stringify((${readBarcode.toString()})(luma, 320, 180))`, {
    luma: pictureWith(320, 180, code),
    Uint8Array,
    DataView,
    Math,
    JSON,
  });
  expect(alone).toBe(JSON.stringify(code));
});
