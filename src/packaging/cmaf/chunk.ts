import { type Frame, FrameFlag } from "#media/frame.ts";
import { TRACK_ID } from "./movie.ts";

/*
 * A CMAF chunk (ISO/IEC 23000-19 §7.3.2.3), written front to back into one array of exactly its size:
 *
 *   moof ─ mfhd
 *        └ traf ─ tfhd (default duration and flags) ─ tfdt (version 1) ─ trun (version 1)
 *   mdat
 *
 * What is equal in all samples stands once in tfhd; only what differs is written per sample.
 */

/** `sample_flags`, ISO/IEC 14496-12 §8.8.3.1: depends on no other sample; sync sample. */
const SYNC_SAMPLE = 0x02000000;
/** Depends on others; not a sync sample. */
const NON_SYNC_SAMPLE = 0x01010000;

const TFHD_FLAGS = 0x020000 | 0x000008 | 0x000020;
const TRUN_DATA_OFFSET = 0x000001;
const TRUN_FIRST_SAMPLE_FLAGS = 0x000004;
const TRUN_DURATION = 0x000100;
const TRUN_SIZE = 0x000200;
const TRUN_SAMPLE_FLAGS = 0x000400;
const TRUN_COMPOSITION_OFFSET = 0x000800;

const MFHD_BYTES = 16;
const TFHD_BYTES = 24;
const TFDT_BYTES = 20;
const TRUN_HEAD_BYTES = 20;
const BOX_HEAD_BYTES = 8;

const MOOF = 0x6d6f6f66;
const MFHD = 0x6d666864;
const TRAF = 0x74726166;
const TFHD = 0x74666864;
const TFDT = 0x74666474;
const TRUN = 0x7472756e;
const MDAT = 0x6d646174;

/** Parts told apart by sequence numbers of one segment, and segments before the 32-bit field wraps. */
const SEQUENCE_PARTS = 256;
const SEQUENCE_SEGMENTS = 2 ** 24;

/** `mfhd` sequence number of a part: a function of its name alone, growing along a track until it wraps after 16,777,216 segments. */
export function sequenceNumber(segment: number, part: number): number {
  return (segment % SEQUENCE_SEGMENTS) * SEQUENCE_PARTS + (part % SEQUENCE_PARTS);
}

/** Which columns the `trun` of these frames needs. */
function trunFlags(frames: readonly Frame[]): number {
  const first = frames[0] as Frame;
  const second = frames[1] ?? first;
  let flags = TRUN_DATA_OFFSET | TRUN_SIZE;
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as Frame;
    if (frame.duration !== first.duration) flags |= TRUN_DURATION;
    if (frame.ptsOffset !== 0) flags |= TRUN_COMPOSITION_OFFSET;
    if (i > 1 && ((frame.flags ^ second.flags) & FrameFlag.KEY) !== 0) flags |= TRUN_SAMPLE_FLAGS;
  }
  if ((flags & TRUN_SAMPLE_FLAGS) === 0 && ((first.flags ^ second.flags) & FrameFlag.KEY) !== 0) {
    flags |= TRUN_FIRST_SAMPLE_FLAGS;
  }
  return flags;
}

function sampleFlags(frame: Frame): number {
  return (frame.flags & FrameFlag.KEY) !== 0 ? SYNC_SAMPLE : NON_SYNC_SAMPLE;
}

function bytesPerSample(flags: number): number {
  return (
    4 +
    ((flags & TRUN_DURATION) === 0 ? 0 : 4) +
    ((flags & TRUN_SAMPLE_FLAGS) === 0 ? 0 : 4) +
    ((flags & TRUN_COMPOSITION_OFFSET) === 0 ? 0 : 4)
  );
}

