/**
 * What the node and its picture worker say to each other: records behind their length, one answer to each job, in order.
 *
 *     job      u32 length │ u32 id │ u8 codec │ u16 width │ u16 height │ u32 record bytes │ decoder configuration record │ keyframe
 *     answer   u32 length │ u32 id │ u8 1: a picture │ u8 verdict │ u16 bytes of why │ why, in UTF-8 │ u32 picture bytes │ WebP │ in small, WebP
 *              u32 length │ u32 id │ u8 2: none      │ u8 verdict │ why, in UTF-8
 *
 * A job of width and height 0 wants no picture, only the verdict.
 */
import { ByteReader } from "#bytes/reader.ts";
import { RecordReader } from "#bytes/records.ts";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";
import type { VideoCodec } from "#media/track.ts";
import { PICTURE_SIDE_MAX } from "./picture-size.ts";

/** Largest keyframe that a picture is made of, bytes; one of 8K stays below. A larger one is passed over. */
export const KEYFRAME_BYTES_MAX: number = 16 * 1024 * 1024;
/** Largest picture with its small copy that a worker may answer with, bytes; with more it is taken for broken. */
export const PICTURE_BYTES_MAX: number = 1024 * 1024;
/** Room for a job's head and the configuration record, bytes. */
const HEAD_BYTES_MAX = 70_000;

const CODECS: readonly VideoCodec[] = ["avc", "hevc", "av1", "vp9"];
const VERDICTS = ["unknown", "intact", "damaged"] as const;
const PICTURE = 1;
const NONE = 2;

/** Whether a keyframe decodes as its encoder meant it; `unknown` where that cannot be told. */
export type KeyframeVerdict = (typeof VERDICTS)[number];

/** A picture to make. */
export interface PictureJob {
  /** Named by the answer. Unsigned 32 bits. */
  readonly id: number;
  readonly codec: VideoCodec;
  /** As `VideoConfig.record`. */
  readonly record: Uint8Array;
  /** Size of the picture to make, pixels; 0 and 0 for none. */
  readonly width: number;
  readonly height: number;
  /** As `Frame.payload`. */
  readonly keyframe: Uint8Array;
}

/** What became of a job. */
export type PictureAnswer =
  | {
      readonly kind: "picture";
      readonly id: number;
      readonly verdict: KeyframeVerdict;
      /** What is wrong with the keyframe, or why there is no verdict; empty where nothing is. */
      readonly why: string;
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** The same in small, as `stillSize` says. */
      readonly still: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "none"; readonly id: number; readonly verdict: KeyframeVerdict; readonly why: string };

/** Writes a job with its length. */
export function writePictureJob(job: PictureJob): Uint8Array {
  const { record, keyframe } = job;
  const writer = new ByteWriter(32 + record.byteLength + keyframe.byteLength);
  writer.u32(0).u32(job.id).u8(CODECS.indexOf(job.codec)).u16(job.width).u16(job.height);
  writer.u32(record.byteLength).bytes(record).bytes(keyframe);
  return finished(writer);
}

/** Writes an answer with its length. */
export function writePictureAnswer(answer: PictureAnswer): Uint8Array {
  const writer = new ByteWriter();
  const verdict = VERDICTS.indexOf(answer.verdict);
  writer.u32(0).u32(answer.id);
  if (answer.kind === "none") writer.u8(NONE).u8(verdict).text(answer.why);
  else {
    const why = new TextEncoder().encode(answer.why);
    writer.u8(PICTURE).u8(verdict).u16(why.byteLength).bytes(why);
    writer.u32(answer.bytes.byteLength).bytes(answer.bytes).bytes(answer.still);
  }
  return finished(writer);
}

function finished(writer: ByteWriter): Uint8Array {
  writer.patchU32(0, writer.length - 4);
  return writer.finish();
}

/** Puts jobs together again, in the worker. Give it every chunk in order. */
export class PictureJobReader {
  readonly #reader = new RecordReader({
    name: "a picture job",
    recordBytesMax: KEYFRAME_BYTES_MAX + HEAD_BYTES_MAX,
  });

  /** Gives the jobs that are complete now. @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED`. */
  receive(chunk: Uint8Array): PictureJob[] {
    return this.#reader.receive(chunk).map(parseJob);
  }
}

/** Puts answers together again, in the node. Give it every chunk in order. */
export class PictureAnswerReader {
  readonly #reader = new RecordReader({ name: "a picture answer", recordBytesMax: PICTURE_BYTES_MAX });

  /** Gives the answers that are complete now. @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED`. */
  receive(chunk: Uint8Array): PictureAnswer[] {
    return this.#reader.receive(chunk).map(parseAnswer);
  }
}

function parseJob(bytes: Uint8Array): PictureJob {
  const reader = new ByteReader(bytes);
  const id = reader.u32();
  const codec = CODECS[reader.u8()];
  const [width, height] = [reader.u16(), reader.u16()];
  const isSize = Math.min(width, height) > 0 || Math.max(width, height) === 0;
  if (codec === undefined || !isSize || Math.max(width, height) > PICTURE_SIDE_MAX)
    throw new ProtocolError("BYTES_INVALID", `a picture job of ${width}x${height} or an unknown codec`);
  const record = reader.bytes(reader.u32());
  return { id, codec, width, height, record, keyframe: reader.bytes(reader.remaining) };
}

function parseAnswer(bytes: Uint8Array): PictureAnswer {
  const reader = new ByteReader(bytes);
  const id = reader.u32();
  const kind = reader.u8();
  const verdict = VERDICTS[reader.u8()];
  if (verdict === undefined || (kind !== NONE && kind !== PICTURE))
    throw new ProtocolError("BYTES_INVALID", `a picture answer of the unknown kind ${kind}`);
  if (kind === NONE) return { kind: "none", id, verdict, why: reader.text(reader.remaining) };
  const why = reader.text(reader.u16());
  const picture = parseWebp(reader.bytes(reader.u32()));
  return { kind: "picture", id, verdict, why, bytes: picture, still: parseWebp(reader.bytes(reader.remaining)) };
}

function parseWebp(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!isWebp(bytes)) throw new ProtocolError("BYTES_INVALID", "a picture answer without a WebP");
  // Copied: the picture is kept for long, the record it came in is not.
  return new Uint8Array(bytes);
}

/** RFC 9649 §2.4: `RIFF`, the size of what follows, `WEBP`. */
function isWebp(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 12) return false;
  const name = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  return name(0) === "RIFF" && name(8) === "WEBP";
}
