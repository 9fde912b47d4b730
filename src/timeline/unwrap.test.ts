import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { TimestampUnwrapper } from "./unwrap.ts";

test("steps of less than a minute come out whole, however often the clock wraps", () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff_ffff),
      fc.array(fc.integer({ min: -60_000, max: 60_000 }), { maxLength: 200 }),
      (start, steps) => {
        const clock = new TimestampUnwrapper();
        let meant = clock.unwrap(start);
        expect(meant).toBe(start);
        for (const step of steps) {
          meant += step;
          expect(clock.unwrap(meant >>> 0)).toBe(meant);
        }
      },
    ),
  );
});

test("a clock that counts on for 60 days wraps once and never shows it", () => {
  const clock = new TimestampUnwrapper();
  for (let ms = 0; ms < 60 * 86_400_000; ms += 59_999) expect(clock.unwrap(ms % 2 ** 32)).toBe(ms);
});

test("one corrupt stamp, whatever it is, leaves the next ones where they belong", () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), (start, corrupt) => {
      const clock = new TimestampUnwrapper();
      clock.unwrap(start);
      clock.unwrap(corrupt);
      const next = clock.unwrap((start + 33) >>> 0);
      // A corrupt stamp within a minute counts as a step, and the way back as another one.
      expect(next).toBe(start + 33);
    }),
    {
      examples: [
        [0, 2 ** 31],
        [5, 2 ** 31 + 4],
        [0, 2 ** 31 - 1],
        [2 ** 32 - 10, 2 ** 31 - 11],
      ],
    },
  );
});

test("a jump keeps its distance once a second stamp confirms it", () => {
  const clock = new TimestampUnwrapper();
  clock.unwrap(1_000);
  expect(clock.unwrap(3_601_033)).toBe(3_601_033);
  expect(clock.unwrap(3_601_066)).toBe(3_601_066);
  expect(clock.unwrap(3_601_100)).toBe(3_601_100);
});
