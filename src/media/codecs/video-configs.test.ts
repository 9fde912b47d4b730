import { expect, test } from "bun:test";
import type { VideoConfig } from "#media/track.ts";
import { parseAv1Config } from "./av1.ts";
import { parseAvcSps } from "./avc-sps.ts";
import { avcConfigOf, parseAvcConfig, readAvcRecord } from "./avc.ts";
import { buildHevcRecord, parseHevcConfig, readHevcRecord } from "./hevc.ts";
import { parseVp9Config, vp9KeyframeSize } from "./vp9.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const toHex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Decoder configurations of test pictures made with ffmpeg 5.1 (`-f lavfi -i testsrc2`); the expected values are what its ffprobe says of the
// same files (width, height, sample_aspect_ratio, r_frame_rate, color_*, profile, level).
const AVC_HIGH = "0164002affe1001d6764002aacb403c8113c4498735010101400000fa40003a9803c60ca8001000468ee0fcbfdf8f800";
const AVC_INTERLACED = "014d4028ffe10019674d4028f403c0227ef011000003000100000300321f162ea001000468de0fc8";
const AVC_HIGH_422 = "017a001fffe1001b677a001fb6cd940a02ff89c044000003000400000301e03c60c65801000668eae3cb22c0fefafa00";
const HEVC_MAIN_10 =
  "0102200000009000000000005af000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003005a959809a10001002e42010102200000030090000003000003005aa005a20199d5365959a49395e02dc244024100000303e900005dc008a2000100074401c172b46240";
const HEVC_MAIN =
  "0101600000009000000000003ff000fcfdf8f800001303a00001001c40010c02ffff01600000030090000003000003003f00009594aca048a10001002e42010201600000030090000003000003003f0000a005020169659594acb24995e02d010000030001000003001908a2000100074401c172b46240";
const AV1_HDR = "81014c000a0e0000000cc4ff6736be5424402410";
const VP9 = "01000000000b820202020000";
const VP9_KEYFRAME = "824983420014100b560438241c184a00";

function described(config: VideoConfig): unknown {
  const { width, height, pixelAspect, frameRate, colour, codecs } = config;
  return { width, height, pixelAspect, frameRate, colour, codecs };
}

test("AVC High with cropping, pixel aspect, colour and a rate over 1001", () => {
  expect(described(parseAvcConfig(hex(AVC_HIGH)))).toEqual({
    width: 1922,
    height: 1082,
    pixelAspect: { num: 4, den: 3 },
    frameRate: { num: 30000, den: 1001 },
    colour: { primaries: 1, transfer: 1, matrix: 1, fullRange: false },
    codecs: "avc1.64002a",
  });
});

test("AVC with fields counts both of a frame", () => {
  const config = parseAvcConfig(hex(AVC_INTERLACED));
  expect(config).toMatchObject({ width: 1920, height: 1080, frameRate: { num: 25, den: 1 }, codecs: "avc1.4d4028" });
  const [sps] = readAvcRecord(config.record).sps;
  expect(parseAvcSps(sps ?? new Uint8Array(0)).framesOnly).toBe(false);
});

test("AVC High 4:2:2 with 10 bits", () => {
  const config = parseAvcConfig(hex(AVC_HIGH_422));
  expect(config).toMatchObject({ width: 640, height: 360, frameRate: { num: 60, den: 1 }, codecs: "avc1.7a001f" });
  expect(parseAvcSps(readAvcRecord(config.record).sps[0] ?? new Uint8Array(0))).toMatchObject({
    chromaFormat: 2,
    bitDepthLuma: 10,
    bitDepthChroma: 10,
  });
});

test("a canonical AVC record stays as it is", () => {
  expect(toHex(parseAvcConfig(hex(AVC_HIGH)).record)).toBe(AVC_HIGH);
});

