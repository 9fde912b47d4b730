import { expect, test } from "bun:test";
import { buildAacLcConfig, parseAacConfig, readAudioSpecificConfig } from "./aac.ts";
import { parseAc3Frame, parseEac3Frame } from "./ac3.ts";
import { parseAdts, withAdts } from "./adts.ts";
import { parseFlacConfig } from "./flac.ts";
import { parseMp3Frame } from "./mp3.ts";
import { opusPacketSamples, parseOpusConfig } from "./opus.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const toHex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Written by ffmpeg 5.1 (`-c:a aac`); rates and channels are its ffprobe's.
const AAC_BY_FFMPEG: readonly (readonly [string, number, number])[] = [
  ["120856e500", 44100, 1],
  ["119056e500", 48000, 2],
  ["139856e500", 22050, 3],
  ["12a056e500", 32000, 4],
  ["11a856e500", 48000, 5],
  ["11b056e500", 48000, 6],
  ["11b856e500", 48000, 8],
];

for (const [asc, sampleRate, channels] of AAC_BY_FFMPEG) {
  test(`AAC-LC with ${channels} channels at ${sampleRate} Hz`, () => {
    expect(parseAacConfig(hex(asc))).toMatchObject({
      sampleRate,
      channels,
      samplesPerFrame: 1024,
      codecs: "mp4a.40.2",
    });
  });
}

test("HE-AAC signalled in front has the doubled rate and frame", () => {
  // ISO/IEC 14496-3 §1.6.2.1 by hand: SBR(5) over 24 kHz(6), stereo, output 48 kHz(3), core LC(2).
  const asc = hex("2b118800");
  expect(parseAacConfig(asc)).toMatchObject({
    sampleRate: 48000,
    channels: 2,
    samplesPerFrame: 2048,
    codecs: "mp4a.40.5",
  });
  expect(readAudioSpecificConfig(asc).coreSampleRate).toBe(24000);
});

test("HE-AAC v2 makes stereo of mono", () => {
  // PS(29) over 22.05 kHz(7), mono, output 44.1 kHz(4), core LC(2).
  expect(parseAacConfig(hex("eb8a0800"))).toMatchObject({
    sampleRate: 44100,
    channels: 2,
    samplesPerFrame: 2048,
    codecs: "mp4a.40.29",
  });
});

test("HE-AAC signalled behind the core, as old players want it", () => {
  // LC(2), 24 kHz(6), stereo, then sync 0x2b7, SBR(5), present, 48 kHz(3).
  expect(parseAacConfig(hex("131056e598"))).toMatchObject({ sampleRate: 48000, codecs: "mp4a.40.5" });
});

test("a sampling rate in full and frames of 960 samples", () => {
  const SAMPLE_RATE = 12345;
  // LC(2), escape 15, 24 bits of rate, stereo, frame length flag.
  const bits = `000101111${SAMPLE_RATE.toString(2).padStart(24, "0")}0010100`;
  const asc = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  expect(parseAacConfig(asc)).toMatchObject({ sampleRate: 12345, channels: 2, samplesPerFrame: 960 });
});

test("channels told by a program config element are counted", () => {
  // Tag 0, profile LC, rate index 3, one front pair, one side element, no back, no LFE, no mixdown; pair 0, single 1.
  const element = [
    "0000",
    "01",
    "0011",
    "0001",
    "0001",
    "0000",
    "00",
    "000",
    "0000",
    "0",
    "0",
    "0",
    "10000",
    "00001",
  ].join("");
  const bits = `0001000110000000${element}`.padEnd(80, "0");
  const asc = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  expect(parseAacConfig(asc).channels).toBe(3);
});

test("AAC that players do not know is refused with what to choose", () => {
  expect(() => parseAacConfig(hex("0990"))).toThrow("AAC object type 1");
  expect(() => parseAacConfig(hex("11"))).toThrow("AudioSpecificConfig");
});

test("an ADTS header comes off as it went on", () => {
  const payload = Uint8Array.of(1, 2, 3, 4);
  expect(parseAdts(withAdts(44100, 6, payload))).toEqual({ sampleRate: 44100, channelConfiguration: 6, payload });
  expect(parseAdts(payload)).toBeUndefined();
  expect(toHex(buildAacLcConfig(44100, 2))).toBe("1210");
});

test("Opus stereo and 5.1", () => {
  // Headers and the box of ffmpeg 5.1's libopus.
  const stereo = parseOpusConfig(hex("4f707573486561640102380180bb0000000000"), Uint8Array.of(0xfc));
  expect(stereo).toMatchObject({ sampleRate: 48000, channels: 2, samplesPerFrame: 960, codecs: "opus" });
  expect(toHex(stereo.record)).toBe("000201380000bb80000000");
  const surround = parseOpusConfig(hex("4f707573486561640106380180bb000000000104020004010203 05".replaceAll(" ", "")));
  expect(surround).toMatchObject({ channels: 6, samplesPerFrame: 0 });
  expect(toHex(surround.record)).toBe("000601380000bb800000010402000401020305");
});

test("the length of an Opus packet is in its first bytes", () => {
  expect(opusPacketSamples(Uint8Array.of(0xe0))).toBe(120);
  expect(opusPacketSamples(Uint8Array.of(0x19))).toBe(5760);
  expect(opusPacketSamples(Uint8Array.of(0xfb, 0x03))).toBe(2880);
  expect(opusPacketSamples(Uint8Array.of(0xfb, 0x3f))).toBeUndefined();
  expect(opusPacketSamples(new Uint8Array(0))).toBeUndefined();
});

test("AC-3 and E-AC-3 frames give the boxes that ffmpeg writes", () => {
  const ac3 = parseAc3Frame(hex("0b77c2ea544043e106f575f0c0"));
  expect(ac3).toMatchObject({ sampleRate: 44100, channels: 2, samplesPerFrame: 1536, codecs: "ac-3" });
  expect(toHex(ac3.record)).toBe("501140");
  expect(parseAc3Frame(hex("0b771e8b1c40ebf8403eff74"))).toMatchObject({ sampleRate: 48000, channels: 6 });
  const eac3 = parseEac3Frame(hex("0b77037f3f87c00020f8200002004000"));
  expect(eac3).toMatchObject({ sampleRate: 48000, channels: 6, samplesPerFrame: 1536, codecs: "ec-3" });
  expect(toHex(eac3.record)).toBe("0e00200f00");
});

test("FLAC gives the box that ffmpeg writes", () => {
  const info = hex("120012000004a30005080ac442f0000022745d105ceb212ad5d36e4f5608def3d8b7");
  const flac = parseFlacConfig(info);
  expect(flac).toMatchObject({ sampleRate: 44100, channels: 2, samplesPerFrame: 4608, codecs: "fLaC" });
  expect(toHex(flac.record)).toBe(`0000000080000022${toHex(info)}`);
  expect(parseFlacConfig(Uint8Array.from([0x66, 0x4c, 0x61, 0x43, 0, 0, 0, 34, ...info]))).toEqual(flac);
});

test("MP3 of MPEG-2 has half frames", () => {
  expect(parseMp3Frame(hex("fff370c000000000"))).toMatchObject({
    sampleRate: 22050,
    channels: 1,
    samplesPerFrame: 576,
    codecs: "mp4a.69",
  });
  expect(parseMp3Frame(hex("fffb9064"))).toMatchObject({ sampleRate: 44100, channels: 2, samplesPerFrame: 1152 });
  expect(() => parseMp3Frame(hex("fffd9064"))).toThrow("layer I or II");
});
