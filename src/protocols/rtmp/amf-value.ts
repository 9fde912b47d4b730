import { ProtocolError } from "#faults/fault.ts";

/** How deep AMF values may nest. */
export const AMF_DEPTH_MAX = 8;
/** Values, properties and array elements one message may have in all. */
export const AMF_VALUES_MAX = 512;

/** An AMF object or ECMA array. A map, not a plain object: keys are the peer's. */
export interface AmfObject {
  readonly amf: "object" | "ecma-array";
  readonly className?: string;
  readonly properties: ReadonlyMap<string, AmfValue>;
}

/** A point in time; the offset is always zero by the specification and kept as sent. */
interface AmfDate {
  readonly amf: "date";
  readonly epochMs: number;
  readonly offsetMinutes: number;
}

/** An XML document as text. */
interface AmfXml {
  readonly amf: "xml";
  readonly text: string;
}

/** A byte array of AMF3. */
interface AmfBytes {
  readonly amf: "bytes";
  readonly bytes: Uint8Array;
}

/** A value its sender could not express. */
interface AmfUnsupported {
  readonly amf: "unsupported";
}

/** Any value of AMF0, or of AMF3 as far as it has a counterpart. */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | readonly AmfValue[]
  | AmfObject
  | AmfDate
  | AmfXml
  | AmfBytes
  | AmfUnsupported;

/** Counts values and depth of one message. */
export class AmfBudget {
  #left = AMF_VALUES_MAX;

  /** Called for each value. @throws ProtocolError `AMF_INVALID` past a limit. */
  spend(depth: number, at: number): void {
    if (depth > AMF_DEPTH_MAX) {
      throw new ProtocolError("AMF_INVALID", `values nested deeper than ${AMF_DEPTH_MAX}`, { at });
    }
    this.#left--;
    if (this.#left < 0) throw new ProtocolError("AMF_INVALID", `more than ${AMF_VALUES_MAX} values`, { at });
  }
}

/** An object of these properties, in this order. */
export function amfObject(properties: Readonly<Record<string, AmfValue>>): AmfObject {
  return { amf: "object", properties: new Map(Object.entries(properties)) };
}

/** An ECMA array of these properties, in this order. */
export function amfEcmaArray(properties: Readonly<Record<string, AmfValue>>): AmfObject {
  return { amf: "ecma-array", properties: new Map(Object.entries(properties)) };
}

/** Whether a value has properties. */
export function isAmfObject(value: AmfValue): value is AmfObject {
  return (
    typeof value === "object" &&
    value !== null &&
    "amf" in value &&
    (value.amf === "object" || value.amf === "ecma-array")
  );
}

/** A property of an object or ECMA array; `undefined` where there is none or `value` is neither. */
export function amfProperty(value: AmfValue, key: string): AmfValue {
  return isAmfObject(value) ? value.properties.get(key) : undefined;
}

/** A text property; `undefined` where it is absent or of another type. */
export function amfText(value: AmfValue, key: string): string | undefined {
  const property = amfProperty(value, key);
  return typeof property === "string" ? property : undefined;
}

/** A number property; `undefined` where it is absent or of another type. */
export function amfNumber(value: AmfValue, key: string): number | undefined {
  const property = amfProperty(value, key);
  return typeof property === "number" ? property : undefined;
}
