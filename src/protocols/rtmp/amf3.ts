/**
 * Action Message Format 3, as far as RTMP peers use it: single values after the AMF0 marker 0x11. Reading only: we never ask for AMF3.
 * Strings and traits may refer to earlier ones; references to objects are refused, since only they can make cycles and bombs.
 */
import type { ByteReader } from "#bytes/reader.ts";
import { ProtocolError } from "#faults/fault.ts";
import type { AmfBudget, AmfValue } from "./amf-value.ts";

const Marker = {
  UNDEFINED: 0,
  NULL: 1,
  FALSE: 2,
  TRUE: 3,
  INTEGER: 4,
  DOUBLE: 5,
  STRING: 6,
  XML_DOCUMENT: 7,
  DATE: 8,
  ARRAY: 9,
  OBJECT: 10,
  XML: 11,
  BYTE_ARRAY: 12,
} as const;

interface Traits {
  readonly className: string;
  readonly names: readonly string[];
  readonly dynamic: boolean;
}

interface Tables {
  readonly reader: ByteReader;
  readonly budget: AmfBudget;
  readonly strings: string[];
  readonly traits: Traits[];
}

/**
 * One AMF3 value at the reader's position; its reference tables begin and end with it.
 * @throws ProtocolError `AMF_INVALID` for object references, vectors, dictionaries and externalizable objects; `BYTES_TRUNCATED`.
 */
export function decodeAmf3Value(reader: ByteReader, budget: AmfBudget, depth: number): AmfValue {
  return readValue({ reader, budget, strings: [], traits: [] }, depth);
}

/** Unsigned 29-bit integer: 7 bits a byte, the fourth byte has 8. */
function u29(reader: ByteReader): number {
  let value = 0;
  for (let i = 0; i < 3; i++) {
    const byte = reader.u8();
    value = (value << 7) | (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return (value << 8) | reader.u8();
}

/** The length of an inline object; a reference is refused. */
function inlineLength(reader: ByteReader): number {
  const at = reader.offset;
  const header = u29(reader);
  if ((header & 1) === 0) throw new ProtocolError("AMF_INVALID", "AMF3 reference to an object", { at });
  return header >> 1;
}

function readString({ reader, strings }: Tables): string {
  const at = reader.offset;
  const header = u29(reader);
  if ((header & 1) === 0) {
    const known = strings[header >> 1];
    if (known === undefined) throw new ProtocolError("AMF_INVALID", "AMF3 reference to no string", { at });
    return known;
  }
  const text = reader.text(header >> 1);
  if (text !== "") strings.push(text);
  return text;
}

function readValue(tables: Tables, depth: number): AmfValue {
  const { reader, budget } = tables;
  const at = reader.offset;
  budget.spend(depth, at);
  const marker = reader.u8();
  switch (marker) {
    case Marker.UNDEFINED:
      return undefined;
    case Marker.NULL:
      return null;
    case Marker.FALSE:
      return false;
    case Marker.TRUE:
      return true;
    case Marker.INTEGER:
      return (u29(reader) << 3) >> 3;
    case Marker.DOUBLE:
      return reader.f64();
    case Marker.STRING:
      return readString(tables);
    case Marker.XML_DOCUMENT:
    case Marker.XML:
      return { amf: "xml", text: reader.text(inlineLength(reader)) };
    case Marker.DATE:
      inlineLength(reader);
      return { amf: "date", epochMs: reader.f64(), offsetMinutes: 0 };
    case Marker.BYTE_ARRAY:
      return { amf: "bytes", bytes: reader.bytes(inlineLength(reader)).slice() };
    case Marker.ARRAY:
      return readArray(tables, depth);
    case Marker.OBJECT:
      return readObject(tables, depth);
    default:
      throw new ProtocolError("AMF_INVALID", `AMF3 marker 0x${marker.toString(16).padStart(2, "0")}`, { at });
  }
}

/** A dense array, or one with names, which is what AMF0 calls an ECMA array. */
function readArray(tables: Tables, depth: number): AmfValue {
  const { reader } = tables;
  const at = reader.offset;
  const count = inlineLength(reader);
  if (count > reader.remaining) {
    throw new ProtocolError("AMF_INVALID", `array of ${count} values in ${reader.remaining} bytes`, { at });
  }
  const properties = readDynamic(tables, depth);
  const values: AmfValue[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(tables, depth + 1));
  if (properties.size === 0) return values;
  for (const [index, value] of values.entries()) properties.set(String(index), value);
  return { amf: "ecma-array", properties };
}

function readDynamic(tables: Tables, depth: number): Map<string, AmfValue> {
  const properties = new Map<string, AmfValue>();
  for (;;) {
    const key = readString(tables);
    if (key === "") return properties;
    properties.set(key, readValue(tables, depth + 1));
  }
}

function readTraits(tables: Tables, header: number, at: number): Traits {
  if ((header & 2) === 0) {
    const known = tables.traits[header >> 2];
    if (known === undefined) throw new ProtocolError("AMF_INVALID", "AMF3 reference to no traits", { at });
    return known;
  }
  if ((header & 4) !== 0) throw new ProtocolError("AMF_INVALID", "AMF3 externalizable object", { at });
  const className = readString(tables);
  const names: string[] = [];
  for (let i = header >> 4; i > 0; i--) {
    tables.budget.spend(0, tables.reader.offset);
    names.push(readString(tables));
  }
  const traits = { className, names, dynamic: (header & 8) !== 0 };
  tables.traits.push(traits);
  return traits;
}

function readObject(tables: Tables, depth: number): AmfValue {
  const at = tables.reader.offset;
  const header = u29(tables.reader);
  if ((header & 1) === 0) throw new ProtocolError("AMF_INVALID", "AMF3 reference to an object", { at });
  const { className, names, dynamic } = readTraits(tables, header, at);
  const properties = new Map<string, AmfValue>();
  for (const name of names) properties.set(name, readValue(tables, depth + 1));
  if (dynamic) for (const [key, value] of readDynamic(tables, depth)) properties.set(key, value);
  return className === "" ? { amf: "object", properties } : { amf: "object", className, properties };
}
