/**
 * What a process that encodes or demuxes writes to its standard output, each record behind its length.
 *
 *     u32 length │ u8 kind │ body
 *     tracks  1    JSON: EncoderTrack[]
 *     config  2    u8 track │ decoder configuration as the codec library gives it
 *     frame   3    u8 track │ u8 keyframe │ f64 dts µs │ f64 pts − dts µs │ payload
 *     end     4    the file is at its end
 *     fault   5    JSON: code, message, hint
 */
import { ByteReader } from "#bytes/reader.ts";
import { RecordReader } from "#bytes/records.ts";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";

/** Largest record in bytes: a key frame of 8K stays below. */
export const ENCODER_RECORD_BYTES_MAX: number = 32 * 1024 * 1024;

/** Tracks of a process at most. */
const TRACKS_MAX = 32;

/** A track the encoder process is going to send; its place in the list is its number in the records. */
export interface EncoderTrack {
  readonly kind: "video" | "audio";
  /** FFmpeg's name of the codec, such as `h264`. */
  readonly codec: string;
  readonly width?: number;
  readonly height?: number;
  /** Frames per second. */
  readonly frameRate?: number;
  /** Bits per second; 0 where it is unknown. */
  readonly bitrate: number;
  readonly sampleRate?: number;
  readonly channels?: number;
}

/** A record of the encoder process. Views live as long as the chunk they came in; frames are copies. */
export type EncoderRecord =
  | { readonly kind: "tracks"; readonly tracks: readonly EncoderTrack[] }
  | { readonly kind: "config"; readonly track: number; readonly config: Uint8Array }
  | {
      readonly kind: "frame";
      readonly track: number;
      readonly keyframe: boolean;
      readonly dtsMicros: number;
      readonly ptsOffsetMicros: number;
      readonly payload: Uint8Array;
    }
  | { readonly kind: "end" }
  | { readonly kind: "fault"; readonly code: string; readonly message: string; readonly hint: string };

const KIND = { tracks: 1, config: 2, frame: 3, end: 4, fault: 5 } as const;

/** Writes one record with its length. */
export function writeEncoderRecord(record: EncoderRecord): Uint8Array {
  const payloadBytes = record.kind === "frame" ? record.payload.byteLength : 0;
  const writer = new ByteWriter(32 + payloadBytes);
  writer.u32(0).u8(KIND[record.kind]);
  if (record.kind === "tracks") writer.text(JSON.stringify(record.tracks));
  else if (record.kind === "config") writer.u8(record.track).bytes(record.config);
  else if (record.kind === "frame") {
    writer
      .u8(record.track)
      .u8(record.keyframe ? 1 : 0)
      .f64(record.dtsMicros)
      .f64(record.ptsOffsetMicros);
    writer.bytes(record.payload);
  } else if (record.kind === "fault") {
    writer.text(JSON.stringify({ code: record.code, message: record.message, hint: record.hint }));
  }
  writer.patchU32(0, writer.length - 4);
  return writer.finish();
}

/** Puts the encoder process's output together again. Give it every chunk in order. */
export class EncoderRecordReader {
  readonly #reader = new RecordReader({ name: "an encoder record", recordBytesMax: ENCODER_RECORD_BYTES_MAX });

  /** Gives the records that are complete now. @throws ProtocolError `BYTES_INVALID` when a length or a kind is impossible. */
  receive(chunk: Uint8Array): EncoderRecord[] {
    return this.#reader.receive(chunk).map(parseRecord);
  }
}

function parseRecord(bytes: Uint8Array): EncoderRecord {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case KIND.tracks:
      return { kind: "tracks", tracks: parseTracks(reader.text(reader.remaining)) };
    case KIND.config:
      return { kind: "config", track: reader.u8(), config: reader.bytes(reader.remaining) };
    case KIND.frame:
      return {
        kind: "frame",
        track: reader.u8(),
        keyframe: reader.u8() === 1,
        dtsMicros: finite(reader.f64()),
        ptsOffsetMicros: finite(reader.f64()),
        payload: reader.bytes(reader.remaining),
      };
    case KIND.end:
      return { kind: "end" };
    case KIND.fault:
      return parseFault(reader.text(reader.remaining));
    default:
      throw new ProtocolError("BYTES_INVALID", `an encoder record of kind ${kind}`);
  }
}

function finite(micros: number): number {
  if (Number.isFinite(micros)) return micros;
  throw new ProtocolError("BYTES_INVALID", "a frame at no time");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("BYTES_INVALID", "an encoder record is not JSON", { cause });
  }
}

function isTrack(value: unknown): value is EncoderTrack {
  if (typeof value !== "object" || value === null) return false;
  const { kind, codec, bitrate, ...numbers } = value as Readonly<Record<string, unknown>>;
  const isNamed = (kind === "video" || kind === "audio") && typeof codec === "string" && typeof bitrate === "number";
  return isNamed && Object.values(numbers).every((number) => typeof number === "number");
}

/** What the process reads may have taken it over: its words are checked like any others. */
function parseTracks(text: string): EncoderTrack[] {
  const value = parseJson(text);
  if (!Array.isArray(value) || value.length > TRACKS_MAX || !value.every(isTrack)) {
    throw new ProtocolError("BYTES_INVALID", "the encoder's tracks are no list of tracks");
  }
  return value;
}

function parseFault(text: string): EncoderRecord {
  const value = parseJson(text);
  const fields =
    typeof value === "object" && value !== null ? new Map<string, unknown>(Object.entries(value)) : undefined;
  const word = (key: string): string => {
    const field = fields?.get(key);
    return typeof field === "string" ? field : "";
  };
  return { kind: "fault", code: word("code"), message: word("message"), hint: word("hint") };
}