test("an AVC record with short lengths, without its tail, or as Annex B gives the same configuration", () => {
  const whole = parseAvcConfig(hex(AVC_HIGH));
  const shortLengths = hex(AVC_HIGH);
  shortLengths[4] = 0xfd;
  expect(parseAvcConfig(shortLengths)).toEqual(whole);
  expect(readAvcRecord(shortLengths).lengthSize).toBe(2);
  expect(parseAvcConfig(hex(AVC_HIGH).subarray(0, -4))).toEqual(whole);
  const { sps, pps } = readAvcRecord(hex(AVC_HIGH));
  const annexB = [...sps, ...pps].flatMap((unit) => [0, 0, 0, 1, ...unit]);
  expect(parseAvcConfig(Uint8Array.from(annexB))).toEqual(whole);
});

test("an AVC record without parameter sets is refused with what to do", () => {
  expect(() => parseAvcConfig(hex("0164002affe000"))).toThrow("there is no sequence parameter set");
  expect(() => avcConfigOf({ sps: readAvcRecord(hex(AVC_HIGH)).sps, pps: [], spsExt: [] })).toThrow(
    "there is no picture parameter set",
  );
});

test("HEVC Main 10 with PQ, full range and an odd crop", () => {
  expect(described(parseHevcConfig(hex(HEVC_MAIN_10)))).toEqual({
    width: 718,
    height: 406,
    pixelAspect: { num: 1, den: 1 },
    frameRate: { num: 24000, den: 1001 },
    colour: { primaries: 9, transfer: 16, matrix: 9, fullRange: true },
    codecs: "hvc1.2.4.L90.90",
  });
});

test("HEVC Main with two temporal layers", () => {
  expect(parseHevcConfig(hex(HEVC_MAIN))).toMatchObject({
    width: 640,
    height: 360,
    frameRate: { num: 25, den: 1 },
    codecs: "hvc1.1.6.L63.90",
  });
});

test("HEVC parameter sets in Annex B give a record that says the same", () => {
  const { vps, sps, pps } = readHevcRecord(hex(HEVC_MAIN_10));
  const annexB = [...vps, ...sps, ...pps].flatMap((unit) => [0, 0, 1, ...unit]);
  const config = parseHevcConfig(Uint8Array.from(annexB));
  expect(described(config)).toEqual(described(parseHevcConfig(hex(HEVC_MAIN_10))));
  const again = readHevcRecord(buildHevcRecord([...pps, ...vps, ...sps]));
  expect(again).toEqual(readHevcRecord(config.record));
  expect({ ...again, vps: [], sps: [], pps: [] }).toEqual({
    ...readHevcRecord(hex(HEVC_MAIN_10)),
    vps: [],
    sps: [],
    pps: [],
  });
});

test("AV1 with 10 bits and HDR colour has the long codecs value", () => {
  expect(described(parseAv1Config(hex(AV1_HDR)))).toEqual({
    width: 640,
    height: 360,
    pixelAspect: { num: 1, den: 1 },
    frameRate: undefined,
    colour: { primaries: 9, transfer: 16, matrix: 9, fullRange: false },
    codecs: "av01.0.01M.10.0.110.09.16.09.0",
  });
  expect(toHex(parseAv1Config(hex(AV1_HDR)).record)).toBe(AV1_HDR);
});

test("VP9 with and without the box header, its size from the key frame", () => {
  const size = vp9KeyframeSize(hex(VP9_KEYFRAME));
  expect(size).toEqual({ width: 322, height: 182 });
  const config = parseVp9Config(hex(VP9), size ?? { width: 0, height: 0 });
  expect(config.codecs).toBe("vp09.00.11.08");
  expect(toHex(config.record)).toBe(VP9);
  expect(parseVp9Config(hex(VP9).subarray(4), size ?? { width: 0, height: 0 })).toEqual(config);
});

test("a picture larger than any decoder takes is refused", () => {
  expect(() => parseVp9Config(hex(VP9), { width: 9000, height: 100 })).toThrow("larger than 8192");
});
