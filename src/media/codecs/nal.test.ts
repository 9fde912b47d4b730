import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { AvcSample, avcConfigAfter, inspectAvcSample } from "./avc-nal.ts";
import { parseAvcConfig, readAvcRecord } from "./avc.ts";
import { HevcSample, inspectHevcSample } from "./hevc-nal.ts";
import {
  joinLengthPrefixed,
  splitAnnexB,
  splitLengthPrefixed,
  toLengthPrefixed,
  withoutEmulationPrevention,
} from "./nal.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** NAL units as encoders write them: at least a header, no start code inside, no zero at the end. */
const unitArbitrary = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Uint8Array.from([0x41, ...bytes.map((byte) => (byte < 4 ? byte + 4 : byte))]));

test("Annex B becomes length-prefixed, whatever start codes and padding", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(unitArbitrary, fc.boolean(), fc.nat({ max: 3 })), { minLength: 1, maxLength: 8 }),
      (parts) => {
        const bytes = parts.flatMap(([unit, long, zeros]) => [
          ...(long ? [0] : []),
          0,
          0,
          1,
          ...unit,
          ...new Uint8Array(zeros),
        ]);
        const units = parts.map(([unit]) => unit);
        expect(splitAnnexB(Uint8Array.from(bytes))).toEqual(units);
        expect(toLengthPrefixed(Uint8Array.from(bytes))).toEqual(joinLengthPrefixed(units));
      },
    ),
  );
});

test("a length-prefixed sample stays the same array, one with two-byte lengths is rewritten", () => {
  fc.assert(
    fc.property(fc.array(unitArbitrary, { minLength: 1, maxLength: 8 }), (units) => {
      const sample = joinLengthPrefixed(units);
      expect(toLengthPrefixed(sample)).toBe(sample);
      expect(splitLengthPrefixed(sample)).toEqual(units);
      const short = Uint8Array.from(units.flatMap((unit) => [unit.length >> 8, unit.length & 0xff, ...unit]));
      expect(toLengthPrefixed(short, 2)).toEqual(sample);
    }),
  );
});

test("a length that does not fit is told with its place", () => {
  expect(() => inspectAvcSample(hex("00000009650000"))).toThrow("a NAL unit claims 9 bytes, the sample has 3 left");
  expect(() => toLengthPrefixed(hex("000000056500"))).toThrow();
});

test("emulation prevention bytes go, others stay", () => {
  expect(withoutEmulationPrevention(hex("0000030100000300000302"))).toEqual(hex("0000010000000002"));
  const plain = hex("00010203");
  expect(withoutEmulationPrevention(plain)).toBe(plain);
});

test("an AVC sample says what is in it", () => {
  const sample = (...units: string[]): Uint8Array => joinLengthPrefixed(units.map(hex));
  expect(inspectAvcSample(sample("09f0", "6764", "68ee", "6588"))).toBe(
    AvcSample.IDR | AvcSample.SLICE | AvcSample.PARAMETER_SETS,
  );
  expect(inspectAvcSample(sample("419a"))).toBe(AvcSample.SLICE);
  // A user data message, then recovery_frame_cnt 0 and, in the second, 1.
  expect(inspectAvcSample(sample("0605020000 0601c480".replaceAll(" ", ""), "419a"))).toBe(
    AvcSample.RECOVERY_POINT | AvcSample.SLICE,
  );
  expect(inspectAvcSample(sample("06060144", "419a"))).toBe(AvcSample.SLICE);
});

test("an HEVC sample says what is in it", () => {
  const sample = (...units: string[]): Uint8Array => joinLengthPrefixed(units.map(hex));
  expect(inspectHevcSample(sample("4001", "4201", "4401", "2601af"))).toBe(
    HevcSample.IDR | HevcSample.SLICE | HevcSample.PARAMETER_SETS,
  );
  expect(inspectHevcSample(sample("2a01af"))).toBe(HevcSample.CRA | HevcSample.SLICE);
  expect(inspectHevcSample(sample("0201d0"))).toBe(HevcSample.SLICE);
});

test("parameter sets inside a sample change the configuration only when they differ", () => {
  // ffmpeg 5.1's x264, 1922x1082 and 640x360.
  const before = parseAvcConfig(
    hex("0164002affe1001d6764002aacb403c8113c4498735010101400000fa40003a9803c60ca8001000468ee0fcbfdf8f800"),
  );
  const after = parseAvcConfig(
    hex("017a001fffe1001b677a001fb6cd940a02ff89c044000003000400000301e03c60c65801000668eae3cb22c0fefafa00"),
  );
  const sets = (config: typeof before): Uint8Array[] => {
    const { sps, pps } = readAvcRecord(config.record);
    return [...sps, ...pps];
  };
  const idr = hex("6588840010");
  expect(avcConfigAfter(before, joinLengthPrefixed([idr]))).toBeUndefined();
  expect(avcConfigAfter(before, joinLengthPrefixed([...sets(before), idr]))).toBeUndefined();
  expect(avcConfigAfter(before, joinLengthPrefixed([...sets(after), idr]))).toEqual(after);
});
