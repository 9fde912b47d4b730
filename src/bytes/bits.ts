import { ProtocolError } from "#faults/fault.ts";

/** Reads bits, most significant first, as the parameter sets of H.264, H.265 and AV1 and the AudioSpecificConfig need. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bits not yet read. */
  get remaining(): number {
    return this.#bytes.byteLength * 8 - this.#bit;
  }

  /** An unsigned value of up to 32 bits. @throws ProtocolError `BYTES_TRUNCATED`. */
  u(count: number): number {
    if (count > this.remaining) {
      throw new ProtocolError("BYTES_TRUNCATED", `need ${count} bits, ${this.remaining} left`, { at: this.#bit >> 3 });
    }
    let value = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[this.#bit >> 3] ?? 0;
      value = value * 2 + ((byte >> (7 - (this.#bit & 7))) & 1);
      this.#bit++;
    }
    return value;
  }

  flag(): boolean {
    return this.u(1) === 1;
  }

  skip(count: number): void {
    if (count > this.remaining) {
      throw new ProtocolError("BYTES_TRUNCATED", `need ${count} bits, ${this.remaining} left`, { at: this.#bit >> 3 });
    }
    this.#bit += count;
  }

  /** Unsigned Exp-Golomb code (ITU-T H.264 §9.1). */
  ue(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros++;
      if (zeros > 32)
        throw new ProtocolError("BYTES_INVALID", "Exp-Golomb code longer than 32 bits", { at: this.#bit >> 3 });
    }
    return zeros === 0 ? 0 : 2 ** zeros - 1 + this.u(zeros);
  }

  /** Signed Exp-Golomb code (ITU-T H.264 §9.1.1). */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
