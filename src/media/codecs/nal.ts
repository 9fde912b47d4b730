/**
 * NAL units as H.264 and H.265 share them. In a sample each has its length before it; in Annex B a start code (00 00 01).
 *
 *     length-prefixed   | 00 00 00 05 | 65 88 84 00 10 | 00 00 00 03 | 06 05 …
 *     Annex B           | 00 00 00 01 | 65 88 84 00 10 | 00 00 01    | 06 05 …
 */
import { ProtocolError } from "#faults/fault.ts";

/** NAL units a sample may have; encoders stay below 300 (one per macroblock row and some SEI). */
export const NAL_UNITS_PER_SAMPLE_MAX = 4096;

/** Size of the length before each NAL unit in a sample, in bytes. */
export type NalLengthSize = 1 | 2 | 4;

function broken(message: string, at: number): ProtocolError {
  return new ProtocolError("BYTES_INVALID", message, { at, hint: "restart the encoder" });
}

/**
 * Gives the length of the NAL unit whose length field stands at `at`.
 * @throws ProtocolError `BYTES_INVALID` when the field or the unit does not fit into the sample.
 */
export function nalLengthAt(sample: Uint8Array, at: number, lengthSize: NalLengthSize): number {
  const left = sample.byteLength - at;
  if (left < lengthSize) throw broken(`${left} stray bytes where a NAL unit's length should be`, at);
  let length = 0;
  for (let i = 0; i < lengthSize; i++) length = length * 256 + (sample[at + i] ?? 0);
  if (length > left - lengthSize) {
    throw broken(`a NAL unit claims ${length} bytes, the sample has ${left - lengthSize} left`, at);
  }
  return length;
}

/** Gives views of the NAL units of a length-prefixed sample; empty ones are left out. @throws ProtocolError `BYTES_INVALID`. */
export function splitLengthPrefixed(sample: Uint8Array, lengthSize: NalLengthSize = 4): Uint8Array[] {
  const units: Uint8Array[] = [];
  for (let at = 0; at < sample.byteLength; ) {
    const length = nalLengthAt(sample, at, lengthSize);
    at += lengthSize;
    if (length > 0) units.push(sample.subarray(at, at + length));
    at += length;
    if (units.length > NAL_UNITS_PER_SAMPLE_MAX) throw broken("too many NAL units in a sample", at);
  }
  return units;
}

/** Whether the bytes begin with an Annex B start code of three or four bytes. */
export function startsWithStartCode(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && (bytes[2] === 1 || (bytes[2] === 0 && bytes[3] === 1));
}

/** Gives views of the NAL units of an Annex B byte stream, without start codes and trailing zeros (ITU-T H.264 Annex B). */
export function splitAnnexB(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  const size = bytes.byteLength;
  let start = -1;
  let at = 0;
  while (at + 2 < size) {
    const third = bytes[at + 2] ?? 0;
    if (third > 1) {
      at += 3;
    } else if (third === 1 && bytes[at] === 0 && bytes[at + 1] === 0) {
      if (start >= 0) pushUnit(units, bytes, start, at);
      start = at + 3;
      at += 3;
    } else {
      at += 1;
    }
  }
  if (start >= 0) pushUnit(units, bytes, start, size);
  return units;
}

function pushUnit(units: Uint8Array[], bytes: Uint8Array, start: number, end: number): void {
  while (end > start && bytes[end - 1] === 0) end--;
  if (end === start) return;
  if (units.length === NAL_UNITS_PER_SAMPLE_MAX) throw broken("too many NAL units in a sample", start);
  units.push(bytes.subarray(start, end));
}

/** Writes NAL units as one sample with 4-byte lengths. */
export function joinLengthPrefixed(units: readonly Uint8Array[]): Uint8Array {
  let sizeBytes = 0;
  for (const unit of units) sizeBytes += 4 + unit.byteLength;
  const sample = new Uint8Array(sizeBytes);
  const view = new DataView(sample.buffer);
  let at = 0;
  for (const unit of units) {
    view.setUint32(at, unit.byteLength);
    sample.set(unit, at + 4);
    at += 4 + unit.byteLength;
  }
  return sample;
}

function isLengthPrefixed(sample: Uint8Array): boolean {
  let at = 0;
  while (at < sample.byteLength) {
    if (sample.byteLength - at < 4) return false;
    const length = nalLengthField(sample, at);
    if (length > sample.byteLength - at - 4) return false;
    at += 4 + length;
  }
  return true;
}

function nalLengthField(sample: Uint8Array, at: number): number {
  return (
    (sample[at] ?? 0) * 0x1000000 +
    (((sample[at + 1] ?? 0) << 16) | ((sample[at + 2] ?? 0) << 8) | (sample[at + 3] ?? 0))
  );
}

/**
 * Gives the sample with 4-byte lengths whatever the encoder sent: the same array when it is so already (checked), a new one when the
 * lengths are shorter or when it is an Annex B byte stream sent by mistake.
 * @throws ProtocolError `BYTES_INVALID` when it is neither.
 */
export function toLengthPrefixed(sample: Uint8Array, lengthSize: NalLengthSize = 4): Uint8Array {
  if (lengthSize === 4 && isLengthPrefixed(sample)) return sample;
  if (startsWithStartCode(sample)) return joinLengthPrefixed(splitAnnexB(sample));
  return joinLengthPrefixed(splitLengthPrefixed(sample, lengthSize));
}

/**
 * Removes the emulation prevention bytes (00 00 03 → 00 00) of a NAL unit (ITU-T H.264 §7.4.1).
 * Gives the same array when there are none.
 */
export function withoutEmulationPrevention(unit: Uint8Array): Uint8Array {
  let found = -1;
  for (let i = 2; i < unit.byteLength; i++) {
    if (unit[i] === 3 && unit[i - 1] === 0 && unit[i - 2] === 0) {
      found = i;
      break;
    }
  }
  if (found < 0) return unit;
  const plain = new Uint8Array(unit.byteLength);
  plain.set(unit.subarray(0, found));
  let size = found;
  let zeros = 0;
  for (let i = found + 1; i < unit.byteLength; i++) {
    const byte = unit[i] ?? 0;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    plain[size++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return plain.subarray(0, size);
}

/** Whether two lists hold the same byte arrays in the same order. */
export function sameUnits(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((unit, i) => sameBytes(unit, b[i] ?? new Uint8Array(0)));
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
