import { CHUNK_SIZE_DEFAULT, CHUNK_SIZE_MAX } from "./chunk-reader.ts";
import { controlPayload, ChunkStreamId, MessageType } from "./message.ts";

const EXTENDED = 0xffffff;
const NOTHING = new Uint8Array(0);

interface SentHeader {
  timestamp: number;
  length: number;
  type: number;
  streamId: number;
}

/** What {@link ChunkWriter.write} sends. */
export interface OutgoingMessage {
  /** Chunk stream id, 2 to 63. */
  readonly chunkStreamId: number;
  readonly type: number;
  readonly streamId: number;
  /** Milliseconds, unsigned 32 bits. */
  readonly timestamp: number;
  /** First bytes of the payload, such as a tag header, so that nobody joins arrays. */
  readonly prefix?: Uint8Array;
  readonly payload: Uint8Array;
}

/** Cuts messages into chunks (RTMP 1.0 §5.3): one allocation and one copy per message, the smallest header that says everything. */
export class ChunkWriter {
  #chunkSize = CHUNK_SIZE_DEFAULT;
  readonly #sent = new Map<number, SentHeader>();
  #output: Uint8Array[] = [];

  /** Chunk size of the next message, in bytes. */
  get chunkSize(): number {
    return this.#chunkSize;
  }

  /** Sends Set Chunk Size and applies it. */
  setChunkSize(size: number): void {
    this.write({
      chunkStreamId: ChunkStreamId.CONTROL,
      type: MessageType.SET_CHUNK_SIZE,
      streamId: 0,
      timestamp: 0,
      payload: controlPayload(size),
    });
    this.#chunkSize = Math.min(size, CHUNK_SIZE_MAX);
  }

  /** Queues one message. */
  write(message: OutgoingMessage): void {
    const prefix = message.prefix ?? NOTHING;
    const { payload } = message;
    const length = prefix.byteLength + payload.byteLength;
    const sent = this.#sent.get(message.chunkStreamId);
    const delta = sent === undefined ? -1 : message.timestamp - sent.timestamp;
    let fmt = 0;
    if (sent !== undefined && delta >= 0 && sent.streamId === message.streamId) {
      fmt = sent.length === length && sent.type === message.type ? 2 : 1;
    }
    const time = fmt === 0 ? message.timestamp : delta;
    const extended = time >= EXTENDED;
    const headerBytes = 1 + (fmt === 0 ? 11 : fmt === 1 ? 7 : 3) + (extended ? 4 : 0);
    const continuations = length === 0 ? 0 : Math.ceil(length / this.#chunkSize) - 1;
    const bytes = new Uint8Array(headerBytes + length + continuations * (extended ? 5 : 1));
    const view = new DataView(bytes.buffer);

    bytes[0] = (fmt << 6) | message.chunkStreamId;
    put24(bytes, 1, extended ? EXTENDED : time);
    if (fmt < 2) {
      put24(bytes, 4, length);
      bytes[7] = message.type;
    }
    if (fmt === 0) view.setUint32(8, message.streamId, true);
    if (extended) view.setUint32(headerBytes - 4, time);

    let at = headerBytes;
    for (let from = 0; from < length; from += this.#chunkSize) {
      if (from > 0) {
        bytes[at++] = 0xc0 | message.chunkStreamId;
        if (extended) {
          view.setUint32(at, time);
          at += 4;
        }
      }
      at = copyRange(bytes, at, prefix, payload, from, Math.min(from + this.#chunkSize, length));
    }
    this.#remember(message, length, sent);
    this.#output.push(bytes);
  }

  #remember(message: OutgoingMessage, length: number, sent: SentHeader | undefined): void {
    if (sent === undefined) {
      const { timestamp, type, streamId } = message;
      this.#sent.set(message.chunkStreamId, { timestamp, length, type, streamId });
      return;
    }
    sent.timestamp = message.timestamp;
    sent.length = length;
    sent.type = message.type;
    sent.streamId = message.streamId;
  }

  /** Bytes written before any chunk: the handshake. */
  writeRaw(bytes: Uint8Array): void {
    this.#output.push(bytes);
  }

  /** What is to be sent, in order; empties the queue. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
  }
}

/** Copies bytes `from` to `to` of `prefix` followed by `payload`; returns the position after them. */
function copyRange(
  target: Uint8Array,
  at: number,
  prefix: Uint8Array,
  payload: Uint8Array,
  from: number,
  to: number,
): number {
  const split = prefix.byteLength;
  let position = at;
  if (from < split) {
    const end = Math.min(to, split);
    target.set(prefix.subarray(from, end), position);
    position += end - from;
  }
  if (to > split) {
    const start = Math.max(from, split) - split;
    target.set(payload.subarray(start, to - split), position);
    position += to - split - start;
  }
  return position;
}

function put24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 16;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value;
}
