import { BitReader } from "#bytes/bits.ts";
import type { ColourInfo } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import { checkPictureSize, configInvalid, parsing } from "./codec-error.ts";
import { credibleFrameRate, pixelAspectOf, SAMPLE_ASPECT_RATIOS } from "./frame-rate.ts";
import { withoutEmulationPrevention } from "./nal.ts";

/** What an H.265 sequence parameter set says that a muxer or a person needs (ITU-T H.265 §7.3.2.2). */
export interface HevcSps {
  readonly id: number;
  readonly chromaFormat: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Cropped size in luma samples. */
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: Rational;
  readonly frameRate: Rational | undefined;
  readonly colour: ColourInfo | undefined;
}

/** Parses a sequence parameter set NAL unit, both header bytes included. @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`. */
export function parseHevcSps(unit: Uint8Array): HevcSps {
  return parsing("H.265 sequence parameter set", () => readSps(unit));
}

function ueMax(bits: BitReader, max: number, name: string): number {
  const value = bits.ue();
  if (value > max) throw configInvalid(`H.265 sequence parameter set: ${name} is ${value}, at most ${max} is allowed`);
  return value;
}

function readSps(unit: Uint8Array): HevcSps {
  if ((((unit[0] ?? 0) >> 1) & 0x3f) !== 33) {
    throw configInvalid("H.265 sequence parameter set: the NAL unit is of another type");
  }
  const bits = new BitReader(withoutEmulationPrevention(unit));
  bits.skip(16 + 4);
  const subLayersMinus1 = bits.u(3);
  bits.skip(1);
  skipProfileTierLevel(bits, subLayersMinus1);
  const id = ueMax(bits, 15, "sps_seq_parameter_set_id");
  const chromaFormat = ueMax(bits, 3, "chroma_format_idc");
  if (chromaFormat === 3) bits.skip(1);
  const size = readSize(bits, chromaFormat);
  checkPictureSize("H.265 sequence parameter set", size.width, size.height);
  const bitDepthLuma = ueMax(bits, 8, "bit_depth_luma_minus8") + 8;
  const bitDepthChroma = ueMax(bits, 8, "bit_depth_chroma_minus8") + 8;
  const vui = readVuiBehind(bits, subLayersMinus1, chromaFormat);
  return {
    id,
    chromaFormat,
    bitDepthLuma,
    bitDepthChroma,
    ...size,
    pixelAspect: vui.pixelAspect ?? { num: 1, den: 1 },
    frameRate: vui.frameRate,
    colour: vui.colour,
  };
}

/** ITU-T H.265 §7.3.3. */
function skipProfileTierLevel(bits: BitReader, subLayersMinus1: number): void {
  bits.skip(88 + 8);
  const profiles: boolean[] = [];
  const levels: boolean[] = [];
  for (let i = 0; i < subLayersMinus1; i++) {
    profiles.push(bits.flag());
    levels.push(bits.flag());
  }
  if (subLayersMinus1 > 0) bits.skip((8 - subLayersMinus1) * 2);
  for (let i = 0; i < subLayersMinus1; i++) {
    if (profiles[i] === true) bits.skip(88);
    if (levels[i] === true) bits.skip(8);
  }
}

function readSize(bits: BitReader, chromaFormat: number): { width: number; height: number } {
  const width = bits.ue();
  const height = bits.ue();
  if (!bits.flag()) return { width, height };
  const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
  const unitY = chromaFormat === 1 ? 2 : 1;
  const x = bits.ue() + bits.ue();
  const y = bits.ue() + bits.ue();
  return { width: width - x * unitX, height: height - y * unitY };
}

interface Vui {
  pixelAspect?: Rational;
  colour?: ColourInfo;
  frameRate?: Rational | undefined;
}

/** Walks to the VUI and reads it. Where the syntax breaks behind the size, the picture is still shown: what was read counts. */
function readVuiBehind(bits: BitReader, subLayersMinus1: number, chromaFormat: number): Vui {
  const vui: Vui = {};
  try {
    const log2PocBits = ueMax(bits, 12, "log2_max_pic_order_cnt_lsb_minus4") + 4;
    const layers = bits.flag() ? subLayersMinus1 + 1 : 1;
    for (let i = 0; i < layers * 3; i++) bits.ue();
    for (let i = 0; i < 6; i++) bits.ue();
    if (bits.flag() && bits.flag()) skipScalingListData(bits, chromaFormat);
    bits.skip(2);
    if (bits.flag()) {
      bits.skip(8);
      bits.ue();
      bits.ue();
      bits.skip(1);
    }
    skipShortTermSets(bits);
    if (bits.flag()) bits.skip(ueMax(bits, 32, "num_long_term_ref_pics_sps") * (log2PocBits + 1));
    bits.skip(2);
    if (bits.flag()) readVui(bits, vui);
  } catch {
    return vui;
  }
  return vui;
}

/** ITU-T H.265 §7.3.4. */
function skipScalingListData(bits: BitReader, chromaFormat: number): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 && chromaFormat !== 3 ? 3 : 1) {
      if (!bits.flag()) {
        bits.ue();
        continue;
      }
      if (size > 1) bits.se();
      const coefficients = Math.min(64, 1 << (4 + size * 2));
      for (let i = 0; i < coefficients; i++) bits.se();
    }
  }
}

/** ITU-T H.265 §7.3.7, within a sequence parameter set: a predicted set has as many pictures as its predictor, at most one more. */
function skipShortTermSets(bits: BitReader): void {
  const count = ueMax(bits, 64, "num_short_term_ref_pic_sets");
  let pictures = 0;
  for (let set = 0; set < count; set++) {
    if (set > 0 && bits.flag()) {
      bits.skip(1);
      bits.ue();
      let kept = 0;
      for (let i = 0; i <= pictures; i++) {
        // `use_delta_flag` follows only where `used_by_curr_pic_flag` is not set.
        const used = bits.flag();
        if (used || bits.flag()) kept++;
      }
      pictures = kept;
      continue;
    }
    const negative = ueMax(bits, 16, "num_negative_pics");
    const positive = ueMax(bits, 16, "num_positive_pics");
    pictures = negative + positive;
    for (let i = 0; i < pictures; i++) {
      bits.ue();
      bits.skip(1);
    }
  }
}

/** ITU-T H.265 §E.2.1, as far as the timing. */
function readVui(bits: BitReader, vui: Vui): void {
  if (bits.flag()) {
    const idc = bits.u(8);
    const [num, den] = idc === 255 ? [bits.u(16), bits.u(16)] : (SAMPLE_ASPECT_RATIOS[idc] ?? [1, 1]);
    vui.pixelAspect = pixelAspectOf(num, den);
  }
  if (bits.flag()) bits.skip(1);
  if (bits.flag()) {
    bits.skip(3);
    const fullRange = bits.flag();
    if (bits.flag()) vui.colour = { primaries: bits.u(8), transfer: bits.u(8), matrix: bits.u(8), fullRange };
    else if (fullRange) vui.colour = { primaries: 2, transfer: 2, matrix: 2, fullRange };
  }
  if (bits.flag()) {
    bits.ue();
    bits.ue();
  }
  bits.skip(3);
  if (bits.flag()) for (let i = 0; i < 4; i++) bits.ue();
  if (bits.flag()) {
    const unitsInTick = bits.u(32);
    const timeScale = bits.u(32);
    vui.frameRate = credibleFrameRate(timeScale, unitsInTick, false);
  }
}
