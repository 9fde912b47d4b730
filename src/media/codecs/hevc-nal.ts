import { type NalLengthSize, nalLengthAt } from "./nal.ts";

/** Bits of {@link inspectHevcSample}. */
export const HevcSample = {
  /** IDR or BLA picture: nothing before it is needed, and nothing that follows it in decoding order refers past it. */
  IDR: 1,
  /** Clean random access: a decoder may start here and leaves out the leading pictures (RASL) that follow. */
  CRA: 2,
  /** Video, sequence or picture parameter sets in the sample. */
  PARAMETER_SETS: 4,
  /** At least one coded slice segment. */
  SLICE: 8,
} as const;

/**
 * Says in one pass what is in a length-prefixed H.265 sample, as a sum of {@link HevcSample} bits (NAL unit types: ITU-T H.265 Table 7-1).
 * Allocates nothing. @throws ProtocolError `BYTES_INVALID` when a NAL unit's length does not fit.
 */
export function inspectHevcSample(sample: Uint8Array, lengthSize: NalLengthSize = 4): number {
  let found = 0;
  for (let at = 0; at < sample.byteLength; ) {
    const length = nalLengthAt(sample, at, lengthSize);
    at += lengthSize;
    const type = length < 2 ? 63 : ((sample[at] ?? 0) >> 1) & 0x3f;
    if (type >= 16 && type <= 20) found |= HevcSample.IDR | HevcSample.SLICE;
    else if (type === 21) found |= HevcSample.CRA | HevcSample.SLICE;
    else if (type <= 9) found |= HevcSample.SLICE;
    else if (type >= 32 && type <= 34) found |= HevcSample.PARAMETER_SETS;
    at += length;
  }
  return found;
}
