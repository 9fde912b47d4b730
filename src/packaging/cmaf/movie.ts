import type { Track } from "#media/track.ts";
import { audioSampleEntry } from "./audio-sample-entry.ts";
import { box, fields, fourCC, fullBox } from "./box.ts";
import { videoSampleEntry } from "./video-sample-entry.ts";

/** Every file of ours holds one track, and this is its number. */
export const TRACK_ID = 1;

const UNITY_MATRIX: Uint8Array = fields(
  [32, 0x10000],
  [32, 0],
  [32, 0],
  [32, 0],
  [32, 0x10000],
  [32, 0],
  [32, 0],
  [32, 0],
  [32, 0x40000000],
);
const EMPTY = new Uint8Array(0);
const TRACK_ENABLED_IN_MOVIE = 3;
const SELF_CONTAINED = 1;
/** One in fixed point with 16 fraction bits. */
const ONE_16_16 = 65_536;

/** Brands of a CMAF header: `cmf2` allows negative composition offsets and forbids edit lists. ISO/IEC 23000-19 §7.2. */
export function ftyp(): Uint8Array {
  return box("ftyp", fourCC("cmf2"), fields([32, 0]), fourCC("cmf2"), fourCC("cmfc"), fourCC("iso6"));
}

/** ISO 639-2 code packed in 15 bits; `und` for tags that are not three letters (those stand in `elng`). */
function packedLanguage(language: string | undefined): number {
  const code = language !== undefined && /^[a-z]{3}$/.test(language) ? language : "und";
  return ((code.charCodeAt(0) - 0x60) << 10) | ((code.charCodeAt(1) - 0x60) << 5) | (code.charCodeAt(2) - 0x60);
}

function mvhd(timescale: number): Uint8Array {
  return fullBox(
    "mvhd",
    0,
    0,
    fields([32, 0], [32, 0], [32, timescale], [32, 0], [32, 0x10000], [16, 0x100], [16, 0], [32, 0], [32, 0]),
    UNITY_MATRIX,
    new Uint8Array(24),
    fields([32, TRACK_ID + 1]),
  );
}

function tkhd(track: Track): Uint8Array {
  const { config } = track;
  const video = config.kind === "video";
  const width = video ? (config.width * config.pixelAspect.num) / config.pixelAspect.den : 0;
  const height = video ? config.height : 0;
  return fullBox(
    "tkhd",
    0,
    TRACK_ENABLED_IN_MOVIE,
    fields([32, 0], [32, 0], [32, TRACK_ID], [32, 0], [32, 0], [32, 0], [32, 0]),
    fields([16, 0], [16, 0], [16, video ? 0 : 0x100], [16, 0]),
    UNITY_MATRIX,
    fields([32, Math.round(width * ONE_16_16)], [32, height * ONE_16_16]),
  );
}

function mdhd(timescale: number, language: string | undefined): Uint8Array {
  return fullBox(
    "mdhd",
    0,
    0,
    fields([32, 0], [32, 0], [32, timescale], [32, 0], [16, packedLanguage(language)], [16, 0]),
  );
}

function hdlr(kind: "video" | "audio"): Uint8Array {
  const handler = kind === "video" ? "vide" : "soun";
  return fullBox("hdlr", 0, 0, fields([32, 0]), fourCC(handler), new Uint8Array(12), Uint8Array.of(0));
}

function elng(language: string): Uint8Array {
  return fullBox("elng", 0, 0, new TextEncoder().encode(language), Uint8Array.of(0));
}

function vmhd(): Uint8Array {
  return fullBox("vmhd", 0, 1, new Uint8Array(8));
}

function smhd(): Uint8Array {
  return fullBox("smhd", 0, 0, new Uint8Array(4));
}

function dinf(): Uint8Array {
  return box("dinf", fullBox("dref", 0, 0, fields([32, 1]), fullBox("url ", 0, SELF_CONTAINED)));
}

function stbl(sampleEntry: Uint8Array): Uint8Array {
  return box(
    "stbl",
    fullBox("stsd", 0, 0, fields([32, 1]), sampleEntry),
    fullBox("stts", 0, 0, fields([32, 0])),
    fullBox("stsc", 0, 0, fields([32, 0])),
    fullBox("stsz", 0, 0, fields([32, 0], [32, 0])),
    fullBox("stco", 0, 0, fields([32, 0])),
  );
}

function trak(track: Track): Uint8Array {
  const { config, language, timescale } = track;
  const video = config.kind === "video";
  const sampleEntry = video ? videoSampleEntry(config) : audioSampleEntry(config);
  const mdia = box(
    "mdia",
    mdhd(timescale, language),
    hdlr(config.kind),
    language === undefined ? EMPTY : elng(language),
    box("minf", video ? vmhd() : smhd(), dinf(), stbl(sampleEntry)),
  );
  return box("trak", tkhd(track), mdia);
}

function mvex(): Uint8Array {
  return box("mvex", fullBox("trex", 0, 0, fields([32, TRACK_ID], [32, 1], [32, 0], [32, 0], [32, 0])));
}

/** The movie box of a track without samples: timescale of the track, no duration, no edit list. ISO/IEC 23000-19 §7.3. */
export function moov(track: Track): Uint8Array {
  return box("moov", mvhd(track.timescale), trak(track), mvex());
}
