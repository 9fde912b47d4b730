import { closeSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { Fault } from "#faults/fault.ts";

/** Largest image, bytes. */
const IMAGE_BYTES_MAX: number = 32 * 1024 * 1024;
/** Largest clip, bytes: a minute of what cameras record. */
const CLIP_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Bytes at a file's start that tell what it is. */
const HEAD_BYTES = 16;

/** What an operator's file is, by what it begins with. */
export type SlateFileKind = { readonly kind: "image"; readonly decoder: string } | { readonly kind: "clip" };

const CHOOSE_ANOTHER =
  "Choose a PNG, JPEG or WebP image, or a clip of up to a minute (MP4, MOV, MKV or WebM with H.264, H.265, AV1, VP9 or VP8).";

/** A file that cannot be used. */
export function unusable(path: string, why: string, cause?: unknown): Fault {
  return new Fault("MEDIA_UNREADABLE", `${path}: ${why}`, {
    peer: path,
    hint: CHOOSE_ANOTHER,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A file that this user cannot open. */
function unopened(path: string, cause: unknown): Fault {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const reasons = new Map<unknown, readonly [string, string]>([
    [
      "ENOENT",
      ["there is no such file", "Put it there, or correct the path; a relative one counts from the working folder."],
    ],
    [
      "EACCES",
      ["this user may not read it", "Make the file and its folders readable for the user that the server runs as."],
    ],
  ]);
  const [why, hint] = reasons.get(code) ?? ["it cannot be opened", CHOOSE_ANOTHER];
  return new Fault("MEDIA_UNREADABLE", `${path}: ${why}`, { peer: path, hint, cause });
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw unopened(path, cause);
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
    throw unopened(path, cause);
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
