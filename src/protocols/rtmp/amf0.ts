/**
 * Action Message Format 0: the values of RTMP commands and metadata. One marker byte, then the value.
 *
 * ```
 * 00 number f64 │ 01 boolean │ 02 string u16 │ 03 object {key value}* 00 00 09 │ 05 null │ 06 undefined │ 07 reference
 * 08 ECMA array u32 {key value}* 00 00 09 │ 0A strict array u32 value* │ 0B date f64 s16 │ 0C long string u32 │ 0D unsupported
 * 0F XML u32 │ 10 typed object name {key value}* 00 00 09 │ 11 one AMF3 value │ 04 movie clip and 0E record set: reserved
 * ```
 */
import { ByteReader } from "#bytes/reader.ts";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";
import { decodeAmf3Value } from "./amf3.ts";
import { type AmfObject, type AmfValue, AmfBudget } from "./amf-value.ts";

const Marker = {
  NUMBER: 0x00,
  BOOLEAN: 0x01,
  STRING: 0x02,
  OBJECT: 0x03,
  NULL: 0x05,
  UNDEFINED: 0x06,
  REFERENCE: 0x07,
  ECMA_ARRAY: 0x08,
  OBJECT_END: 0x09,
  STRICT_ARRAY: 0x0a,
  DATE: 0x0b,
  LONG_STRING: 0x0c,
  UNSUPPORTED: 0x0d,
  XML: 0x0f,
  TYPED_OBJECT: 0x10,
  AMF3: 0x11,
} as const;

const SHORT_STRING_BYTES_MAX = 0xffff;

/**
 * All values of a message body, up to its end.
 * @throws ProtocolError `AMF_INVALID` for unknown markers, references, too deep or too many values; `BYTES_TRUNCATED`.
 */
export function decodeAmf0(bytes: Uint8Array): AmfValue[] {
  const reader = new ByteReader(bytes);
  const budget = new AmfBudget();
  const values: AmfValue[] = [];
  while (reader.remaining > 0) values.push(readValue(reader, budget, 0));
  return values;
}

function readValue(reader: ByteReader, budget: AmfBudget, depth: number): AmfValue {
  const at = reader.offset;
  budget.spend(depth, at);
  const marker = reader.u8();
  switch (marker) {
    case Marker.NUMBER:
      return reader.f64();
    case Marker.BOOLEAN:
      return reader.u8() !== 0;
    case Marker.STRING:
      return reader.text(reader.u16());
    case Marker.LONG_STRING:
      return reader.text(reader.u32());
    case Marker.NULL:
      return null;
    case Marker.UNDEFINED:
      return undefined;
    case Marker.UNSUPPORTED:
      return { amf: "unsupported" };
    case Marker.DATE: {
      const epochMs = reader.f64();
      return { amf: "date", epochMs, offsetMinutes: reader.i16() };
    }
    case Marker.XML:
      return { amf: "xml", text: reader.text(reader.u32()) };
    case Marker.OBJECT:
      return { amf: "object", properties: readProperties(reader, budget, depth, false) };
    case Marker.TYPED_OBJECT: {
      const className = reader.text(reader.u16());
      return { amf: "object", className, properties: readProperties(reader, budget, depth, false) };
    }
    case Marker.ECMA_ARRAY:
      // The count is a hint that encoders get wrong; the end marker decides.
      reader.skip(4);
      return { amf: "ecma-array", properties: readProperties(reader, budget, depth, true) };
    case Marker.STRICT_ARRAY:
      return readStrictArray(reader, budget, depth);
    case Marker.AMF3:
      return decodeAmf3Value(reader, budget, depth);
    default:
      throw new ProtocolError("AMF_INVALID", `AMF0 marker 0x${marker.toString(16).padStart(2, "0")}`, { at });
  }
}

/** Property lists end with an empty key and the end marker; an ECMA array may also end with the message, as some encoders leave the mark out. */
function readProperties(
  reader: ByteReader,
  budget: AmfBudget,
  depth: number,
  endMayLack: boolean,
): Map<string, AmfValue> {
  const properties = new Map<string, AmfValue>();
  for (;;) {
    if (endMayLack && reader.remaining === 0) break;
    const key = reader.text(reader.u16());
    if (key === "") {
      const before = reader.position;
      if (reader.u8() === Marker.OBJECT_END) break;
      reader.position = before;
    }
    properties.set(key, readValue(reader, budget, depth + 1));
  }
  return properties;
}

function readStrictArray(reader: ByteReader, budget: AmfBudget, depth: number): AmfValue[] {
  const at = reader.offset;
  const count = reader.u32();
  if (count > reader.remaining) {
    throw new ProtocolError("AMF_INVALID", `array of ${count} values in ${reader.remaining} bytes`, { at });
  }
  const values: AmfValue[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(reader, budget, depth + 1));
  return values;
}

/** The values one after another, as a command or data message has them. */
export function encodeAmf0(values: readonly AmfValue[]): Uint8Array {
  const writer = new ByteWriter();
  for (const value of values) writeValue(writer, value);
  return writer.finish();
}

function writeValue(writer: ByteWriter, value: AmfValue): void {
  if (typeof value === "number") writer.u8(Marker.NUMBER).f64(value);
  else if (typeof value === "boolean") writer.u8(Marker.BOOLEAN).u8(value ? 1 : 0);
  else if (typeof value === "string") writeString(writer, value);
  else if (value === null) writer.u8(Marker.NULL);
  else if (value === undefined) writer.u8(Marker.UNDEFINED);
  else if (Array.isArray(value)) {
    writer.u8(Marker.STRICT_ARRAY).u32(value.length);
    for (const element of value) writeValue(writer, element);
  } else writeTagged(writer, value as Exclude<typeof value, readonly AmfValue[]>);
}

function writeTagged(writer: ByteWriter, value: Extract<AmfValue, { readonly amf: string }>): void {
  switch (value.amf) {
    case "object":
      if (value.className === undefined) writer.u8(Marker.OBJECT);
      else writeKey(writer.u8(Marker.TYPED_OBJECT), value.className);
      writeProperties(writer, value);
      break;
    case "ecma-array":
      writer.u8(Marker.ECMA_ARRAY).u32(value.properties.size);
      writeProperties(writer, value);
      break;
    case "date":
      writer
        .u8(Marker.DATE)
        .f64(value.epochMs)
        .u16(value.offsetMinutes & 0xffff);
      break;
    case "xml": {
      const text = new TextEncoder().encode(value.text);
      writer.u8(Marker.XML).u32(text.byteLength).bytes(text);
      break;
    }
    case "bytes":
    case "unsupported":
      writer.u8(Marker.UNSUPPORTED);
      break;
  }
}

function writeString(writer: ByteWriter, value: string): void {
  const text = new TextEncoder().encode(value);
  if (text.byteLength <= SHORT_STRING_BYTES_MAX) writer.u8(Marker.STRING).u16(text.byteLength).bytes(text);
  else writer.u8(Marker.LONG_STRING).u32(text.byteLength).bytes(text);
}

function writeKey(writer: ByteWriter, key: string): void {
  const text = new TextEncoder().encode(key).subarray(0, SHORT_STRING_BYTES_MAX);
  writer.u16(text.byteLength).bytes(text);
}

function writeProperties(writer: ByteWriter, object: AmfObject): void {
  for (const [key, value] of object.properties) {
    writeKey(writer, key);
    writeValue(writer, value);
  }
  writer.u16(0).u8(Marker.OBJECT_END);
}
