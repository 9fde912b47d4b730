import { FF_ENCODER_LIBSVTAV1, FF_ENCODER_LIBX264, FF_ENCODER_LIBX265, type FFVideoEncoder } from "node-av/constants";
import { KEY_INTERVAL_PICTURES } from "./hardware-encoders.ts";
import type { EncodedCodec, EncoderOptions, Profile, VideoEncoderSettings } from "./encoding.ts";

/** An encoder that runs on the processor. */
export interface SoftwareEncoder {
  readonly name: FFVideoEncoder;
  /** It aims at the same rate all the time; else a second may have more. */
  readonly isConstantRate?: boolean;
  /** The library tells other parameter sets than those its packets have. */
  readonly tellsInPackets?: boolean;
  options(settings: VideoEncoderSettings): EncoderOptions;
}

const X264_PRESETS: Readonly<Record<Profile, string>> = {
  realtime: "superfast",
  balanced: "veryfast",
  quality: "fast",
};

/**
 * Nothing that looks ahead or back over a cut, headers that no picture changes, one thread, and the same instructions' results on every
 * processor: what a fresh encoder makes depends on the pictures it got alone, and what encoders with different pasts make fits together.
 */
const X264_STRUCTURE = [
  "scenecut=0",
  "bframes=0",
  "weightp=0",
  "ref=1",
  "keyint=infinite",
  "stitchable=1",
  "open-gop=0",
  "sliced-threads=0",
  "rc-lookahead=0",
  "sync-lookahead=0",
  "mbtree=0",
  "force-cfr=1",
  "cpu-independent=1",
].join(":");

const X265_PRESETS: Readonly<Record<Profile, string>> = {
  realtime: "ultrafast",
  balanced: "superfast",
  quality: "veryfast",
};

/** As for x264, in x265's words. */
const X265_STRUCTURE = [
  "scenecut=0",
  "bframes=0",
  "b-adapt=0",
  "weightp=0",
  "ref=1",
  "keyint=-1",
  "open-gop=0",
  "rc-lookahead=0",
  "lookahead-slices=0",
  "cutree=0",
  "pools=none",
  "frame-threads=1",
  "wpp=0",
  "repeat-headers=0",
  "info=0",
  "aud=0",
  "log-level=none",
].join(":");

const SVT_PRESETS: Readonly<Record<Profile, string>> = { realtime: "10", balanced: "9", quality: "8" };

/** No picture is held back, and each refers to those before it in its segment alone. */
const SVT_STRUCTURE = [
  "pred-struct=1",
  "lookahead=0",
  "scd=0",
  "enable-overlays=0",
  "enable-tf=0",
  `keyint=${KEY_INTERVAL_PICTURES}`,
  "irefresh-type=2",
  "lp=1",
].join(":");

/** One for each codec: whatever else fails, it is there. */
export const SOFTWARE_ENCODERS: Readonly<Record<EncodedCodec, SoftwareEncoder>> = {
  avc: {
    name: FF_ENCODER_LIBX264,
    options: ({ profile }) => ({
      preset: X264_PRESETS[profile],
      tune: "zerolatency",
      a53cc: "0",
      "forced-idr": "1",
      "x264-params": X264_STRUCTURE,
    }),
  },
  hevc: {
    name: FF_ENCODER_LIBX265,
    options: ({ profile }) => ({
      preset: X265_PRESETS[profile],
      tune: "zerolatency",
      a53cc: "0",
      "forced-idr": "1",
      "x265-params": X265_STRUCTURE,
    }),
  },
  av1: {
    name: FF_ENCODER_LIBSVTAV1,
    isConstantRate: true,
    tellsInPackets: true,
    options: ({ profile }) => ({ preset: SVT_PRESETS[profile], "svtav1-params": SVT_STRUCTURE }),
  },
};
