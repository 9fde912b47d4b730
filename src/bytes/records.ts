/**
 * Records behind their length, out of a byte stream that is cut anywhere.
 *
 *     u32 length │ length bytes │ u32 length │ …
 */
import { ProtocolError } from "#faults/fault.ts";

const LENGTH_BYTES = 4;

/** What {@link RecordReader} is told. */
export interface RecordReaderOptions {
  /** What the records are, for messages: "an encoder record". */
  readonly name: string;
  /** Largest record in bytes, its length field not counted; also bounds what is held back. */
  readonly recordBytesMax: number;
}

/** Puts length-prefixed records together again. Give it every chunk in order. */
export class RecordReader {
  readonly #options: RecordReaderOptions;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /**
   * Gives the records that are complete now, without their lengths; each is an array of its own that the receiver owns.
   * @throws ProtocolError `BYTES_INVALID` when a record is empty or longer than allowed; afterwards the reader is spent.
   */
  receive(chunk: Uint8Array): Uint8Array[] {
    // The pipe may use its buffer again.
    if (chunk.byteLength > 0) this.#pending.push(chunk.slice());
    this.#pendingBytes += chunk.byteLength;
    const records: Uint8Array[] = [];
    for (;;) {
      if (this.#pendingBytes < LENGTH_BYTES) return records;
      const length = this.#peekLength();
      if (length < 1 || length > this.#options.recordBytesMax)
        throw new ProtocolError("BYTES_INVALID", `${this.#options.name} claims ${length} bytes`);
      if (this.#pendingBytes < LENGTH_BYTES + length) return records;
      records.push(this.#take(LENGTH_BYTES + length).subarray(LENGTH_BYTES));
    }
  }

  #peekLength(): number {
    const head = new Uint8Array(LENGTH_BYTES);
    let at = 0;
    for (const chunk of this.#pending) {
      const part = chunk.subarray(0, LENGTH_BYTES - at);
      head.set(part, at);
      at += part.byteLength;
      if (at === LENGTH_BYTES) break;
    }
    return new DataView(head.buffer).getUint32(0);
  }

  /** One array for each record, whatever chunks it came in. */
  #take(count: number): Uint8Array {
    const record = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const chunk = this.#pending[0] ?? new Uint8Array(0);
      const part = chunk.subarray(0, count - at);
      record.set(part, at);
      at += part.byteLength;
      if (part.byteLength === chunk.byteLength) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(part.byteLength);
    }
    this.#pendingBytes -= count;
    return record;
  }
}
