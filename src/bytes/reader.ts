import { ProtocolError } from "#faults/fault.ts";

/**
 * Reads big-endian structures from one complete array. Every read checks the length first.
 * Reads past the end throw `BYTES_TRUNCATED` with the absolute offset (`baseOffset` + position).
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #baseOffset: number;
  position = 0;

  constructor(bytes: Uint8Array, baseOffset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#baseOffset = baseOffset;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#bytes.byteLength - this.position;
  }

  /** Absolute offset of the next byte, for messages. */
  get offset(): number {
    return this.#baseOffset + this.position;
  }

  #take(sizeBytes: number): number {
    const at = this.position;
    if (sizeBytes < 0 || at + sizeBytes > this.#bytes.byteLength) {
      throw new ProtocolError("BYTES_TRUNCATED", `need ${sizeBytes} bytes, ${this.remaining} left`, {
        at: this.offset,
      });
    }
    this.position = at + sizeBytes;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  i16(): number {
    return this.#view.getInt16(this.#take(2));
  }
  u24(): number {
    const at = this.#take(3);
    return (this.#view.getUint16(at) << 8) | this.#view.getUint8(at + 2);
  }
  /** Signed 24 bits, two's complement (FLV composition time). */
  i24(): number {
    return (this.u24() << 8) >> 8;
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }
  u32le(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  /** Unsigned 64 bits as a number; throws when it is not a safe integer. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) {
      throw new ProtocolError("BYTES_INVALID", "64-bit value above 2^53", { at: this.offset - 8 });
    }
    return value;
  }
  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }
  /** A view, not a copy: it lives as long as the input array. */
  bytes(sizeBytes: number): Uint8Array {
    const at = this.#take(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }
  skip(sizeBytes: number): void {
    this.#take(sizeBytes);
  }
  /** UTF-8 text; malformed sequences become U+FFFD. */
  text(sizeBytes: number): string {
    return new TextDecoder().decode(this.bytes(sizeBytes));
  }
}
