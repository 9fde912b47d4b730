import { BitReader } from "#bytes/bits.ts";
import type { ColourInfo } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import { checkPictureSize, configInvalid, parsing } from "./codec-error.ts";
import { credibleFrameRate, pixelAspectOf, SAMPLE_ASPECT_RATIOS } from "./frame-rate.ts";
import { withoutEmulationPrevention } from "./nal.ts";

/** What a sequence parameter set says that a muxer or a person needs (ITU-T H.264 §7.3.2.1.1). */
export interface AvcSps {
  readonly profileIdc: number;
  /** The byte of `constraint_setN_flag`s. */
  readonly constraints: number;
  readonly levelIdc: number;
  readonly id: number;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormat: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Cropped size in luma samples. */
  readonly width: number;
  readonly height: number;
  /** False when pictures may be fields. */
  readonly framesOnly: boolean;
  readonly refFramesMax: number;
  readonly pixelAspect: Rational;
  readonly frameRate: Rational | undefined;
  readonly colour: ColourInfo | undefined;
}

/** Profiles whose parameter sets carry chroma format, bit depth and scaling matrices (ITU-T H.264 §7.3.2.1.1). */
const PROFILES_WITH_CHROMA: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);

/** Parses a sequence parameter set NAL unit, header byte included. @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`. */
export function parseAvcSps(unit: Uint8Array): AvcSps {
  return parsing("H.264 sequence parameter set", () => readSps(unit));
}

function readSps(unit: Uint8Array): AvcSps {
  if (((unit[0] ?? 0) & 0x1f) !== 7)
    throw configInvalid("H.264 sequence parameter set: the NAL unit is of another type");
  const bits = new BitReader(withoutEmulationPrevention(unit));
  bits.skip(8);
  const profileIdc = bits.u(8);
  const constraints = bits.u(8);
  const levelIdc = bits.u(8);
  const id = ueMax(bits, 31, "seq_parameter_set_id");
  const chroma = readChroma(bits, profileIdc);
  ueMax(bits, 12, "log2_max_frame_num_minus4");
  skipPictureOrderCount(bits);
  const refFramesMax = ueMax(bits, 16, "max_num_ref_frames");
  bits.skip(1);
  const widthMbs = bits.ue() + 1;
  const heightMapUnits = bits.ue() + 1;
  const framesOnly = bits.flag();
  if (!framesOnly) bits.skip(1);
  bits.skip(1);
  const size = readCropping(
    bits,
    chroma.chromaFormat,
    framesOnly,
    widthMbs * 16,
    heightMapUnits * (framesOnly ? 16 : 32),
  );
  checkPictureSize("H.264 sequence parameter set", size.width, size.height);
  const vui = bits.flag() ? readVui(bits) : {};
  return {
    profileIdc,
    constraints,
    levelIdc,
    id,
    ...chroma,
    ...size,
    framesOnly,
    refFramesMax,
    pixelAspect: vui.pixelAspect ?? { num: 1, den: 1 },
    frameRate: vui.frameRate,
    colour: vui.colour,
  };
}

function ueMax(bits: BitReader, max: number, name: string): number {
  const value = bits.ue();
  if (value > max) throw configInvalid(`H.264 sequence parameter set: ${name} is ${value}, at most ${max} is allowed`);
  return value;
}

function readChroma(
  bits: BitReader,
  profileIdc: number,
): { chromaFormat: number; bitDepthLuma: number; bitDepthChroma: number } {
  if (!PROFILES_WITH_CHROMA.has(profileIdc)) return { chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 8 };
  const chromaFormat = ueMax(bits, 3, "chroma_format_idc");
  if (chromaFormat === 3) bits.skip(1);
  const bitDepthLuma = ueMax(bits, 6, "bit_depth_luma_minus8") + 8;
  const bitDepthChroma = ueMax(bits, 6, "bit_depth_chroma_minus8") + 8;
  bits.skip(1);
  if (bits.flag()) {
    for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list++) {
      if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64);
    }
  }
  return { chromaFormat, bitDepthLuma, bitDepthChroma };
}

/** ITU-T H.264 §7.3.2.1.1.1. */
function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  for (let i = 0; i < size; i++) {
    const next = (last + bits.se() + 256) & 0xff;
    if (next === 0) return;
    last = next;
  }
}

function skipPictureOrderCount(bits: BitReader): void {
  const type = ueMax(bits, 2, "pic_order_cnt_type");
  if (type === 0) {
    ueMax(bits, 12, "log2_max_pic_order_cnt_lsb_minus4");
  } else if (type === 1) {
    bits.skip(1);
    bits.se();
    bits.se();
    const count = ueMax(bits, 255, "num_ref_frames_in_pic_order_cnt_cycle");
    for (let i = 0; i < count; i++) bits.se();
  }
}

function readCropping(
  bits: BitReader,
  chromaFormat: number,
  framesOnly: boolean,
  codedWidth: number,
  codedHeight: number,
): { width: number; height: number } {
  if (!bits.flag()) return { width: codedWidth, height: codedHeight };
  const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
  const unitY = (chromaFormat === 1 ? 2 : 1) * (framesOnly ? 1 : 2);
  const x = bits.ue() + bits.ue();
  const y = bits.ue() + bits.ue();
  return { width: codedWidth - x * unitX, height: codedHeight - y * unitY };
}

interface Vui {
  pixelAspect?: Rational;
  colour?: ColourInfo;
  frameRate?: Rational | undefined;
}

/** ITU-T H.264 §E.1.1, as far as the timing. A cut-off VUI is no reason to refuse a picture: what was read counts. */
function readVui(bits: BitReader): Vui {
  const vui: Vui = {};
  try {
    if (bits.flag()) vui.pixelAspect = readPixelAspect(bits);
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
    if (bits.flag()) {
      const unitsInTick = bits.u(32);
      const timeScale = bits.u(32);
      vui.frameRate = credibleFrameRate(timeScale, unitsInTick * 2, bits.flag());
    }
  } catch {
    return vui;
  }
  return vui;
}

function readPixelAspect(bits: BitReader): Rational {
  const idc = bits.u(8);
  if (idc === 255) return pixelAspectOf(bits.u(16), bits.u(16));
  const [num, den] = SAMPLE_ASPECT_RATIOS[idc] ?? [1, 1];
  return { num, den };
}