/** `moof` + `mdat` of at least one frame in decode order. The payloads are copied, once. Composition offsets are signed (`trun` version 1). */
export function writeChunk(frames: readonly Frame[], sequence: number): Uint8Array {
  const flags = trunFlags(frames);
  const firstFlagsBytes = (flags & TRUN_FIRST_SAMPLE_FLAGS) === 0 ? 0 : 4;
  const trunBytes = TRUN_HEAD_BYTES + firstFlagsBytes + frames.length * bytesPerSample(flags);
  const trafBytes = BOX_HEAD_BYTES + TFHD_BYTES + TFDT_BYTES + trunBytes;
  const moofBytes = BOX_HEAD_BYTES + MFHD_BYTES + trafBytes;
  let mdatBytes = BOX_HEAD_BYTES;
  for (const frame of frames) mdatBytes += frame.payload.byteLength;

  const bytes = new Uint8Array(moofBytes + mdatBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, moofBytes);
  view.setUint32(4, MOOF);
  mfhd(view, 8, sequence);
  view.setUint32(24, trafBytes);
  view.setUint32(28, TRAF);
  const first = frames[0] as Frame;
  tfhd(view, 32, first.duration, sampleFlags(frames[1] ?? first));
  tfdt(view, 32 + TFHD_BYTES, first.dts);
  trun(view, 32 + TFHD_BYTES + TFDT_BYTES, { frames, flags, trunBytes, dataOffset: moofBytes + BOX_HEAD_BYTES });
  view.setUint32(moofBytes, mdatBytes);
  view.setUint32(moofBytes + 4, MDAT);
  let at = moofBytes + BOX_HEAD_BYTES;
  for (const frame of frames) {
    bytes.set(frame.payload, at);
    at += frame.payload.byteLength;
  }
  return bytes;
}

function mfhd(view: DataView, at: number, sequence: number): void {
  view.setUint32(at, MFHD_BYTES);
  view.setUint32(at + 4, MFHD);
  view.setUint32(at + 12, sequence);
}

function tfhd(view: DataView, at: number, defaultDuration: number, defaultFlags: number): void {
  view.setUint32(at, TFHD_BYTES);
  view.setUint32(at + 4, TFHD);
  view.setUint32(at + 8, TFHD_FLAGS);
  view.setUint32(at + 12, TRACK_ID);
  view.setUint32(at + 16, defaultDuration);
  view.setUint32(at + 20, defaultFlags);
}

function tfdt(view: DataView, at: number, dts: number): void {
  view.setUint32(at, TFDT_BYTES);
  view.setUint32(at + 4, TFDT);
  view.setUint8(at + 8, 1);
  view.setUint32(at + 12, Math.floor(dts / 2 ** 32));
  view.setUint32(at + 16, dts % 2 ** 32);
}

interface Run {
  readonly frames: readonly Frame[];
  readonly flags: number;
  readonly trunBytes: number;
  readonly dataOffset: number;
}

function trun(view: DataView, start: number, run: Run): void {
  const { frames, flags } = run;
  view.setUint32(start, run.trunBytes);
  view.setUint32(start + 4, TRUN);
  view.setUint32(start + 8, 2 ** 24 + flags);
  view.setUint32(start + 12, frames.length);
  view.setUint32(start + 16, run.dataOffset);
  let at = start + TRUN_HEAD_BYTES;
  if ((flags & TRUN_FIRST_SAMPLE_FLAGS) !== 0) {
    view.setUint32(at, sampleFlags(frames[0] as Frame));
    at += 4;
  }
  for (const frame of frames) {
    if ((flags & TRUN_DURATION) !== 0) {
      view.setUint32(at, frame.duration);
      at += 4;
    }
    view.setUint32(at, frame.payload.byteLength);
    at += 4;
    if ((flags & TRUN_SAMPLE_FLAGS) !== 0) {
      view.setUint32(at, sampleFlags(frame));
      at += 4;
    }
    if ((flags & TRUN_COMPOSITION_OFFSET) !== 0) {
      view.setInt32(at, frame.ptsOffset);
      at += 4;
    }
  }
}
