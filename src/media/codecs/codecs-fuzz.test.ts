import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { parseAacConfig } from "./aac.ts";
import { parseAc3Frame, parseEac3Frame } from "./ac3.ts";
import { parseAdts } from "./adts.ts";
import { av1ConfigOf, parseAv1Config, withoutTransportObus } from "./av1.ts";
import { avcConfigAfter, avcParameterSetsIn, inspectAvcSample } from "./avc-nal.ts";
import { parseAvcConfig } from "./avc.ts";
import { parseFlacConfig } from "./flac.ts";
import { inspectHevcSample } from "./hevc-nal.ts";
import { parseHevcConfig } from "./hevc.ts";
import { parseMp3Frame } from "./mp3.ts";
import { toLengthPrefixed } from "./nal.ts";
import { opusPacketSamples, parseOpusConfig } from "./opus.ts";
import { silentAacFrame } from "./silent-aac.ts";
import { parseVp9Config, vp9KeyframeSize } from "./vp9.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

const AVC = hex("0164002affe1001d6764002aacb403c8113c4498735010101400000fa40003a9803c60ca8001000468ee0fcbfdf8f800");
const avcConfig = parseAvcConfig(AVC);

/** Each parser with a valid input to damage. */
const PARSERS: readonly (readonly [string, (bytes: Uint8Array) => unknown, Uint8Array])[] = [
  ["avcC", parseAvcConfig, AVC],
  [
    "hvcC",
    parseHevcConfig,
    hex(
      "0102200000009000000000005af000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003005a959809a10001002e42010102200000030090000003000003005aa005a20199d5365959a49395e02dc244024100000303e900005dc008a2000100074401c172b46240",
    ),
  ],
  ["av1C", parseAv1Config, hex("81014c000a0e0000000cc4ff6736be5424402410")],
  ["OBUs", av1ConfigOf, hex("0a0e0000000cc4ff6736be5424402410")],
  ["temporal unit", withoutTransportObus, hex("12000a0e0000000cc4ff6736be54244024103203aabbcc")],
  ["vpcC", (bytes) => parseVp9Config(bytes, { width: 640, height: 360 }), hex("01000000000b820202020000")],
  ["VP9 frame", vp9KeyframeSize, hex("824983420014100b560438241c184a00")],
  ["AudioSpecificConfig", parseAacConfig, hex("131056e598")],
  ["silence", (bytes) => silentAacFrame({ ...parseAacConfig(hex("1190")), record: bytes }), hex("119056e500")],
  ["OpusHead", parseOpusConfig, hex("4f707573486561640106380180bb00000000010402000401020305")],
  ["Opus packet", opusPacketSamples, hex("fb83")],
  ["AC-3", parseAc3Frame, hex("0b77c2ea544043e106f575f0c0")],
  ["E-AC-3", parseEac3Frame, hex("0b77037f3f87c00020f8200002004000")],
  [
    "FLAC",
    parseFlacConfig,
    hex("664c614300000022120012000004a30005080ac442f0000022745d105ceb212ad5d36e4f5608def3d8b7"),
  ],
  ["MP3", parseMp3Frame, hex("fff370c0")],
  ["ADTS", parseAdts, hex("fff150800105fc01020304")],
  ["AVC sample", inspectAvcSample, hex("0000000467640028000000020605000000036588ff")],
  ["AVC parameter sets", avcParameterSetsIn, hex("0000000467640028000000020605000000036588ff")],
  ["AVC change", (bytes) => avcConfigAfter(avcConfig, bytes), hex("0000000468ee0fcc")],
  ["HEVC sample", inspectHevcSample, hex("00000003400101000000032601af")],
  ["Annex B or lengths", toLengthPrefixed, hex("000000016764002800000168ee")],
];

function parsesOrRefuses(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    parse(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
  }
}

for (const [name, parse, valid] of PARSERS) {
  test(`${name}: random, cut and damaged bytes give a value or a protocol error`, () => {
    parse(valid);
    for (let size = 0; size < valid.length; size++) parsesOrRefuses(parse, valid.subarray(0, size));
    const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), damage, fc.uint8Array({ maxLength: 12 }), (random, hits, tail) => {
        parsesOrRefuses(parse, random);
        const damaged = Uint8Array.from([...valid, ...tail]);
        for (const [at, value] of hits) damaged[at] = value;
        parsesOrRefuses(parse, damaged);
      }),
      { numRuns: 400, interruptAfterTimeLimit: 500 },
    );
  });
}
