import { closeSync, openSync, readFileSync, readSync, type Stats, statSync } from "node:fs";
import { FFmpegError, type Frame } from "node-av/lib";
import { AVMEDIA_TYPE_VIDEO } from "node-av/constants";
import { Fault } from "#faults/fault.ts";
import { decodeOne } from "./decode-one.ts";
import { flatten, pixelsOf, toRgb } from "./rgb-picture.ts";
import { openDecoder } from "./file-decoders.ts";
import { upright } from "./upright.ts";

/** Largest image, bytes. */
const IMAGE_BYTES_MAX: number = 32 * 1024 * 1024;
/** Largest clip, bytes: a minute of what cameras record. */
const CLIP_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Bytes at a file's start that tell what it is. */
const HEAD_BYTES = 16;

/** What an operator's file is, by what it begins with. */
export type SlateFileKind = { readonly kind: "image"; readonly decoder: string } | { readonly kind: "clip" };

/** A file that cannot be used. */
export function unusable(path: string, why: string, cause?: unknown): Fault {
  return new Fault("MEDIA_UNREADABLE", `${path}: ${why}`, {
    peer: path,
    hint: "Choose a PNG, JPEG or WebP image, or a clip of up to a minute (MP4, MOV, MKV or WebM with H.264, H.265, AV1, VP9 or VP8).",
    ...(cause === undefined ? {} : { cause }),
  });
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw unusable(path, "it cannot be opened", cause);
  }
}

function headOf(path: string): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  try {
    const file = openSync(path, "r");
    try {
      return head.subarray(0, readSync(file, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw unusable(path, "it cannot be read", cause);
  }
}

function kindByHead(head: Uint8Array): SlateFileKind | undefined {
  const text = String.fromCharCode(...head);
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return { kind: "image", decoder: "png" };
  if (text.startsWith("\xff\xd8\xff")) return { kind: "image", decoder: "mjpeg" };
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return { kind: "image", decoder: "webp" };
  const isMov = ["ftyp", "moov", "mdat", "wide", "free", "skip"].includes(text.slice(4, 8));
  return isMov || text.startsWith("\x1a\x45\xdf\xa3") ? { kind: "clip" } : undefined;
}

/** What a file is. @throws Fault `MEDIA_UNREADABLE` when it is none of what slates are made of, or too large. */
export function kindOfFile(path: string): SlateFileKind {
  const stats = statOf(path);
  // Opening a pipe would wait for its writer.
  if (!stats.isFile()) throw unusable(path, "it is no file");
  const kind = kindByHead(headOf(path));
  if (kind === undefined) throw unusable(path, "it is neither an image nor a clip that can be shown");
  const sizeMax = kind.kind === "image" ? IMAGE_BYTES_MAX : CLIP_BYTES_MAX;
  if (stats.size > sizeMax)
    throw unusable(path, `it has ${stats.size} bytes, more than the ${sizeMax} that are allowed for ${kind.kind}s`);
  return kind;
}

/** Decodes an image; where it can be seen through it is black. The receiver frees it. @throws Fault `MEDIA_UNREADABLE`. */
export async function readImage(path: string, decoder: string): Promise<Frame> {
  const bytes = readFileSync(path);
  const picture = await (async () => {
    try {
      return await decodeOne(openDecoder(decoder, AVMEDIA_TYPE_VIDEO), bytes);
    } catch (cause) {
      if (!(cause instanceof FFmpegError)) throw cause;
      throw unusable(path, `it is broken: ${cause.message}`, cause);
    }
  })();
  if (picture === undefined) throw unusable(path, "there is no picture in it");
  try {
    const turned = upright(picture);
    if (turned !== undefined) return turned;
    const flat = toRgb(picture, picture);
    flatten(pixelsOf(flat));
    return flat;
  } finally {
    picture.free();
  }
}
