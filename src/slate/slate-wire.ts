/**
 * What the node and a slate worker say to each other: one request up to the end of standard input, one answer up to the end of standard output.
 *
 *     request   part: JSON of everything but bytes │ part: sound's record │ part: background's record │ part: its keyframe
 *     answer    u8 1: a slate  │ part: record of the picture │ u32 pictures │ { u8 keyframe │ part: payload } …
 *                              │ u8 has sound │ u32 frames │ { part: payload } …
 *               u8 2: a fault  │ part: JSON: code, message, hint
 *     part      u32 length │ bytes
 */
import { ByteReader } from "#bytes/reader.ts";
import { ByteWriter } from "#bytes/writer.ts";
import { FAULT_CODES, type FaultCode } from "#faults/codes.ts";
import { Fault, ProtocolError } from "#faults/fault.ts";
import type { SlatePicture, SlateRequest } from "#media/slate.ts";

/** Pictures of a loop at most: a minute of 120 a second, and one second more. */
export const SLATE_PICTURES_MAX = 7320;
/** Bytes of a slate's loop at most; with more the worker is taken for broken. */
export const SLATE_BYTES_MAX: number = 16 * 1024 * 1024;
/** Frames of sound of a loop at most: a minute of the shortest ones, of 3 ms. */
const SOUND_FRAMES_MAX = 20_000;

const SLATE = 1;
const FAULT = 2;

/** What a worker made. */
export interface MadeSlate {
  readonly kind: "slate";
  /** The decoder configuration record of the pictures. */
  readonly record: Uint8Array;
  readonly pictures: readonly SlatePicture[];
  readonly sound: readonly Uint8Array[] | undefined;
}

/** What became of a request. */
export type SlateAnswer = MadeSlate | { readonly kind: "fault"; readonly fault: Fault };

function part(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u32(bytes.byteLength).bytes(bytes);
}

function textPart(writer: ByteWriter, value: unknown): void {
  part(writer, new TextEncoder().encode(JSON.stringify(value)));
}

/** Writes a request. */
export function writeSlateRequest(request: SlateRequest): Uint8Array {
  const { video, audio, background } = request;
  const none = new Uint8Array(0);
  const told = {
    ...request,
    video: { ...video, record: undefined },
    audio: audio && { ...audio, record: undefined },
    background: background && { config: { ...background.config, record: undefined } },
  };
  const writer = new ByteWriter(4096 + (background?.payload.byteLength ?? 0));
  textPart(writer, told);
  part(writer, audio?.record ?? none);
  part(writer, background?.config.record ?? none);
  part(writer, background?.payload ?? none);
  return writer.finish();
}

/** Reads a request, in the worker. @throws ProtocolError `BYTES_TRUNCATED`. */
export function readSlateRequest(bytes: Uint8Array): SlateRequest {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.bytes(reader.u32());
  // Written by `SlateProcess` of the same program, a moment ago.
  const told = JSON.parse(new TextDecoder().decode(next())) as Partial<SlateRequest> &
    Pick<SlateRequest, "stream" | "video" | "frameRate" | "title" | "words">;
  const audioRecord = next();
  const backgroundRecord = next();
  const payload = next();
  const { audio, background } = told;
  return {
    ...told,
    video: { ...told.video, record: new Uint8Array(0) },
    audio: audio && { ...audio, record: audioRecord },
    file: told.file,
    background: background && { config: { ...background.config, record: backgroundRecord }, payload },
  };
}

/** Writes an answer. */
export function writeSlateAnswer(answer: SlateAnswer): Uint8Array {
  const writer = new ByteWriter();
  if (answer.kind === "fault") {
    const { code, message, hint } = answer.fault;
    textPart(writer.u8(FAULT), { code, message, hint });
    return writer.finish();
  }
  part(writer.u8(SLATE), answer.record);
  writer.u32(answer.pictures.length);
  for (const { keyframe, payload } of answer.pictures) part(writer.u8(keyframe ? 1 : 0), payload);
  writer.u8(answer.sound === undefined ? 0 : 1).u32(answer.sound?.length ?? 0);
  for (const payload of answer.sound ?? []) part(writer, payload);
  return writer.finish();
}

/** Reads an answer, in the node. @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED`: the worker is broken, or was taken over. */
export function readSlateAnswer(bytes: Uint8Array): SlateAnswer {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.bytes(reader.u32());
  const kind = reader.u8();
  if (kind === FAULT) return { kind: "fault", fault: parseFault(next()) };
  if (kind !== SLATE) throw new ProtocolError("BYTES_INVALID", `a slate's answer of the unknown kind ${kind}`);
  const record = next().slice();
  const pictures = Array.from({ length: bounded(reader.u32(), SLATE_PICTURES_MAX) }, () => ({
    keyframe: reader.u8() === 1,
    payload: next(),
  }));
  if (pictures[0]?.keyframe !== true) throw new ProtocolError("BYTES_INVALID", "a slate begins without a keyframe");
  const hasSound = reader.u8() === 1;
  const frames = Array.from({ length: bounded(reader.u32(), SOUND_FRAMES_MAX) }, next);
  if (hasSound && frames.length === 0) throw new ProtocolError("BYTES_INVALID", "a slate's sound has no frame");
  return { kind: "slate", record, pictures, sound: hasSound ? frames : undefined };
}

function bounded(count: number, max: number): number {
  if (count <= max) return count;
  throw new ProtocolError("BYTES_INVALID", `a slate of ${count} pictures or sounds, at most ${max}`);
}

function isCode(code: unknown): code is FaultCode {
  return typeof code === "string" && Object.hasOwn(FAULT_CODES, code);
}

function parseFault(bytes: Uint8Array): Fault {
  let told: { code?: unknown; message?: unknown; hint?: unknown };
  try {
    told = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ProtocolError("BYTES_INVALID", "a slate's fault is not JSON", { cause });
  }
  const { code, message, hint } = told ?? {};
  if (!isCode(code) || typeof message !== "string")
    throw new ProtocolError("BYTES_INVALID", "a slate's fault says nothing");
  return new Fault(code, message, typeof hint === "string" ? { hint } : {});
}
