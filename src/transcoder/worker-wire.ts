/**
 * What a transcode worker and its parent say to each other over the worker's standard input and output, each record behind its length.
 *
 *     parent → worker                                   worker → parent
 *     open    1  JSON: TranscodeJob                     ready   16  JSON: TrackConfig of each rung
 *     source  2  JSON: TrackConfig                      frame   17  u8 rung │ name and times │ payload
 *     frame   3  name and times │ payload               sealed  18  u8 rung │ u64 segment │ u32 frame count
 *     seal    4  u64 segment │ u32 frame count          taken   19  u8 1: rungs have nothing of it
 *     abandon 5                                         end     20
 *     finish  6                                         fault   21  UTF-8 message
 *     rungs   7  u32 mask                               spent   22  u32 microseconds
 *                                                       fallback 23 JSON: EncoderFallback
 *
 *     name and times: u64 segment │ u32 index │ u64 dts │ i32 pts − dts │ u32 duration (ticks of the track) │ u8 flags
 */
import type { EncoderFallback } from "#codecs/encoding.ts";
import { ByteReader } from "#bytes/reader.ts";
import { RecordReader } from "#bytes/records.ts";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";
import type { Frame } from "#media/frame.ts";
import type { AudioConfig, TrackConfig, VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import type { Encoding, Rung, SoundRung } from "./rung.ts";

/** Largest record in bytes: a key frame of 8K stays below. */
export const WORKER_RECORD_BYTES_MAX: number = 32 * 1024 * 1024;

/** Rungs one worker makes at most: their number is a byte on the wire. */
export const WORKER_RUNGS_MAX = 32;

/** What a worker is to do, told once, first of all: one track of the source goes in, its rungs come out. */
export type TranscodeJob = PictureJob | SoundJob;

/** A picture and its rungs. */
export interface PictureJob {
  readonly kind: "video";
  /** Codec parameters of the source's picture. */
  readonly source: VideoConfig;
  /** Pictures per second of the source, for rate control only; 30 are assumed where it is unknown. */
  readonly frameRate: Rational | undefined;
  readonly rungs: readonly Rung[];
  readonly encoding: Encoding;
}

/** A sound and its rungs. */
export interface SoundJob {
  readonly kind: "audio";
  /** Codec parameters of the source's sound. */
  readonly source: AudioConfig;
  /** Ticks per second of the source's track: its first sample rate. */
  readonly timescale: number;
  readonly rungs: readonly SoundRung[];
  /** Nothing was before the first frame that the worker will be given: it need not listen for a while before it begins. */
  readonly isFromStart: boolean;
}

/** A frame on the wire: which track it is of is known at both ends. */
export type WireFrame = Omit<Frame, "track">;

/** A record of the parent. */
export type WorkerCommand =
  | { readonly kind: "open"; readonly job: TranscodeJob }
  | { readonly kind: "source"; readonly source: TrackConfig }
  | { readonly kind: "frame"; readonly frame: WireFrame }
  | { readonly kind: "seal"; readonly segment: number; readonly frameCount: number }
  /** Frames of the current segment are missing: what is left of it is given up; the next frame begins a segment with a keyframe. */
  | { readonly kind: "abandon" }
  /** Encode what is there and end. */
  | { readonly kind: "finish" }
  /** From the next segment on, make the rungs whose bits are set, counted from the lowest; of the others each segment has no frame. All, at first. */
  | { readonly kind: "rungs"; readonly mask: number };

/** A record of the worker. */
export type WorkerReport =
  | { readonly kind: "ready"; readonly configs: readonly TrackConfig[] }
  | { readonly kind: "frame"; readonly rung: number; readonly frame: WireFrame }
  | { readonly kind: "sealed"; readonly rung: number; readonly segment: number; readonly frameCount: number }
  /** A frame of the source went through the decoder: the worker's sign of life. `isUnused`: the rungs will have nothing of it. */
  | { readonly kind: "taken"; readonly isUnused: boolean }
  | { readonly kind: "end" }
  | { readonly kind: "fault"; readonly message: string }
  /** Processor time used since the last such report, microseconds. */
  | { readonly kind: "spent"; readonly cpuMicros: number }
  /** Hardware was wanted and is not there; the rungs are encoded all the same. */
  | { readonly kind: "fallback"; readonly fallback: EncoderFallback };

const COMMAND = { open: 1, source: 2, frame: 3, seal: 4, abandon: 5, finish: 6, rungs: 7 } as const;
const REPORT = { ready: 16, frame: 17, sealed: 18, taken: 19, end: 20, fault: 21, spent: 22, fallback: 23 } as const;
const FRAME_HEAD_BYTES = 40;

/** Writes one record of the parent with its length. */
export function writeWorkerCommand(command: WorkerCommand): Uint8Array {
  const payloadBytes = command.kind === "frame" ? command.frame.payload.byteLength : 0;
  const writer = new ByteWriter(FRAME_HEAD_BYTES + payloadBytes);
  writer.u32(0).u8(COMMAND[command.kind]);
  if (command.kind === "open") writer.text(JSON.stringify(command.job, plainBytes));
  else if (command.kind === "source") writer.text(JSON.stringify(command.source, plainBytes));
  else if (command.kind === "frame") writeFrame(writer, command.frame);
  else if (command.kind === "seal") writer.u64(command.segment).u32(command.frameCount);
  else if (command.kind === "rungs") writer.u32(command.mask);
  return finished(writer);
}

/** Writes one record of the worker with its length. */
export function writeWorkerReport(report: WorkerReport): Uint8Array {
  const payloadBytes = report.kind === "frame" ? report.frame.payload.byteLength : 0;
  const writer = new ByteWriter(FRAME_HEAD_BYTES + payloadBytes);
  writer.u32(0).u8(REPORT[report.kind]);
  if (report.kind === "ready") writer.text(JSON.stringify(report.configs, plainBytes));
  else if (report.kind === "frame") writeFrame(writer.u8(report.rung), report.frame);
  else if (report.kind === "sealed") writer.u8(report.rung).u64(report.segment).u32(report.frameCount);
  else if (report.kind === "taken") writer.u8(report.isUnused ? 1 : 0);
  else if (report.kind === "fault") writer.text(report.message);
  else if (report.kind === "spent") writer.u32(report.cpuMicros);
  else if (report.kind === "fallback") writer.text(JSON.stringify(report.fallback));
  return finished(writer);
}

function finished(writer: ByteWriter): Uint8Array {
  writer.patchU32(0, writer.length - 4);
  return writer.finish();
}

function plainBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}

