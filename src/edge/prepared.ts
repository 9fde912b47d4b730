import { EXPOSED_HEADERS } from "./answer.ts";

/** What a {@link Prepared} is made of. */
export interface PreparedParts {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly cacheControl: string;
  /** Strong entity tag, with its quotes. */
  readonly tag: string;
  /** `Content-Encoding`, where the bytes are compressed. */
  readonly encoding?: "gzip";
  /** The same URL has another encoding too. */
  readonly varies?: boolean;
  /** Parts of it may be asked for. */
  readonly ranges?: boolean;
}

/**
 * A body that is sent many times: its headers are put together once, and once it was asked for a second time the runtime's own copy of the body
 * is kept too, so that every further response is a clone that copies nothing. One request only is served from our bytes: with a cache in front,
 * or a single viewer, no second copy is ever kept.
 */
export class Prepared {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tag: string;
  readonly ranges: boolean;
  readonly #init: { readonly headers: Headers };
  #asked = false;
  #template: Response | undefined;

  constructor(parts: PreparedParts) {
    this.bytes = parts.bytes;
    this.tag = parts.tag;
    this.ranges = parts.ranges ?? false;
    const headers = new Headers({
      "content-type": parts.contentType,
      "cache-control": parts.cacheControl,
      etag: parts.tag,
      "access-control-allow-origin": "*",
      "access-control-expose-headers": EXPOSED_HEADERS,
    });
    if (parts.encoding !== undefined) headers.set("content-encoding", parts.encoding);
    if (parts.varies === true) headers.set("vary", "Accept-Encoding");
    if (this.ranges) headers.set("accept-ranges", "bytes");
    this.#init = { headers };
  }

  get sizeBytes(): number {
    return this.bytes.byteLength;
  }

  /** Whether a second copy of the body is kept. */
  get isKept(): boolean {
    return this.#template !== undefined;
  }

  /** Lets the second copy go; the next response copies again. */
  letGo(): void {
    this.#template = undefined;
    this.#asked = false;
  }

  /** 200 with the whole body. */
  response(): Response {
    if (this.#template !== undefined) return this.#template.clone() as Response;
    if (!this.#asked) {
      this.#asked = true;
      return new Response(this.bytes, this.#init);
    }
    this.#template = new Response(this.bytes, this.#init);
    return this.#template.clone() as Response;
  }

  /** As {@link response}, for a crowd that is known to be many: the second copy is made at once. */
  shared(): Response {
    this.#asked = true;
    return this.response();
  }

  /** 200 without the body, with its length and a `Date` (the runtime leaves it out here). */
  head(wallMs: number): Response {
    const headers = new Headers(this.#init.headers);
    headers.set("content-length", String(this.bytes.byteLength));
    headers.set("date", new Date(wallMs).toUTCString());
    return new Response(null, { headers });
  }

  /** 304: the client has this very body. */
  notModified(): Response {
    const headers = new Headers(this.#init.headers);
    headers.delete("content-type");
    headers.delete("content-encoding");
    return new Response(null, { status: 304, headers });
  }

  /** 206 with the bytes from `first` to `last`, both included. */
  partial(first: number, last: number): Response {
    const headers = new Headers(this.#init.headers);
    headers.set("content-range", `bytes ${first}-${last}/${this.bytes.byteLength}`);
    return new Response(this.bytes.subarray(first, last + 1), { status: 206, headers });
  }
}
