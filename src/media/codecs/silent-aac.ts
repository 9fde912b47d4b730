import type { AudioConfig } from "#media/track.ts";
import { readAudioSpecificConfig } from "./aac.ts";

const Element = { SCE: 0, CPE: 1, LFE: 3, END: 7 } as const;
type ElementId = (typeof Element)[keyof typeof Element];

/** Syntactic elements by channel configuration (ISO/IEC 14496-3 Table 1.19). */
const ELEMENTS: readonly (readonly ElementId[])[] = [
  [],
  [Element.SCE],
  [Element.CPE],
  [Element.SCE, Element.CPE],
  [Element.SCE, Element.CPE, Element.SCE],
  [Element.SCE, Element.CPE, Element.CPE],
  [Element.SCE, Element.CPE, Element.CPE, Element.LFE],
  [Element.SCE, Element.CPE, Element.CPE, Element.CPE, Element.LFE],
];

/** Writes bits, most significant first. */
class BitString {
  #bits: number[] = [];

  u(count: number, value: number): void {
    for (let i = count - 1; i >= 0; i--) this.#bits.push((value >> i) & 1);
  }

  /** The bits in bytes, filled up with zeros. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    for (const [i, bit] of this.#bits.entries()) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (bit << (7 - (i & 7)));
    return bytes;
  }
}

/** `ics_info()` of a long window without any scale factor band, so that no spectrum follows (ISO/IEC 14496-3 §4.4.2.1). */
function writeIcsInfo(bits: BitString): void {
  bits.u(1, 0);
  bits.u(2, 0);
  bits.u(1, 0);
  bits.u(6, 0);
  bits.u(1, 0);
}

/** `individual_channel_stream()`: gain, then neither pulses nor TNS nor gain control. */
function writeChannel(bits: BitString, ownInfo: boolean): void {
  bits.u(8, 0);
  if (ownInfo) writeIcsInfo(bits);
  bits.u(3, 0);
}

/**
 * One access unit of silence for AAC-LC with a channel configuration of 1 to 7, as a raw data block (ISO/IEC 14496-3 §4.4.2.1); `undefined` for
 * anything else (HE-AAC, other codecs, channels told by a program config element).
 */
export function silentAacFrame(config: AudioConfig): Uint8Array | undefined {
  if (config.codec !== "aac") return undefined;
  const asc = readAudioSpecificConfig(config.record);
  if (asc.sbrSampleRate !== undefined) return undefined;
  const elements = ELEMENTS[asc.channelConfiguration] ?? [];
  if (elements.length === 0) return undefined;
  const bits = new BitString();
  const tags = new Map<ElementId, number>();
  for (const element of elements) {
    const tag = tags.get(element) ?? 0;
    tags.set(element, tag + 1);
    bits.u(3, element);
    bits.u(4, tag);
    if (element === Element.CPE) {
      bits.u(1, 1);
      writeIcsInfo(bits);
      bits.u(2, 0);
      writeChannel(bits, false);
      writeChannel(bits, false);
    } else {
      writeChannel(bits, true);
    }
  }
  bits.u(3, Element.END);
  return bits.bytes();
}