function writeFrame(writer: ByteWriter, frame: WireFrame): void {
  writer.u64(frame.segment).u32(frame.index).u64(frame.dts).i32(frame.ptsOffset).u32(frame.duration).u8(frame.flags);
  writer.bytes(frame.payload);
}

function readFrame(reader: ByteReader): WireFrame {
  return {
    segment: reader.u64(),
    index: reader.u32(),
    dts: reader.u64(),
    ptsOffset: reader.i32(),
    duration: reader.u32(),
    flags: reader.u8(),
    payload: reader.bytes(reader.remaining),
  };
}

/** Puts the parent's records together again, in the worker. Give it every chunk in order. */
export class WorkerCommandReader {
  readonly #reader = new RecordReader({ name: "a worker's command", recordBytesMax: WORKER_RECORD_BYTES_MAX });

  /** Gives the commands that are complete now. @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED`. */
  receive(chunk: Uint8Array): WorkerCommand[] {
    return this.#reader.receive(chunk).map(parseCommand);
  }
}

/** Puts the worker's records together again, in the parent. Give it every chunk in order. */
export class WorkerReportReader {
  readonly #reader = new RecordReader({ name: "a worker's report", recordBytesMax: WORKER_RECORD_BYTES_MAX });

  /** Gives the reports that are complete now. @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED`. */
  receive(chunk: Uint8Array): WorkerReport[] {
    return this.#reader.receive(chunk).map(parseReport);
  }
}

