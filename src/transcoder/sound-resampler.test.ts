import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { fitted, SoundResampler } from "./sound-resampler.ts";

function tone(rate: number, hertz: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Decibels of the wanted over what differs from it. */
function ratio(wanted: Float32Array, made: Float32Array, from: number): number {
  let signal = 0;
  let noise = 0;
  for (let i = from; i < made.length; i++) {
    signal += (wanted[i] ?? 0) ** 2;
    noise += ((wanted[i] ?? 0) - (made[i] ?? 0)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

test("a tone is the same tone at the other rate, at the same time", () => {
  for (const [from, to] of [
    [44_100, 48_000],
    [48_000, 44_100],
    [192_000, 96_000],
    [48_000, 24_000],
    [37_000, 32_000],
    [22_050, 48_000],
  ] as const) {
    const [made = new Float32Array(0)] = new SoundResampler(from, to).push([tone(from, 1000, from)]);
    expect(made.length).toBeGreaterThan(to * 0.99);
    expect(ratio(tone(to, 1000, to), made, 500)).toBeGreaterThan(60);
  }
});

test("what would fold is gone", () => {
  const [made = new Float32Array(0)] = new SoundResampler(96_000, 32_000).push([tone(96_000, 20_000, 96_000)]);
  expect(Math.max(...made.slice(500).map(Math.abs))).toBeLessThan(0.01);
});

test("any split of the samples gives the same", () => {
  const whole = tone(44_100, 440, 3000);
  const [wanted] = new SoundResampler(44_100, 48_000).push([whole]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 12 }), (places) => {
      const cuts = [0, ...places.sort((a, b) => a - b), 3000];
      const resampler = new SoundResampler(44_100, 48_000);
      const parts = cuts
        .slice(1)
        .map((end, i) => resampler.push([whole.slice(cuts[i], end)])[0] ?? new Float32Array(0));
      expect(joined(parts)).toEqual(wanted ?? new Float32Array(0));
    }),
    { numRuns: 30 },
  );
});

test("a frame that is a little too long or too short is stretched, and a much shorter one ends in silence", () => {
  const plane = tone(48_000, 1000, 960);
  expect(fitted([plane], 960)).toEqual([plane]);
  for (const count of [950, 970]) {
    const [made = new Float32Array(0)] = fitted([plane], count);
    expect(made.length).toBe(count);
    expect(ratio(tone(48_000 * (count / 960), 1000, count), made, 0)).toBeGreaterThan(45);
  }
  const [padded = new Float32Array(0)] = fitted([plane], 2000);
  expect([...padded.slice(0, 960)]).toEqual([...plane]);
  expect(padded.slice(960)).toEqual(new Float32Array(1040));
  expect(fitted([plane], 100)).toEqual([plane.slice(0, 100)]);
  expect(fitted([new Float32Array(0)], 3)).toEqual([new Float32Array(3)]);
});
