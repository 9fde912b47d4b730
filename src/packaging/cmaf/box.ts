/** Joins arrays into one of exactly their total size. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.byteLength;
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/** The four bytes of a box type, brand or sample entry name. */
export function fourCC(name: string): Uint8Array {
  return Uint8Array.of(name.charCodeAt(0), name.charCodeAt(1), name.charCodeAt(2), name.charCodeAt(3));
}

/** A box of the ISO base media file format: 32-bit size, type, contents. ISO/IEC 14496-12 §4.2. */
export function box(type: string, ...contents: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(8);
  let sizeBytes = 8;
  for (const content of contents) sizeBytes += content.byteLength;
  new DataView(header.buffer).setUint32(0, sizeBytes);
  header.set(fourCC(type), 4);
  return concatBytes([header, ...contents]);
}

/** A box with version and 24 bits of flags. ISO/IEC 14496-12 §4.2. */
export function fullBox(type: string, version: number, flags: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, version * 2 ** 24 + flags);
  return box(type, head, ...contents);
}

/** A field list as big-endian bytes: pairs of (width in bits, value), widths 8, 16 or 32. */
export function fields(...pairs: readonly (readonly [bits: 8 | 16 | 32, value: number])[]): Uint8Array {
  let sizeBytes = 0;
  for (const [bits] of pairs) sizeBytes += bits / 8;
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [bits, value] of pairs) {
    if (bits === 8) view.setUint8(at, value);
    else if (bits === 16) view.setUint16(at, value);
    else view.setUint32(at, value);
    at += bits / 8;
  }
  return bytes;
}