function parseCommand(bytes: Uint8Array): WorkerCommand {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case COMMAND.open:
      return { kind: "open", job: jobOf(parseJson(reader, "a worker's command")) };
    case COMMAND.source:
      return { kind: "source", source: configOf(parseJson(reader, "a worker's command"), "a source") };
    case COMMAND.frame:
      return { kind: "frame", frame: readFrame(reader) };
    case COMMAND.seal:
      return { kind: "seal", segment: reader.u64(), frameCount: reader.u32() };
    case COMMAND.abandon:
      return { kind: "abandon" };
    case COMMAND.finish:
      return { kind: "finish" };
    case COMMAND.rungs:
      return { kind: "rungs", mask: reader.u32() };
    default:
      throw broken(`a worker's command of kind ${kind}`);
  }
}

function parseReport(bytes: Uint8Array): WorkerReport {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case REPORT.ready: {
      const configs = parseJson(reader, "a worker's report");
      if (!Array.isArray(configs) || configs.length > WORKER_RUNGS_MAX)
        throw broken("a worker tells of too many rungs");
      return { kind: "ready", configs: configs.map((config) => configOf(config, "a rung")) };
    }
    case REPORT.frame:
      return { kind: "frame", rung: reader.u8(), frame: readFrame(reader) };
    case REPORT.sealed:
      return { kind: "sealed", rung: reader.u8(), segment: reader.u64(), frameCount: reader.u32() };
    case REPORT.taken:
      return { kind: "taken", isUnused: reader.u8() === 1 };
    case REPORT.end:
      return { kind: "end" };
    case REPORT.fault:
      return { kind: "fault", message: reader.text(reader.remaining) };
    case REPORT.spent:
      return { kind: "spent", cpuMicros: reader.u32() };
    case REPORT.fallback:
      return { kind: "fallback", fallback: fallbackOf(parseJson(reader, "a worker's report")) };
    default:
      throw broken(`a worker's report of kind ${kind}`);
  }
}

function broken(message: string, cause?: unknown): ProtocolError {
  return new ProtocolError("BYTES_INVALID", message, cause === undefined ? {} : { cause });
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseJson(reader: ByteReader, what: string): unknown {
  try {
    return JSON.parse(reader.text(reader.remaining));
  } catch (cause) {
    throw broken(`${what} is not JSON`, cause);
  }
}

function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken(`${what} is not an object`);
  // A plain object of JSON: its keys are strings, its values are looked at below.
  return value as JsonObject;
}

/** Both ends are the same program: the shape is ours, only its outer form is checked. */
function configOf(value: unknown, what: string): TrackConfig {
  const config = objectOf(value, `the configuration of ${what}`);
  const { kind, record } = config;
  const isWhole = (kind === "video" || kind === "audio") && Array.isArray(record);
  if (!isWhole) throw broken(`the configuration of ${what} lacks its record`);
  return { ...(config as unknown as TrackConfig), record: Uint8Array.from(record as number[]) };
}

function fallbackOf(value: unknown): EncoderFallback {
  const { wanted, used, reason, hint } = objectOf(value, "a worker's word of its encoder");
  return { wanted: String(wanted), used: String(used), reason: String(reason), hint: String(hint) };
}

function jobOf(value: unknown): TranscodeJob {
  const job = objectOf(value, "a worker's job");
  const { kind, rungs } = job;
  if (!Array.isArray(rungs) || rungs.length > WORKER_RUNGS_MAX) throw broken("a worker's job lacks its rungs");
  const source = configOf(job["source"], "a source");
  if (source.kind !== kind) throw broken("a worker's job is not for its source");
  return { ...job, source } as unknown as TranscodeJob;
}
