import { ProtocolError } from "#faults/fault.ts";
import type { VideoConfig } from "#media/track.ts";
import { avcConfigOf, readAvcRecord } from "./avc.ts";
import { type NalLengthSize, nalLengthAt, sameUnits, withoutEmulationPrevention } from "./nal.ts";

/** Bits of {@link inspectAvcSample}. */
export const AvcSample = {
  /** An instantaneous decoding refresh picture: nothing before it is needed. */
  IDR: 1,
  /** A recovery point with `recovery_frame_cnt` 0: a decoder may start here. */
  RECOVERY_POINT: 2,
  /** Sequence or picture parameter sets in the sample. */
  PARAMETER_SETS: 4,
  /** At least one coded slice. */
  SLICE: 8,
} as const;

/**
 * Says in one pass what is in a length-prefixed H.264 sample, as a sum of {@link AvcSample} bits. Allocates nothing.
 * @throws ProtocolError `BYTES_INVALID` when a NAL unit's length does not fit.
 */
export function inspectAvcSample(sample: Uint8Array, lengthSize: NalLengthSize = 4): number {
  let found = 0;
  for (let at = 0; at < sample.byteLength; ) {
    const length = nalLengthAt(sample, at, lengthSize);
    at += lengthSize;
    const type = length === 0 ? 0 : (sample[at] ?? 0) & 0x1f;
    if (type === 5) found |= AvcSample.IDR | AvcSample.SLICE;
    else if (type === 1 || type === 2) found |= AvcSample.SLICE;
    else if (type === 7 || type === 8) found |= AvcSample.PARAMETER_SETS;
    else if (type === 6 && isRecoveryPoint(sample, at + 1, at + length)) found |= AvcSample.RECOVERY_POINT;
    at += length;
  }
  return found;
}

/** Walks the messages of an SEI NAL unit to a recovery point of zero frames (ITU-T H.264 §D.1.8: `recovery_frame_cnt` is ue(v)). */
function isRecoveryPoint(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at + 2 < end) {
    let type = 0;
    while (at < end && bytes[at] === 0xff) {
      type += 255;
      at++;
    }
    type += bytes[at++] ?? 0;
    let size = 0;
    while (at < end && bytes[at] === 0xff) {
      size += 255;
      at++;
    }
    size += bytes[at++] ?? 0;
    if (type === 6) return at < end && ((bytes[at] ?? 0) & 0x80) !== 0;
    at += size;
  }
  return false;
}

/** Copies of the parameter sets inside a sample, in order. @throws ProtocolError `BYTES_INVALID`. */
export function avcParameterSetsIn(
  sample: Uint8Array,
  lengthSize: NalLengthSize = 4,
): { sps: Uint8Array[]; pps: Uint8Array[] } {
  const sets = { sps: [] as Uint8Array[], pps: [] as Uint8Array[] };
  for (let at = 0; at < sample.byteLength; ) {
    const length = nalLengthAt(sample, at, lengthSize);
    at += lengthSize;
    const type = length === 0 ? 0 : (sample[at] ?? 0) & 0x1f;
    // Kept for the life of the track, so copied out of the sample.
    if (type === 7) sets.sps.push(sample.slice(at, at + length));
    else if (type === 8) sets.pps.push(sample.slice(at, at + length));
    at += length;
  }
  return sets;
}

/**
 * Gives the configuration that holds from this sample on when its in-band parameter sets differ from `config`, else `undefined`.
 * Sets of an id that `config` has already replace it; others are added.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`, `BYTES_INVALID`.
 */
export function avcConfigAfter(config: VideoConfig, sample: Uint8Array): VideoConfig | undefined {
  const inBand = avcParameterSetsIn(sample);
  if (inBand.sps.length === 0 && inBand.pps.length === 0) return undefined;
  const known = readAvcRecord(config.record);
  const sps = merge(known.sps, inBand.sps, spsId);
  const pps = merge(known.pps, inBand.pps, ppsId);
  if (sameUnits(sps, known.sps) && sameUnits(pps, known.pps)) return undefined;
  return avcConfigOf({ sps, pps, spsExt: known.spsExt });
}

/** The id is a ue(v) right after the header (pps) or after 24 fixed bits (sps); its raw code is as good a key as its value. */
function idAt(unit: Uint8Array, bitOffset: number): number {
  const head = withoutEmulationPrevention(unit.subarray(0, 16));
  let zeros = 0;
  for (let bit = bitOffset; bit < head.byteLength * 8; bit++) {
    if ((((head[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1) {
      let value = 1;
      for (let i = 1; i <= zeros; i++) {
        const next = bit + i;
        value = value * 2 + (((head[next >> 3] ?? 0) >> (7 - (next & 7))) & 1);
      }
      return value - 1;
    }
    if (++zeros > 8) break;
  }
  throw new ProtocolError("CODEC_CONFIG_INVALID", "a parameter set without a valid id", {
    hint: "restart the encoder",
  });
}

function spsId(unit: Uint8Array): number {
  return idAt(unit, 32);
}

function ppsId(unit: Uint8Array): number {
  return idAt(unit, 8);
}

function merge(
  known: readonly Uint8Array[],
  news: readonly Uint8Array[],
  idOf: (unit: Uint8Array) => number,
): Uint8Array[] {
  const byId = new Map<number, Uint8Array>();
  for (const unit of known) byId.set(idOf(unit), unit);
  for (const unit of news) byId.set(idOf(unit), unit);
  return [...byId.values()];
}
