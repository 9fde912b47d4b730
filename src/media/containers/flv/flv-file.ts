/**
 * The FLV file format (FLV 10.1 §E.2, §E.4.1):
 *
 *     "FLV" 01 flags 00000009 │ 00000000 │ tag │ size of it │ tag │ size of it │ …
 *     tag: type(8) │ data size(24) │ timestamp(24) │ its top byte(8) │ stream id(24) = 0 │ data
 */
import { ProtocolError } from "#faults/fault.ts";

/** Types of tags. */
export const FlvTagType = { AUDIO: 8, VIDEO: 9, SCRIPT: 18 } as const;

/** One tag. */
export interface FlvTag {
  /** Of {@link FlvTagType}, or another number, which readers skip. */
  readonly type: number;
  /** Milliseconds, unsigned 32 bits. */
  readonly timestamp: number;
  readonly data: Uint8Array;
}

const FILE_HEADER_BYTES = 9;
const TAG_HEADER_BYTES = 11;
const BACK_POINTER_BYTES = 4;
const DATA_BYTES_MAX = 0xffffff;
const FLAG_AUDIO = 4;
const FLAG_VIDEO = 1;

/** Writes the header of a file and the back pointer behind it. */
export function writeFlvHeader(has: { audio: boolean; video: boolean }): Uint8Array {
  const flags = (has.audio ? FLAG_AUDIO : 0) | (has.video ? FLAG_VIDEO : 0);
  return Uint8Array.of(0x46, 0x4c, 0x56, 1, flags, 0, 0, 0, FILE_HEADER_BYTES, 0, 0, 0, 0);
}

/** Writes one tag and the back pointer behind it. @throws ProtocolError `FLV_INVALID` when the data is larger than 24 bits can say. */
export function writeFlvTag(tag: FlvTag): Uint8Array {
  const size = tag.data.byteLength;
  if (size > DATA_BYTES_MAX)
    throw new ProtocolError("FLV_INVALID", `a tag of ${size} bytes`, { hint: "lower the bitrate" });
  const bytes = new Uint8Array(TAG_HEADER_BYTES + size + BACK_POINTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size);
  bytes[0] = tag.type;
  view.setUint32(4, ((tag.timestamp & 0xffffff) << 8) | (tag.timestamp >>> 24));
  bytes.set(tag.data, TAG_HEADER_BYTES);
  view.setUint32(TAG_HEADER_BYTES + size, TAG_HEADER_BYTES + size);
  return bytes;
}

/** Reads a file piece by piece: any split of the bytes gives the same tags. It holds at most one tag and one chunk. */
export class FlvReader {
  #pending: Uint8Array = new Uint8Array(0);
  #headerRead = false;
  #offset = 0;

  /** Takes the next bytes and gives the tags that are complete. @throws ProtocolError `FLV_INVALID` naming the offset. */
  receive(chunk: Uint8Array): FlvTag[] {
    const bytes = this.#pending.byteLength === 0 ? chunk : concat(this.#pending, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const tags: FlvTag[] = [];
    let at = 0;
    if (!this.#headerRead) {
      const size = this.#headerSize(view);
      if (size === undefined || bytes.byteLength < size) {
        this.#pending = bytes.slice();
        return tags;
      }
      at = size;
      this.#headerRead = true;
    }
    while (bytes.byteLength - at >= TAG_HEADER_BYTES) {
      const size = view.getUint32(at) & 0xffffff;
      const end = at + TAG_HEADER_BYTES + size + BACK_POINTER_BYTES;
      if (end > bytes.byteLength) break;
      const timestamp = ((view.getUint32(at + 4) >>> 8) | ((bytes[at + 7] ?? 0) << 24)) >>> 0;
      // Copied, as the chunk belongs to the caller.
      tags.push({ type: (bytes[at] ?? 0) & 0x1f, timestamp, data: bytes.slice(at + TAG_HEADER_BYTES, end - 4) });
      at = end;
    }
    this.#offset += at;
    this.#pending = bytes.slice(at);
    return tags;
  }

  /** Says that the file ends here. @throws ProtocolError `FLV_INVALID` when it ends inside a tag. */
  finish(): void {
    if (this.#pending.byteLength === 0 && this.#headerRead) return;
    throw new ProtocolError("FLV_INVALID", "the file ends inside a tag", { at: this.#offset });
  }

  /** Size of the header with its back pointer, once it can be known. */
  #headerSize(view: DataView): number | undefined {
    if (view.byteLength < FILE_HEADER_BYTES) return undefined;
    if (view.getUint32(0) >>> 8 !== 0x464c56) {
      throw new ProtocolError("FLV_INVALID", "the file does not begin with FLV", { at: 0, hint: "give an .flv file" });
    }
    const size = view.getUint32(5);
    if (size < FILE_HEADER_BYTES || size > 1024) {
      throw new ProtocolError("FLV_INVALID", `the header claims ${size} bytes`, { at: 5 });
    }
    return size + BACK_POINTER_BYTES;
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}
