import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";
import { AMF_DEPTH_MAX, AMF_VALUES_MAX, type AmfValue, amfEcmaArray, amfObject, amfProperty } from "./amf-value.ts";
import { decodeAmf0, encodeAmf0 } from "./amf0.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const leaf: fc.Arbitrary<AmfValue> = fc.oneof(
  fc.double(),
  fc.boolean(),
  text,
  fc.constant(null),
  fc.constant(undefined),
  fc.record({
    amf: fc.constant("date" as const),
    epochMs: fc.double(),
    offsetMinutes: fc.integer({ min: -720, max: 720 }),
  }),
  fc.record({ amf: fc.constant("xml" as const), text }),
  fc.constant({ amf: "unsupported" as const }),
);
const { value } = fc.letrec<{ value: AmfValue }>((tie) => {
  const properties = fc
    .array(
      fc.tuple(
        text.filter((key) => key !== ""),
        tie("value"),
      ),
      { maxLength: 4 },
    )
    .map((entries) => new Map(entries));
  return {
    value: fc.oneof(
      { maxDepth: AMF_DEPTH_MAX - 1, withCrossShrink: true },
      leaf,
      properties.map((map): AmfValue => ({ amf: "object", properties: map })),
      properties.map((map): AmfValue => ({ amf: "ecma-array", properties: map })),
      fc.tuple(text, properties).map(([className, map]): AmfValue => ({ amf: "object", className, properties: map })),
      fc.array(tie("value"), { maxLength: 4 }),
    ),
  };
});

function decodeFault(bytes: Uint8Array): string {
  try {
    decodeAmf0(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return "none";
}

test("values of every type come back as they were", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 4 }), (values) => {
      expect(decodeAmf0(encodeAmf0(values))).toEqual(values);
    }),
    { numRuns: 300, interruptAfterTimeLimit: 2000 },
  );
});

test("a text of more than 65,535 bytes is a long string", () => {
  const long = "é".repeat(40_000);
  const bytes = encodeAmf0([long]);
  expect(bytes[0]).toBe(0x0c);
  expect(decodeAmf0(bytes)).toEqual([long]);
});

test("any bytes give values or a ProtocolError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeFault(bytes);
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 2000 },
  );
});

test("nesting 10,000 deep is refused, by objects, arrays and AMF3 alike", () => {
  const deep = (unit: number[], count: number): Uint8Array =>
    Uint8Array.from({ length: unit.length * count }, (_, i) => unit[i % unit.length] ?? 0);
  expect(decodeFault(deep([0x03, 0x00, 0x01, 0x61], 10_000))).toBe("AMF_INVALID");
  expect(decodeFault(deep([0x0a, 0x00, 0x00, 0x00, 0x01], 10_000))).toBe("AMF_INVALID");
  expect(decodeFault(deep([0x11, 0x09, 0x03, 0x01], 10_000))).toBe("AMF_INVALID");
  expect(decodeFault(Uint8Array.of(0x11, ...deep([0x09, 0x03, 0x01], 10_000)))).toBe("AMF_INVALID");
});

test("eight levels are allowed, nine are not", () => {
  const nested = (levels: number): AmfValue => (levels === 0 ? 1 : amfObject({ a: nested(levels - 1) }));
  expect(decodeFault(encodeAmf0([nested(AMF_DEPTH_MAX)]))).toBe("none");
  expect(decodeFault(encodeAmf0([nested(AMF_DEPTH_MAX + 1)]))).toBe("AMF_INVALID");
});

test("more than 512 values are refused", () => {
  const many = (count: number): AmfValue =>
    amfEcmaArray(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])));
  expect(decodeFault(encodeAmf0([many(AMF_VALUES_MAX - 1)]))).toBe("none");
  expect(decodeFault(encodeAmf0([many(AMF_VALUES_MAX)]))).toBe("AMF_INVALID");
});

test("references, reserved types and arrays longer than the message are refused", () => {
  expect(decodeFault(Uint8Array.of(0x07, 0, 0))).toBe("AMF_INVALID");
  expect(decodeFault(Uint8Array.of(0x04, 0, 0))).toBe("AMF_INVALID");
  expect(decodeFault(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff))).toBe("AMF_INVALID");
  expect(decodeFault(Uint8Array.of(0x11, 0x0a, 0x00))).toBe("AMF_INVALID");
});

test("an ECMA array may lie about its count and lack its end mark", () => {
  const bytes = encodeAmf0([amfEcmaArray({ width: 640 })]);
  bytes.set([0xff, 0xff, 0xff, 0xff], 1);
  expect(amfProperty(decodeAmf0(bytes)[0], "width")).toBe(640);
  expect(amfProperty(decodeAmf0(bytes.subarray(0, -3))[0], "width")).toBe(640);
});

test("AMF3 is for one value after its marker, and AMF0 goes on", () => {
  const writer = new ByteWriter();
  writer.u8(0x11).u8(0x0a).u8(0x0b).u8(0x01); // dynamic object without class
  writer.u8(0x07).text("app").u8(0x06).u8(0x09).text("live");
  writer.u8(0x07).text("num").u8(0x04).u8(0xff).u8(0xff).u8(0xff).u8(0xff); // U29 of all ones: minus one
  writer.u8(0x03).text("f").u8(0x05).f64(0.5);
  writer.u8(0x03).text("s").u8(0x06).u8(0x02); // second string of the table: "live"
  writer.u8(0x01).u8(0x00).f64(7);
  const [object, after] = decodeAmf0(writer.finish());
  expect(amfProperty(object, "app")).toBe("live");
  expect(amfProperty(object, "num")).toBe(-1);
  expect(amfProperty(object, "f")).toBe(0.5);
  expect(amfProperty(object, "s")).toBe("live");
  expect(after).toBe(7);
});
