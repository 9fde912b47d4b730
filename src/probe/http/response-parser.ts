import { ProtocolError } from "#faults/fault.ts";

/** Longest status line and header block that is read. */
const HEAD_BYTES_MAX = 65_536;
/** Longest chunk-size line of a chunked body. */
const CHUNK_LINE_BYTES_MAX = 256;

const LF = 10;
const CR = 13;

/** What a {@link ResponseParser} tells while it reads. Chunks are views of the received bytes: copy what is kept. */
export interface ResponseSink {
  head(status: number, headers: ReadonlyMap<string, string>): void;
  body(chunk: Uint8Array): void;
  end(): void;
}

type State = "head" | "fixed" | "chunk-size" | "chunk" | "chunk-end" | "trailers" | "until-close" | "done";

function badHttp(message: string): ProtocolError {
  return new ProtocolError("NOT_CONFORMING", `not an HTTP/1.1 response: ${message}`, { at: "RFC 9112" });
}

function parseHead(text: string): { status: number; headers: Map<string, string> } {
  const lines = text.split("\r\n");
  const match = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/.exec(lines[0] ?? "");
  if (match === null) throw badHttp(`the status line is ${JSON.stringify((lines[0] ?? "").slice(0, 60))}`);
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const colon = line.indexOf(":");
    if (colon <= 0 || /\s/.test(line.slice(0, colon))) throw badHttp(`header line ${i} has no name`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(match[1]), headers };
}

/**
 * Reads HTTP/1.1 responses (RFC 9112 §6) from any split of their bytes: fixed length, chunked and closed by the end of the connection.
 * One parser reads one response at a time; {@link ResponseParser.expect} prepares it for the next.
 */
export class ResponseParser {
  #state: State = "done";
  #sink: ResponseSink;
  #headRequest = false;
  #line = new Uint8Array(1024);
  #lineLength = 0;
  #left = 0;
  #hadClose = false;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** The connection may not be used for a further request. */
  get mustClose(): boolean {
    return this.#hadClose;
  }

  /** Prepares for the response to a request just sent. */
  expect(sink: ResponseSink, method: "GET" | "HEAD"): void {
    this.#sink = sink;
    this.#state = "head";
    this.#headRequest = method === "HEAD";
    this.#lineLength = 0;
  }

  /** Bytes from the connection. @throws ProtocolError `NOT_CONFORMING`; afterwards the connection is spent. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#state === "done") throw badHttp("bytes after the end of the response");
      if (this.#state === "fixed" || this.#state === "chunk") {
        const size = Math.min(this.#left, chunk.byteLength - at);
        this.#sink.body(chunk.subarray(at, at + size));
        at += size;
        this.#left -= size;
        if (this.#left === 0) this.#payloadEnds();
      } else if (this.#state === "until-close") {
        this.#sink.body(chunk.subarray(at));
        return;
      } else {
        at = this.#readLines(chunk, at);
      }
    }
  }

  /** The peer ended the connection. @returns whether that completes the response. */
  close(): boolean {
    if (this.#state !== "until-close") return this.#state === "done";
    this.#finish();
    return true;
  }

  #payloadEnds(): void {
    if (this.#state === "fixed") this.#finish();
    else this.#state = "chunk-end";
  }

  #finish(): void {
    this.#state = "done";
    this.#sink.end();
  }

  #append(bytes: Uint8Array, max: number): void {
    const needed = this.#lineLength + bytes.byteLength;
    if (needed > max) throw badHttp(`more than ${max} bytes of headers`);
    if (needed > this.#line.byteLength) {
      const grown = new Uint8Array(Math.max(needed, this.#line.byteLength * 2));
      grown.set(this.#line);
      this.#line = grown;
    }
    this.#line.set(bytes, this.#lineLength);
    this.#lineLength = needed;
  }

  #readLines(chunk: Uint8Array, from: number): number {
    let at = from;
    const head = this.#state === "head";
    while (at < chunk.byteLength) {
      const lf = chunk.indexOf(LF, at);
      const end = lf === -1 ? chunk.byteLength : lf + 1;
      this.#append(chunk.subarray(at, end), head ? HEAD_BYTES_MAX : CHUNK_LINE_BYTES_MAX);
      at = end;
      if (lf === -1 || (head && !this.#headComplete())) continue;
      if (head) this.#headArrived();
      else this.#lineArrived();
      return at;
    }
    return at;
  }

  #headComplete(): boolean {
    const n = this.#lineLength;
    return n >= 4 && this.#line[n - 2] === CR && this.#line[n - 3] === LF && this.#line[n - 4] === CR;
  }

  #takeLine(trim: number): string {
    const text = new TextDecoder("latin1").decode(this.#line.subarray(0, Math.max(0, this.#lineLength - trim)));
    this.#lineLength = 0;
    return text;
  }

  #headArrived(): void {
    const { status, headers } = parseHead(this.#takeLine(4));
    if (status < 200) return;
    this.#hadClose = headers.get("connection")?.toLowerCase().includes("close") ?? false;
    this.#sink.head(status, headers);
    if (this.#headRequest || status === 204 || status === 304) {
      this.#finish();
      return;
    }
    if (headers.get("transfer-encoding")?.toLowerCase().includes("chunked")) {
      this.#state = "chunk-size";
      return;
    }
    const length = headers.get("content-length");
    if (length === undefined) {
      this.#hadClose = true;
      this.#state = "until-close";
      return;
    }
    if (!/^\d{1,15}$/.test(length)) throw badHttp(`Content-Length is ${JSON.stringify(length)}`);
    this.#left = Number(length);
    this.#state = "fixed";
    if (this.#left === 0) this.#finish();
  }

  #lineArrived(): void {
    const line = this.#takeLine(1).replace(/\r$/, "");
    if (this.#state === "chunk-end") {
      if (line !== "") throw badHttp("a chunk is longer than its size");
      this.#state = "chunk-size";
    } else if (this.#state === "chunk-size") {
      const size = (line.split(";")[0] ?? "").trim();
      if (!/^[0-9a-fA-F]{1,8}$/.test(size)) throw badHttp("a chunk size is not hexadecimal");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailers" : "chunk";
    } else if (line === "") {
      this.#finish();
    }
  }
}
