import { expect, test } from "bun:test";
import { AudioStamper } from "./audio-stamper.ts";

const FRAME = 1024;

function framesAfter(micros: number, count: number): number[] {
  const stamper = new AudioStamper(48_000);
  stamper.place(0, FRAME, false);
  stamper.drift(micros);
  return Array.from({ length: count }, () => stamper.advance(FRAME));
}

test.each([
  [1000, FRAME + 1],
  [-1000, FRAME - 1],
])("a step of %d microseconds is made a tick a frame", (micros, longer) => {
  const frames = framesAfter(micros, 100);
  expect(frames.slice(0, 48)).toEqual(new Array<number>(48).fill(longer));
  expect(frames.slice(48)).toEqual(new Array<number>(52).fill(FRAME));
});

test("fractions of a tick are kept for the next step", () => {
  const stamper = new AudioStamper(44_100);
  stamper.place(0, FRAME, false);
  let ticks = 0;
  for (let step = 0; step < 10; step++) {
    stamper.drift(1000);
    for (let frame = 0; frame < 86; frame++) ticks += stamper.advance(FRAME);
  }
  expect(ticks - 860 * FRAME).toBe(441);
});
