import { BitReader } from "#bytes/bits.ts";
import type { ColourInfo } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import { checkPictureSize, parsing } from "./codec-error.ts";
import { credibleFrameRate } from "./frame-rate.ts";

/** What an AV1 sequence header says (AV1 bitstream specification §5.5). */
export interface Av1SequenceHeader {
  readonly profile: number;
  /** `seq_level_idx[0]`. */
  readonly levelIdx: number;
  /** 0 main, 1 high. */
  readonly tier: number;
  readonly bitDepth: 8 | 10 | 12;
  readonly monochrome: boolean;
  readonly subsamplingX: number;
  readonly subsamplingY: number;
  readonly chromaSamplePosition: number;
  readonly width: number;
  readonly height: number;
  readonly frameRate: Rational | undefined;
  readonly colour: ColourInfo;
}

/** Parses the payload of a sequence header OBU, without OBU header. @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`. */
export function parseAv1SequenceHeader(payload: Uint8Array): Av1SequenceHeader {
  return parsing("AV1 sequence header", () => readHeader(new BitReader(payload)));
}

function readHeader(bits: BitReader): Av1SequenceHeader {
  const profile = bits.u(3);
  bits.skip(1);
  const reduced = bits.flag();
  const points = reduced ? { levelIdx: bits.u(5), tier: 0, frameRate: undefined } : readOperatingPoints(bits);
  const widthBits = bits.u(4) + 1;
  const heightBits = bits.u(4) + 1;
  const width = bits.u(widthBits) + 1;
  const height = bits.u(heightBits) + 1;
  checkPictureSize("AV1 sequence header", width, height);
  if (!reduced && bits.flag()) bits.skip(7);
  bits.skip(3);
  if (!reduced) skipTools(bits);
  bits.skip(3);
  return { profile, ...points, width, height, ...readColour(bits, profile) };
}

function readOperatingPoints(bits: BitReader): { levelIdx: number; tier: number; frameRate: Rational | undefined } {
  let frameRate: Rational | undefined;
  let delayBits = 0;
  if (bits.flag()) {
    const unitsInTick = bits.u(32);
    const timeScale = bits.u(32);
    const equalInterval = bits.flag();
    const ticksPerPicture = equalInterval ? bits.ue() + 1 : 1;
    frameRate = credibleFrameRate(timeScale, unitsInTick * ticksPerPicture, equalInterval);
    if (bits.flag()) {
      delayBits = bits.u(5) + 1;
      bits.skip(32 + 5 + 5);
    }
  }
  const displayDelays = bits.flag();
  const count = bits.u(5) + 1;
  let levelIdx = 0;
  let tier = 0;
  for (let i = 0; i < count; i++) {
    bits.skip(12);
    const level = bits.u(5);
    const high = level > 7 ? bits.u(1) : 0;
    if (i === 0) {
      levelIdx = level;
      tier = high;
    }
    if (delayBits > 0 && bits.flag()) bits.skip(delayBits * 2 + 1);
    if (displayDelays && bits.flag()) bits.skip(4);
  }
  return { levelIdx, tier, frameRate };
}

/** The switches between `enable_interintra_compound` and `order_hint_bits_minus_1`. */
function skipTools(bits: BitReader): void {
  bits.skip(4);
  const orderHint = bits.flag();
  if (orderHint) bits.skip(2);
  const screenContent = bits.flag() ? 2 : bits.u(1);
  if (screenContent > 0 && !bits.flag()) bits.skip(1);
  if (orderHint) bits.skip(3);
}

/** AV1 bitstream specification §5.5.2. */
function readColour(
  bits: BitReader,
  profile: number,
): Pick<
  Av1SequenceHeader,
  "bitDepth" | "monochrome" | "subsamplingX" | "subsamplingY" | "chromaSamplePosition" | "colour"
> {
  const highBitDepth = bits.flag();
  const twelve = profile === 2 && highBitDepth && bits.flag();
  const bitDepth = twelve ? 12 : highBitDepth ? 10 : 8;
  const monochrome = profile !== 1 && bits.flag();
  let primaries = 2;
  let transfer = 2;
  let matrix = 2;
  if (bits.flag()) {
    primaries = bits.u(8);
    transfer = bits.u(8);
    matrix = bits.u(8);
  }
  if (monochrome) {
    const colour = { primaries, transfer, matrix, fullRange: bits.flag() };
    return { bitDepth, monochrome, subsamplingX: 1, subsamplingY: 1, chromaSamplePosition: 0, colour };
  }
  if (primaries === 1 && transfer === 13 && matrix === 0) {
    const colour = { primaries, transfer, matrix, fullRange: true };
    return { bitDepth, monochrome, subsamplingX: 0, subsamplingY: 0, chromaSamplePosition: 0, colour };
  }
  const colour = { primaries, transfer, matrix, fullRange: bits.flag() };
  let subsamplingX = profile === 1 ? 0 : 1;
  let subsamplingY = profile === 0 ? 1 : 0;
  if (profile === 2 && bitDepth === 12) {
    subsamplingX = bits.u(1);
    subsamplingY = subsamplingX === 1 ? bits.u(1) : 0;
  }
  const chromaSamplePosition = subsamplingX === 1 && subsamplingY === 1 ? bits.u(2) : 0;
  return { bitDepth, monochrome, subsamplingX, subsamplingY, chromaSamplePosition, colour };
}
