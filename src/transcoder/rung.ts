import type { Coding, EncodedCodec, ExtraCodec, Hardware, Profile } from "#codecs/encoding.ts";

/** One rendition that is made of the source's picture. */
export interface Rung {
  /** What stands in URLs and menus, such as `720p`. */
  readonly name: string;
  /** Luma samples, even. */
  readonly width: number;
  readonly height: number;
  /** It has every n-th picture of the source. */
  readonly frameRateDivisor: 1 | 2;
  /** Bits per second, on average over a segment. */
  readonly bitrate: number;
  /** H.264 where it is left out. */
  readonly codec?: EncodedCodec;
}

/** How pictures are encoded, the same for all rungs of a node. */
export interface Encoding {
  readonly profile: Profile;
  /** Locked wherever hardware may encode. */
  readonly coding: Coding;
  /** Where it does not open, the processor encodes. */
  readonly hardware: Hardware;
  /** None where it is left out. */
  readonly extraCodec?: ExtraCodec;
}

/** One rendition that is made of the source's sound: AAC-LC of the source's sample rate. */
export interface SoundRung {
  /** What stands in URLs, such as `audio-64k`. */
  readonly name: string;
  /** Bits per second. */
  readonly bitrate: number;
  /** 1 or 2. */
  readonly channels: number;
}
