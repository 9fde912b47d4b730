import { ProtocolError } from "#faults/fault.ts";
import type { VideoConfig } from "#media/track.ts";
import { type Av1SequenceHeader, parseAv1SequenceHeader } from "./av1-sequence-header.ts";
import { configInvalid, parsing } from "./codec-error.ts";

const OBU_SEQUENCE_HEADER = 1;
const OBU_TEMPORAL_DELIMITER = 2;
const OBU_TILE_LIST = 8;
const OBU_PADDING = 15;

/** One open bitstream unit (AV1 bitstream specification §5.3). */
export interface Obu {
  readonly type: number;
  /** Header, size field and payload. */
  readonly whole: Uint8Array;
  readonly payload: Uint8Array;
}

/** Splits low-overhead OBU data; a unit without size field takes the rest. @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED`. */
export function splitObus(bytes: Uint8Array): Obu[] {
  const units: Obu[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const start = at;
    const header = bytes[at++] ?? 0;
    if ((header & 0x80) !== 0)
      throw new ProtocolError("BYTES_INVALID", "the forbidden bit of an OBU is set", { at: start });
    if ((header & 4) !== 0) at++;
    let size = bytes.byteLength - at;
    if ((header & 2) !== 0) {
      size = 0;
      for (let i = 0; ; i++) {
        const byte = bytes[at++];
        if (byte === undefined) throw new ProtocolError("BYTES_TRUNCATED", "an OBU ends in its size", { at: start });
        if (i >= 5) throw new ProtocolError("BYTES_INVALID", "the size of an OBU is too long", { at: start });
        size += (byte & 0x7f) * 2 ** (7 * i);
        if ((byte & 0x80) === 0) break;
      }
    }
    if (size < 0 || size > bytes.byteLength - at) {
      throw new ProtocolError("BYTES_TRUNCATED", `an OBU claims ${size} bytes, ${bytes.byteLength - at} are left`, {
        at: start,
      });
    }
    units.push({
      type: (header >> 3) & 15,
      whole: bytes.subarray(start, at + size),
      payload: bytes.subarray(at, at + size),
    });
    at += size;
  }
  return units;
}

/** The `codecs` value (AV1 in ISOBMFF §5): the long form only where the colour is not 8-bit-style BT.709 4:2:0. */
export function av1CodecsOf(header: Av1SequenceHeader): string {
  const two = (value: number): string => value.toString().padStart(2, "0");
  const head = `av01.${header.profile}.${two(header.levelIdx)}${header.tier === 1 ? "H" : "M"}.${two(header.bitDepth)}`;
  const { primaries, transfer, matrix, fullRange } = header.colour;
  const said = (value: number): number => (value === 2 ? 1 : value);
  const plain =
    !header.monochrome &&
    header.subsamplingX === 1 &&
    header.subsamplingY === 1 &&
    said(primaries) === 1 &&
    said(transfer) === 1 &&
    said(matrix) === 1 &&
    !fullRange;
  if (plain) return head;
  const position = header.subsamplingX === 1 && header.subsamplingY === 1 ? header.chromaSamplePosition : 0;
  const chroma = `${header.subsamplingX}${header.subsamplingY}${position}`;
  return `${head}.${header.monochrome ? 1 : 0}.${chroma}.${two(primaries)}.${two(transfer)}.${two(matrix)}.${fullRange ? 1 : 0}`;
}

/** Writes `av1C` contents (AV1 in ISOBMFF §2.3) with one sequence header OBU. */
export function buildAv1Record(header: Av1SequenceHeader, sequenceHeaderObu: Uint8Array): Uint8Array {
  const record = new Uint8Array(4 + sequenceHeaderObu.byteLength);
  record[0] = 0x81;
  record[1] = (header.profile << 5) | header.levelIdx;
  record[2] =
    (header.tier << 7) |
    ((header.bitDepth > 8 ? 1 : 0) << 6) |
    ((header.bitDepth === 12 ? 1 : 0) << 5) |
    ((header.monochrome ? 1 : 0) << 4) |
    (header.subsamplingX << 3) |
    (header.subsamplingY << 2) |
    header.chromaSamplePosition;
  record.set(sequenceHeaderObu, 4);
  return record;
}

/** Makes a track's configuration of OBU data with a sequence header: the configuration OBUs of `av1C`, or a key frame's temporal unit. */
export function av1ConfigOf(obus: Uint8Array): VideoConfig {
  const unit = parsing("av1C record", () => splitObus(obus)).find((obu) => obu.type === OBU_SEQUENCE_HEADER);
  if (unit === undefined) throw configInvalid("av1C record: there is no sequence header");
  const header = parseAv1SequenceHeader(unit.payload);
  const { primaries, transfer, matrix } = header.colour;
  const saysColour = primaries !== 2 || transfer !== 2 || matrix !== 2 || header.colour.fullRange;
  return {
    kind: "video",
    codec: "av1",
    record: buildAv1Record(header, withSizeField(unit)),
    width: header.width,
    height: header.height,
    pixelAspect: { num: 1, den: 1 },
    ...(header.frameRate === undefined ? {} : { frameRate: header.frameRate }),
    ...(saysColour ? { colour: header.colour } : {}),
    codecs: av1CodecsOf(header),
  };
}

/** `av1C` wants every OBU with its size; the last one of a stream may come without. */
function withSizeField(unit: Obu): Uint8Array {
  const first = unit.whole[0] ?? 0;
  if ((first & 2) !== 0) return unit.whole;
  const size = unit.payload.byteLength;
  const sizeField: number[] = [];
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      sizeField.push(rest);
      break;
    }
    sizeField.push((rest % 128) | 0x80);
  }
  const extension = (first & 4) !== 0 ? [unit.whole[1] ?? 0] : [];
  return Uint8Array.from([first | 2, ...extension, ...sizeField, ...unit.payload]);
}

/**
 * Parses an AV1 decoder configuration record (`av1C` contents). It must hold the sequence header, which alone tells the size.
 * The `record` of the result is rewritten from it.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function parseAv1Config(record: Uint8Array): VideoConfig {
  if (record.byteLength < 4) throw configInvalid(`av1C record: ${record.byteLength} bytes, at least 4 are needed`);
  if (record[0] !== 0x81) throw configInvalid("av1C record: marker or version is not 1");
  return av1ConfigOf(record.subarray(4));
}

/** Removes temporal delimiters, padding and tile lists, which a CMAF sample must not have; the same array when there are none. */
export function withoutTransportObus(temporalUnit: Uint8Array): Uint8Array {
  const units = splitObus(temporalUnit);
  const kept = units.filter(
    (obu) => obu.type !== OBU_TEMPORAL_DELIMITER && obu.type !== OBU_PADDING && obu.type !== OBU_TILE_LIST,
  );
  if (kept.length === units.length) return temporalUnit;
  let sizeBytes = 0;
  for (const obu of kept) sizeBytes += obu.whole.byteLength;
  const sample = new Uint8Array(sizeBytes);
  let at = 0;
  for (const obu of kept) {
    sample.set(obu.whole, at);
    at += obu.whole.byteLength;
  }
  return sample;
}
