import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { initName, parseObjectName, partName, segmentName } from "./object-names.ts";

const hex16 = fc
  .array(fc.integer({ min: 0, max: 15 }), { minLength: 16, maxLength: 16 })
  .map((digits) => digits.map((digit) => digit.toString(16)).join(""));
const number = fc.integer({ min: 0, max: 999_999_999_999_999 });

test("every name reads back as what it was made of", () => {
  fc.assert(
    fc.property(hex16, number, number, (timelineId, segment, part) => {
      expect(parseObjectName(segmentName(timelineId, segment))).toEqual({ kind: "segment", timelineId, segment });
      expect(parseObjectName(partName(timelineId, segment, part))).toEqual({ kind: "part", timelineId, segment, part });
      expect(parseObjectName(initName(timelineId))).toEqual({ kind: "init", hash: timelineId });
    }),
    { numRuns: 200 },
  );
});

test("an object has one name only", () => {
  const names = [
    "",
    ".m4s",
    "init-.mp4",
    "init-0123456789ABCDEF.mp4",
    "init-0123456789abcdef.mp4x",
    "init-0123456789abcdef0.mp4",
    "0123456789abcdef-.m4s",
    "0123456789abcdef-01.m4s",
    "0123456789abcdef-1.01.m4s",
    "0123456789abcdef-1..m4s",
    "0123456789abcdef-1.2.3.m4s",
    "0123456789abcdef-1.m4s.m4s",
    "0123456789abcdef-+1.m4s",
    "0123456789abcdef-1e3.m4s",
    "0123456789abcdef-1",
    "0123456789abcdeF-1.m4s",
    "0123456789abcdef_1.m4s",
    "0123456789abcdef-9999999999999999.m4s",
  ];
  for (const name of names) expect([name, parseObjectName(name)]).toEqual([name, undefined]);
});

test("no text makes the parser throw, and what it accepts it would write the same", () => {
  const alphabet = fc.constantFrom(..."0123456789abcdef-.m4sinitp ".split(""));
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 40 }), (text) => {
      const name = parseObjectName(text);
      if (name === undefined) return;
      if (name.kind === "init") expect(initName(name.hash)).toBe(text);
      else if (name.kind === "segment") expect(segmentName(name.timelineId, name.segment)).toBe(text);
      else expect(partName(name.timelineId, name.segment, name.part)).toBe(text);
    }),
    { numRuns: 500 },
  );
});
