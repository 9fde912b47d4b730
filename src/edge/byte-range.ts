/** One byte range of a body: `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Digits of a byte position we accept; larger ones cannot be satisfied anyway. */
const DIGITS_MAX = 15;

/**
 * Reads a `Range` header for a body of `sizeBytes` (RFC 9110 §14.1.2). `undefined`: answer with the whole body (no range, another unit, several
 * ranges, not valid). `unsatisfiable`: answer 416.
 */
export function parseByteRange(header: string | null, sizeBytes: number): ByteRange | "unsatisfiable" | undefined {
  if (header === null || !header.startsWith("bytes=")) return undefined;
  const dash = header.indexOf("-", 6);
  if (dash < 0) return undefined;
  const from = digits(header, 6, dash);
  const to = digits(header, dash + 1, header.length);
  if (from === undefined || to === undefined) return undefined;
  if (from === "absent") {
    if (to === "absent") return undefined;
    if (to === 0 || sizeBytes === 0) return "unsatisfiable";
    return { first: Math.max(0, sizeBytes - to), last: sizeBytes - 1 };
  }
  if (to !== "absent" && to < from) return undefined;
  if (from >= sizeBytes) return "unsatisfiable";
  return { first: from, last: to === "absent" ? sizeBytes - 1 : Math.min(to, sizeBytes - 1) };
}

function digits(text: string, from: number, to: number): number | "absent" | undefined {
  if (from === to) return "absent";
  if (to - from > DIGITS_MAX) return undefined;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}
