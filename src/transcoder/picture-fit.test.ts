import { expect, test } from "bun:test";
import { assert, integer, property, record } from "fast-check";
import { fitInside } from "./picture-fit.ts";

const SQUARE = { num: 1, den: 1 };

test.each([
  ["the same shape", 1920, 1080, { x: 0, y: 0, width: 640, height: 360 }],
  ["a shape that differs by rounding alone", 854, 480, { x: 0, y: 0, width: 640, height: 360 }],
  ["a square", 480, 480, { x: 140, y: 0, width: 360, height: 360 }],
  ["a tall one", 1080, 1920, { x: 218, y: 0, width: 202, height: 360 }],
  ["a wide one", 2560, 1080, { x: 0, y: 44, width: 640, height: 270 }],
] as const)("%s is as large as can be, in the middle", (_what, width, height, place) => {
  expect(fitInside({ width, height, pixelAspect: SQUARE }, { width: 640, height: 360, pixelAspect: SQUARE })).toEqual(
    place,
  );
});

test("what counts is how samples are shown, not how many there are", () => {
  const wide = { width: 720, height: 576, pixelAspect: { num: 64, den: 45 } };
  expect(fitInside(wide, { width: 640, height: 360, pixelAspect: SQUARE }).width).toBe(640);
  expect(fitInside({ ...wide, pixelAspect: { num: 16, den: 15 } }, wide)).toMatchObject({ width: 540, height: 576 });
});

test("whatever the sizes: even, inside the frame, touching two of its sides", () => {
  const side = integer({ min: 1, max: 4096 }).map((n) => 2 * n);
  const shape = record({
    width: side,
    height: side,
    pixelAspect: record({ num: integer({ min: 1, max: 99 }), den: integer({ min: 1, max: 99 }) }),
  });
  assert(
    property(shape, shape, (picture, frame) => {
      const { x, y, width, height } = fitInside(picture, frame);
      for (const value of [x, y, width, height]) expect(value % 2).toBe(0);
      expect(x + width <= frame.width && y + height <= frame.height && x >= 0 && y >= 0).toBe(true);
      expect(width === frame.width || height === frame.height).toBe(true);
    }),
  );
});
