import { ByteReader } from "#bytes/reader.ts";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";

/** Flat values of `onMetaData`. */
export type FlvMetadata = Readonly<Record<string, string | number | boolean>>;

/** AMF0 type markers (AMF0 specification §2.1). */
const Marker = {
  NUMBER: 0,
  BOOLEAN: 1,
  STRING: 2,
  OBJECT: 3,
  NULL: 5,
  ECMA_ARRAY: 8,
  END: 9,
  STRICT_ARRAY: 10,
  DATE: 11,
  LONG_STRING: 12,
} as const;

/** Values one script tag may have. */
const VALUES_MAX = 512;
/** Objects within objects. */
const DEPTH_MAX = 8;

function writeText(writer: ByteWriter, text: string): void {
  const bytes = new TextEncoder().encode(text).subarray(0, 0xffff);
  writer.u16(bytes.byteLength).bytes(bytes);
}

/** Writes the data of a script tag `onMetaData`: its name and an ECMA array (FLV 10.1 §E.5). */
export function writeFlvMetadata(values: FlvMetadata): Uint8Array {
  const writer = new ByteWriter(512);
  writer.u8(Marker.STRING);
  writeText(writer, "onMetaData");
  const entries = Object.entries(values);
  writer.u8(Marker.ECMA_ARRAY).u32(entries.length);
  for (const [key, value] of entries) {
    writeText(writer, key);
    if (typeof value === "number") writer.u8(Marker.NUMBER).f64(value);
    else if (typeof value === "boolean") writer.u8(Marker.BOOLEAN).u8(value ? 1 : 0);
    else {
      writer.u8(Marker.STRING);
      writeText(writer, value);
    }
  }
  writer.u16(0).u8(Marker.END);
  return writer.finish();
}

type Value = string | number | boolean | Map<string, Value> | undefined;

/**
 * Reads the data of a script tag: its name, and the flat values of its object. Nested objects, arrays and dates are left out.
 * @throws ProtocolError `FLV_INVALID` when it is not AMF0.
 */
export function readFlvScript(data: Uint8Array): { name: string; values: FlvMetadata } {
  const budget = { values: VALUES_MAX };
  try {
    const reader = new ByteReader(data);
    const name = readValue(reader, budget, 0);
    const object = reader.remaining > 0 ? readValue(reader, budget, 0) : undefined;
    const values: Record<string, string | number | boolean> = {};
    if (object instanceof Map) {
      for (const [key, value] of object) {
        if (value !== undefined && !(value instanceof Map)) values[key] = value;
      }
    }
    return { name: typeof name === "string" ? name : "", values };
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code === "FLV_INVALID") throw error;
    throw new ProtocolError(
      "FLV_INVALID",
      `script tag: ${error.message}`,
      error.at === undefined ? {} : { at: error.at },
    );
  }
}

function readValue(reader: ByteReader, budget: { values: number }, depth: number): Value {
  if (depth > DEPTH_MAX || budget.values-- <= 0) {
    throw new ProtocolError("FLV_INVALID", "script tag: too many or too deep values", { at: reader.offset });
  }
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
    case Marker.DATE:
      reader.skip(10);
      return undefined;
    case Marker.OBJECT:
      return readObject(reader, budget, depth);
    case Marker.ECMA_ARRAY:
      reader.skip(4);
      return readObject(reader, budget, depth);
    case Marker.STRICT_ARRAY: {
      const count = reader.u32();
      for (let i = 0; i < count; i++) readValue(reader, budget, depth + 1);
      return undefined;
    }
    default:
      // Null, undefined and what else has no body.
      if (marker === Marker.NULL || marker === 6 || marker === 13) return undefined;
      throw new ProtocolError("FLV_INVALID", `script tag: a value of type ${marker}`, { at: reader.offset - 1 });
  }
}

function readObject(reader: ByteReader, budget: { values: number }, depth: number): Map<string, Value> {
  const object = new Map<string, Value>();
  // Many writers leave the end marker of the last array out.
  while (reader.remaining > 0) {
    const key = reader.text(reader.u16());
    if (key === "" && reader.remaining > 0) {
      const end = reader.u8();
      if (end === Marker.END) break;
      throw new ProtocolError("FLV_INVALID", "script tag: a property without a name", { at: reader.offset - 1 });
    }
    object.set(key, readValue(reader, budget, depth + 1));
  }
  return object;
}
