/**
 * Answers of web servers as demuxers get them. Demuxers speak no TLS: what is named as `https://host` in a playlist or a redirect is named to them as
 * `http://host:443`, and the guard proxy remembers that this place is reached over TLS.
 */

/** Places reached over TLS that one source may name; what is more stays `https://`, which demuxers do not open. */
export const SECURE_PLACES_MAX = 256;
/** Longest playlist, bytes. */
export const PLAYLIST_BYTES_MAX: number = 4 * 1024 * 1024;
const HTTPS_PORT = "443";

/** `host:port` of every place that is reached over TLS. */
export class SecurePlaces {
  readonly #places = new Set<string>();

  has(host: string, port: number): boolean {
    return this.#places.has(`${host.toLowerCase()}:${port}`);
  }

  /** An `https://` URL as demuxers get it. */
  plain(url: string): string {
    return url.replace(/^https:\/\/([^/?#]*)/i, (whole: string, authority: string) => {
      const at = authority.lastIndexOf("@") + 1;
      const named = /^(\[[0-9A-Fa-f:.]+\]|[^[\]:\s]+)(?::(\d{1,5}))?$/.exec(authority.slice(at));
      const [, host = "", port = HTTPS_PORT] = named ?? [];
      const place = `${host.replace(/^\[|\]$/g, "").toLowerCase()}:${port}`;
      if (host === "" || (!this.#places.has(place) && this.#places.size >= SECURE_PLACES_MAX)) return whole;
      this.#places.add(place);
      return `http://${authority.slice(0, at)}${host}:${port}`;
    });
  }

  /** A playlist as demuxers get it. `secure`: it came over TLS, and so does what it names without a scheme. */
  playlist(text: string, secure: boolean): string {
    const complete = secure ? text.replaceAll(/(^|")(?=\/\/[^/])/gm, "$1https:") : text;
    return complete.replaceAll(/https:\/\/[^\s"']+/gi, (url) => this.plain(url));
  }
}

/** Status line and headers of an answer (RFC 9112 §2.1). */
export interface AnswerHead {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Reads a head without its last empty line; `undefined` when it is none. */
export function answerHeadOf(text: string): AnswerHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^(?:HTTP\/1\.[01]|ICY) (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, Math.max(0, colon)).trim().toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(status), headers: headers.filter(([name]) => /^[\w-]+$/.test(name)) };
}

/** The value of a header; empty where there is none. */
export function headerOf({ headers }: AnswerHead, name: string): string {
  return headers.find(([known]) => known === name)?.[1] ?? "";
}

/** A head as it is sent on: each connection carries one answer. */
export function headText({ status, headers }: AnswerHead, places: SecurePlaces): string {
  const lines = headers
    .filter(([name]) => name !== "connection" && name !== "keep-alive")
    .map(([name, value]) => `${name}: ${name === "location" ? places.plain(value) : value}`);
  return [`HTTP/1.1 ${status}`, ...lines, "connection: close", "", ""].join("\r\n");
}

/** Whether the answer to this path is a playlist. */
export function isPlaylist(head: AnswerHead, path: string): boolean {
  if (head.status !== 200 && head.status !== 206) return false;
  return /mpegurl/i.test(headerOf(head, "content-type")) || /\.m3u8?$/i.test(path.split("?")[0] ?? "");
}

/** The chunks of a body joined (RFC 9112 §7.1); `undefined` while the last one has not come, or when they are none. */
function joinedChunks(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0) return undefined;
    const sizeText = /^([0-9A-Fa-f]{1,7})[\s;]/.exec(
      new TextDecoder("latin1").decode(bytes.subarray(at, end + 1)),
    )?.[1];
    if (sizeText === undefined) return undefined;
    const size = Number.parseInt(sizeText, 16);
    if (size === 0) return Buffer.concat(parts);
    if (end + 1 + size > bytes.byteLength) return undefined;
    parts.push(bytes.subarray(end + 1, end + 1 + size));
    at = end + 1 + size + 2;
  }
}

/** The body among the bytes that follow a head; `undefined` while it is not whole. `ended`: nothing more comes. */
export function bodyOf(head: AnswerHead, bytes: Uint8Array, ended: boolean): Uint8Array | undefined {
  if (/chunked/i.test(headerOf(head, "transfer-encoding"))) return joinedChunks(bytes);
  const length = headerOf(head, "content-length");
  if (!/^\d{1,15}$/.test(length)) return ended ? bytes : undefined;
  return bytes.byteLength >= Number(length) ? bytes.subarray(0, Number(length)) : undefined;
}
