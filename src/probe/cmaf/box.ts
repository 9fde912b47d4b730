import { ProtocolError } from "#faults/fault.ts";
import { ByteReader } from "#bytes/reader.ts";

/** An ISO base media box (ISO/IEC 14496-12 §4.2): a view of its payload, and where it stands. */
export interface Box {
  readonly type: string;
  /** Offset of the box header in the resource. */
  readonly start: number;
  /** Offset of the payload in the resource. */
  readonly payloadStart: number;
  readonly sizeBytes: number;
  readonly payload: Uint8Array;
}

/** A media resource that breaks its container's rules. */
export function badMedia(message: string, at: number): ProtocolError {
  return new ProtocolError("NOT_CONFORMING", message, { at: `byte ${at}` });
}

/**
 * The boxes of an array, one after the other without rest.
 * @throws ProtocolError `NOT_CONFORMING` or `BYTES_TRUNCATED` with the offset.
 */
export function readBoxes(bytes: Uint8Array, baseOffset = 0): Box[] {
  const reader = new ByteReader(bytes, baseOffset);
  const boxes: Box[] = [];
  while (reader.remaining > 0) {
    const start = reader.offset;
    const short = reader.u32();
    const type = reader.text(4);
    const sizeBytes = short === 1 ? reader.u64() : short === 0 ? bytes.byteLength - (start - baseOffset) : short;
    const headerBytes = reader.offset - start;
    if (sizeBytes < headerBytes) throw badMedia(`box ${type} has size ${sizeBytes}`, start);
    const payloadStart = reader.offset;
    boxes.push({ type, start, payloadStart, sizeBytes, payload: reader.bytes(sizeBytes - headerBytes) });
  }
  return boxes;
}

/** The only box of a type. @throws ProtocolError when it is missing or not alone. */
export function onlyBox(boxes: readonly Box[], type: string, parent: string): Box {
  const found = boxes.filter((box) => box.type === type);
  const [box] = found;
  if (box === undefined || found.length > 1) {
    throw badMedia(`${parent} has ${found.length} ${type} boxes, must have one`, boxes[0]?.start ?? 0);
  }
  return box;
}

/** The boxes inside a box, after `skipBytes` of fields of its own. */
export function childrenOf(box: Box, skipBytes = 0): Box[] {
  if (skipBytes > box.payload.byteLength) throw badMedia(`box ${box.type} is too short`, box.start);
  return readBoxes(box.payload.subarray(skipBytes), box.payloadStart + skipBytes);
}

/** A reader of a box's payload. */
export function readerOf(box: Box): ByteReader {
  return new ByteReader(box.payload, box.payloadStart);
}
