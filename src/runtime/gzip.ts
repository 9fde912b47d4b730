/** The gzip member of `bytes` (RFC 1952), for bodies that are compressed once and sent often. About 25 µs for a playlist. */
export function gzip(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return Bun.gzipSync(bytes, { level: 6 });
}
