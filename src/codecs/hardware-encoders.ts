import {
  AV_HWDEVICE_TYPE_VAAPI,
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_VAAPI,
  AV_PIX_FMT_YUV420P,
  type AVHWDeviceType,
  type AVPixelFormat,
} from "node-av/constants";
import type { EncoderOptions, Hardware, HardwareName, Profile } from "./encoding.ts";

/** Codecs that hardware may encode. Not AV1: its pictures take over what the coder learned from those before, so locked coding cannot be. */
export type HardwareCodec = "avc" | "hevc";

/** An encoder outside the processor. */
export interface HardwareEncoder {
  readonly hardware: HardwareName;
  /** The library's name of the encoder of each codec. */
  readonly names: Readonly<Record<HardwareCodec, string>>;
  /** What pictures are handed over as. */
  readonly pixelFormat: AVPixelFormat;
  /** Where pictures must be put into the device's memory first: the device, and what they are called there. */
  readonly device?: { readonly type: AVHWDeviceType; readonly pixelFormat: AVPixelFormat };
  /** The structure of locked coding, in this encoder's words: no picture held back, no B-pictures, IDRs where they are asked for and nowhere else. */
  options(codec: HardwareCodec, profile: Profile): EncoderOptions;
  /** What an operator can do when it does not open. */
  readonly hint: string;
}

/** Pictures from one key picture to the next at most, where the encoder wants a number: more than any segment has. */
export const KEY_INTERVAL_PICTURES = 30_000;

const NVENC_PRESETS: Readonly<Record<Profile, string>> = { realtime: "p3", balanced: "p4", quality: "p6" };
const QSV_PRESETS: Readonly<Record<Profile, string>> = { realtime: "veryfast", balanced: "fast", quality: "medium" };

const NVENC: HardwareEncoder = {
  hardware: "nvenc",
  names: { avc: "h264_nvenc", hevc: "hevc_nvenc" },
  pixelFormat: AV_PIX_FMT_YUV420P,
  options: (_codec, profile) => ({
    preset: NVENC_PRESETS[profile],
    tune: "ull",
    rc: "vbr",
    zerolatency: "1",
    delay: "0",
    "rc-lookahead": "0",
    "forced-idr": "1",
    "no-scenecut": "1",
    strict_gop: "1",
    weighted_pred: "0",
    b_ref_mode: "disabled",
    a53cc: "0",
    aud: "0",
  }),
  hint: "install NVIDIA's driver with libnvidia-encode, and let the process open /dev/nvidia*",
};

const QSV: HardwareEncoder = {
  hardware: "qsv",
  names: { avc: "h264_qsv", hevc: "hevc_qsv" },
  pixelFormat: AV_PIX_FMT_NV12,
  options: (codec, profile) => ({
    preset: QSV_PRESETS[profile],
    async_depth: "1",
    forced_idr: "1",
    low_delay_brc: "1",
    adaptive_i: "0",
    adaptive_b: "0",
    b_strategy: "0",
    idr_interval: "0",
    p_strategy: "0",
    aud: "0",
    recovery_point_sei: "0",
    ...(codec === "avc" ? { look_ahead: "0", a53cc: "0" } : {}),
  }),
  hint: "install Intel's oneVPL runtime, and let the process open /dev/dri/renderD128",
};

const VAAPI: HardwareEncoder = {
  hardware: "vaapi",
  names: { avc: "h264_vaapi", hevc: "hevc_vaapi" },
  pixelFormat: AV_PIX_FMT_NV12,
  device: { type: AV_HWDEVICE_TYPE_VAAPI, pixelFormat: AV_PIX_FMT_VAAPI },
  options: () => ({
    rc_mode: "VBR",
    async_depth: "1",
    idr_interval: "0",
    b_depth: "1",
    aud: "0",
    sei: "0",
  }),
  hint: "install the VA-API driver of the graphics card, and let the process open /dev/dri/renderD128",
};

const VIDEOTOOLBOX: HardwareEncoder = {
  hardware: "videotoolbox",
  names: { avc: "h264_videotoolbox", hevc: "hevc_videotoolbox" },
  pixelFormat: AV_PIX_FMT_NV12,
  options: (codec) => ({
    realtime: "1",
    prio_speed: "1",
    max_ref_frames: "1",
    ...(codec === "avc" ? { a53cc: "0" } : {}),
  }),
  hint: "it is there on macOS alone",
};

const HARDWARE_ENCODERS: Readonly<Record<HardwareName, HardwareEncoder>> = {
  nvenc: NVENC,
  qsv: QSV,
  vaapi: VAAPI,
  videotoolbox: VIDEOTOOLBOX,
};

/** Which encoders to try, in this order; none for `none`. */
export function hardwareEncodersOf(hardware: Hardware): readonly HardwareEncoder[] {
  if (hardware === "none") return [];
  return hardware === "auto" ? [NVENC, QSV, VAAPI, VIDEOTOOLBOX] : [HARDWARE_ENCODERS[hardware]];
}
