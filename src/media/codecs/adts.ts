import { AAC_SAMPLE_RATES, buildAacLcConfig } from "./aac.ts";

const HEADER_BYTES = 7;

/** What an ADTS header says (ISO/IEC 13818-7 §6.2). */
export interface AdtsFrame {
  readonly sampleRate: number;
  readonly channelConfiguration: number;
  /** The raw data block; a view. */
  readonly payload: Uint8Array;
}

/** Takes the ADTS header off one AAC-LC access unit, or gives `undefined` when there is none (a raw data block, another profile, cut off). */
export function parseAdts(unit: Uint8Array): AdtsFrame | undefined {
  if (unit.byteLength < HEADER_BYTES || unit[0] !== 0xff || ((unit[1] ?? 0) & 0xf6) !== 0xf0) return undefined;
  const third = unit[2] ?? 0;
  const fourth = unit[3] ?? 0;
  const sampleRate = AAC_SAMPLE_RATES[(third >> 2) & 15];
  const isLc = third >> 6 === 1;
  const channelConfiguration = ((third & 1) << 2) | (fourth >> 6);
  const sizeBytes = ((fourth & 3) << 11) | ((unit[4] ?? 0) << 3) | ((unit[5] ?? 0) >> 5);
  const headerBytes = ((unit[1] ?? 0) & 1) === 1 ? HEADER_BYTES : HEADER_BYTES + 2;
  if (sampleRate === undefined || !isLc || channelConfiguration === 0) return undefined;
  if (sizeBytes < headerBytes || sizeBytes > unit.byteLength) return undefined;
  return { sampleRate, channelConfiguration, payload: unit.subarray(headerBytes, sizeBytes) };
}

/** Puts an ADTS header before a raw data block of AAC-LC. `channelConfiguration` is 1 to 7. */
export function withAdts(sampleRate: number, channelConfiguration: number, payload: Uint8Array): Uint8Array {
  const [first = 0, second = 0] = buildAacLcConfig(sampleRate, channelConfiguration);
  const rateIndex = ((first & 7) << 1) | (second >> 7);
  const sizeBytes = HEADER_BYTES + payload.byteLength;
  const unit = new Uint8Array(sizeBytes);
  unit.set([
    0xff,
    0xf1,
    (1 << 6) | (rateIndex << 2) | (channelConfiguration >> 2),
    ((channelConfiguration & 3) << 6) | (sizeBytes >> 11),
    (sizeBytes >> 3) & 0xff,
    ((sizeBytes & 7) << 5) | 0x1f,
    0xfc,
  ]);
  unit.set(payload, HEADER_BYTES);
  return unit;
}
