import type { ByteReader } from "#bytes/reader.ts";
import { type Box, badMedia, childrenOf, onlyBox, readBoxes, readerOf } from "./box.ts";
import type { InitTrack } from "./init-segment.ts";

/** Samples of one chunk that are read: minutes of the highest frame rates. */
const CHUNK_SAMPLES_MAX = 100_000;

const NON_SYNC = 0x0001_0000;

/** One sample of a chunk. Times in ticks of the track. */
export interface ChunkSample {
  readonly duration: number;
  readonly sizeBytes: number;
  readonly sync: boolean;
  readonly compositionOffset: number;
}

/** A `moof` with its `mdat`. */
export interface Chunk {
  readonly startDts: number;
  /** Earliest presentation time of its samples: below `startDts` only when a group of pictures was divided. */
  readonly startPts: number;
  readonly duration: number;
  readonly samples: readonly ChunkSample[];
  /** Offset of the first sample's bytes in the resource. */
  readonly dataStart: number;
}

interface FragmentDefaults {
  duration: number;
  sizeBytes: number;
  flags: number;
}

function readTfhd(tfhd: Box, init: InitTrack): FragmentDefaults {
  const reader = readerOf(tfhd);
  const flags = reader.u32() & 0xff_ffff;
  if (reader.u32() !== init.trackId) throw badMedia(`tfhd is not of track ${init.trackId}`, tfhd.start);
  if (flags & 0x1) throw badMedia("tfhd has a base data offset, which CMAF forbids", tfhd.start);
  if ((flags & 0x2_0000) === 0) throw badMedia("tfhd lacks default-base-is-moof", tfhd.start);
  if (flags & 0x2) reader.skip(4);
  return {
    duration: flags & 0x8 ? reader.u32() : init.defaultDuration,
    sizeBytes: flags & 0x10 ? reader.u32() : init.defaultSizeBytes,
    flags: flags & 0x20 ? reader.u32() : init.defaultFlags,
  };
}

interface Run {
  readonly samples: ChunkSample[];
  readonly dataOffset: number;
}

function readTrun(trun: Box, defaults: FragmentDefaults): Run {
  const reader: ByteReader = readerOf(trun);
  const head = reader.u32();
  const flags = head & 0xff_ffff;
  const count = reader.u32();
  if (count === 0 || count > CHUNK_SAMPLES_MAX) throw badMedia(`trun has ${count} samples`, trun.start);
  if ((flags & 0x1) === 0) throw badMedia("trun has no data offset", trun.start);
  const dataOffset = reader.i32();
  const firstFlags = flags & 0x4 ? reader.u32() : undefined;
  const samples: ChunkSample[] = [];
  for (let i = 0; i < count; i++) {
    const duration = flags & 0x100 ? reader.u32() : defaults.duration;
    const sizeBytes = flags & 0x200 ? reader.u32() : defaults.sizeBytes;
    const own = flags & 0x400 ? reader.u32() : defaults.flags;
    const sampleFlags = i === 0 && firstFlags !== undefined ? firstFlags : own;
    const compositionOffset = flags & 0x800 ? (head >>> 24 === 0 ? reader.u32() : reader.i32()) : 0;
    samples.push({ duration, sizeBytes, sync: (sampleFlags & NON_SYNC) === 0, compositionOffset });
  }
  if (reader.remaining !== 0) throw badMedia(`trun has ${reader.remaining} bytes too many`, trun.start);
  return { samples, dataOffset };
}

function readChunk(moof: Box, mdat: Box, init: InitTrack): Chunk {
  const children = childrenOf(moof);
  onlyBox(children, "mfhd", "moof");
  const traf = childrenOf(onlyBox(children, "traf", "moof"));
  const defaults = readTfhd(onlyBox(traf, "tfhd", "traf"), init);
  const tfdt = readerOf(onlyBox(traf, "tfdt", "traf"));
  const startDts = tfdt.u32() >>> 24 === 1 ? tfdt.u64() : tfdt.u32();
  const run = readTrun(onlyBox(traf, "trun", "traf"), defaults);
  let duration = 0;
  let sizeBytes = 0;
  let startPts = Number.POSITIVE_INFINITY;
  for (const sample of run.samples) {
    startPts = Math.min(startPts, startDts + duration + sample.compositionOffset);
    duration += sample.duration;
    sizeBytes += sample.sizeBytes;
  }
  const dataStart = moof.start + run.dataOffset;
  if (dataStart !== mdat.payloadStart || sizeBytes !== mdat.payload.byteLength) {
    const end = dataStart + sizeBytes;
    const range = `${mdat.payloadStart}…${mdat.payloadStart + mdat.payload.byteLength}`;
    throw badMedia(`samples lie at ${dataStart}…${end}, the mdat's bytes at ${range}`, moof.start);
  }
  return { startDts, startPts, duration, samples: run.samples, dataStart };
}

const BETWEEN_CHUNKS = new Set(["styp", "prft", "emsg", "sidx", "free", "skip"]);

/**
 * Reads a part or segment as chunks: `moof` directly followed by its `mdat` (ISO/IEC 23000-19 §7.3.2.3), sizes filling the mdat exactly.
 * @throws ProtocolError with the offset of what is wrong.
 */
export function readChunks(bytes: Uint8Array, init: InitTrack): Chunk[] {
  const chunks: Chunk[] = [];
  let moof: Box | undefined;
  for (const box of readBoxes(bytes)) {
    if (moof !== undefined) {
      if (box.type !== "mdat") throw badMedia(`moof is followed by ${box.type}, not mdat`, box.start);
      chunks.push(readChunk(moof, box, init));
      moof = undefined;
    } else if (box.type === "moof") {
      moof = box;
    } else if (!BETWEEN_CHUNKS.has(box.type)) {
      throw badMedia(`box ${box.type} has no place in a media segment`, box.start);
    }
  }
  if (moof !== undefined) throw badMedia("moof without mdat", moof.start);
  if (chunks.length === 0) throw badMedia("no moof", 0);
  return chunks;
}

/**
 * Whether a decoder can start at a video sample: an IDR, or for HEVC any IRAP, slice in it (ITU-T H.264 §7.4.1, H.265 §7.4.2.2).
 * Codecs without NAL units are believed.
 */
export function startsWithKeyframe(bytes: Uint8Array, chunk: Chunk, init: InitTrack): boolean {
  const first = chunk.samples[0];
  if (first === undefined) return false;
  if (init.kind !== "video" || init.nalLengthBytes === 0) return first.sync;
  const hevc = init.codec.startsWith("h");
  let at = chunk.dataStart;
  const end = at + first.sizeBytes;
  while (at + init.nalLengthBytes < end) {
    let size = 0;
    for (let i = 0; i < init.nalLengthBytes; i++) size = size * 256 + (bytes[at + i] ?? 0);
    at += init.nalLengthBytes;
    if (size === 0 || at + size > end) throw badMedia("a NAL unit is longer than its sample", at);
    const header = bytes[at] ?? 0;
    const type = hevc ? (header >> 1) & 63 : header & 31;
    if (hevc ? type >= 16 && type <= 21 : type === 5) return true;
    if (hevc ? type < 16 : type === 1) return false;
    at += size;
  }
  return false;
}
