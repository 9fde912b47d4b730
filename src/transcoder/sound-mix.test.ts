import { expect, test } from "bun:test";
import { mixed, type Sound } from "./sound-mix.ts";

const HALF_POWER = Math.fround(Math.SQRT1_2);
const FIVE_ONE = 0x3fn;

function soundOf(speakers: bigint, ...planes: readonly number[][]): Sound {
  return { sampleRate: 48_000, speakers, planes: planes.map((plane) => Float32Array.from(plane)) };
}

test("two channels stay as they are, and one is given to both", () => {
  const stereo = soundOf(3n, [1, 2], [3, 4]);
  expect(mixed(stereo, 2)).toEqual(stereo.planes);
  expect(mixed(soundOf(4n, [1, 2]), 2).map((plane) => [...plane])).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(mixed(soundOf(4n, [1, 2]), 1).map((plane) => [...plane])).toEqual([[1, 2]]);
  expect(mixed(stereo, 1).map((plane) => [...plane])).toEqual([[2, 3]]);
});

test("of 5.1 the centre and the surrounds are in both channels at half the power, and the low frequency effects in none", () => {
  const alone = (channel: number): Sound =>
    soundOf(FIVE_ONE, ...[0, 1, 2, 3, 4, 5].map((i) => [i === channel ? 1 : 0]));
  const made = [0, 1, 2, 3, 4, 5].map((channel) => mixed(alone(channel), 2).map(([sample]) => sample ?? 0));
  expect(made).toEqual([
    [1, 0],
    [0, 1],
    [HALF_POWER, HALF_POWER],
    [0, 0],
    [HALF_POWER, 0],
    [0, HALF_POWER],
  ]);
});

test("of channels that nobody names the first two are left and right", () => {
  expect(mixed(soundOf(0n, [1], [2], [4]), 2).map((plane) => [...plane])).toEqual([[1], [2]]);
});
