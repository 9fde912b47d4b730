import { type Socket, connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import { ResponseParser } from "./response-parser.ts";

/** Largest body that is read; a part or a segment is far smaller. */
const BODY_BYTES_MAX = 67_108_864;
/** A peer that does not accept a connection within this time is unreachable. */
const CONNECT_MS_MAX = 5_000;

/** Where a connection goes. */
export interface Origin {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Accept certificates nobody vouches for, as tests have. */
  readonly insecure: boolean;
}

/** One request of a {@link Connection}. */
export interface RawRequest {
  readonly method: "GET" | "HEAD";
  /** Path with query, as it stands in the request line. */
  readonly target: string;
  readonly headers: string;
  /** Keep the body; otherwise its bytes are only counted. */
  readonly keepBody: boolean;
  /** Longest silence of the server. */
  readonly timeoutMs: number;
}

/** A response as it came over the wire, with its times in milliseconds of the monotonic clock. */
export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The body before any content decoding; empty unless it was to be kept. */
  readonly body: Uint8Array;
  readonly sizeBytes: number;
  readonly sentAtMs: number;
  readonly headAtMs: number;
  readonly endAtMs: number;
}

interface Exchange {
  readonly request: RawRequest;
  readonly resolve: (response: RawResponse) => void;
  readonly reject: (error: Error) => void;
}

function joined(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

/**
 * One HTTP/1.1 connection with keep-alive, one request at a time.
 * Own code rather than a library's client because an oracle must see the bytes as they are (encodings, first byte, closed connections)
 * and because thousands of viewers need a connection each, which `fetch` shares among at most 256.
 */
export class Connection {
  readonly #origin: Origin;
  readonly #clock: Clock;
  readonly #parser: ResponseParser;
  #socket: Socket | undefined;
  #exchange: Exchange | undefined;
  #usable = false;

  private constructor(origin: Origin, clock: Clock) {
    this.#origin = origin;
    this.#clock = clock;
    this.#parser = new ResponseParser({ head: () => undefined, body: () => undefined, end: () => undefined });
  }

  /** Connects. @throws Fault `CONNECTION_LOST` when nobody answers. */
  static async open(origin: Origin, clock: Clock): Promise<Connection> {
    const connection = new Connection(origin, clock);
    await connection.#connect();
    return connection;
  }

  /** Ready for a request. */
  get usable(): boolean {
    return this.#usable && this.#exchange === undefined;
  }

  #lost(message: string, cause?: unknown): Fault {
    const certificate = /certificate/i.test(message);
    return new Fault("CONNECTION_LOST", message, {
      peer: `${this.#origin.host}:${this.#origin.port}`,
      hint: certificate
        ? "Give the server a certificate that is vouched for, or accept this one with --insecure."
        : "Check that the server listens at this address.",
      cause,
    });
  }

  #connect(): Promise<void> {
    const { host, port, tls, insecure } = this.#origin;
    return new Promise((resolve, reject) => {
      const options = { host, port };
      const socket: Socket = tls
        ? connectTls({
            ...options,
            rejectUnauthorized: !insecure,
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ALPNProtocols: ["http/1.1"],
          })
        : connectTcp(options);
      this.#socket = socket;
      const timer = setTimeout(() => {
        socket.destroy();
        reject(this.#lost("the server did not accept the connection in time"));
      }, CONNECT_MS_MAX);
      socket.setNoDelay(true);
      socket.on("timeout", () => this.#fail(this.#lost("the server was silent for too long")));
      socket.once(tls ? "secureConnect" : "connect", () => {
        clearTimeout(timer);
        this.#usable = true;
        resolve();
      });
      socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
      socket.on("error", (error: Error) => {
        clearTimeout(timer);
        reject(this.#lost(`the connection failed: ${error.message}`, error));
        this.#fail(this.#lost(`the connection failed: ${error.message}`, error));
      });
      socket.on("close", () => {
        clearTimeout(timer);
        this.#usable = false;
        if (this.#exchange !== undefined && !this.#parser.close()) {
          this.#fail(this.#lost("the server closed the connection before its answer was complete"));
        }
      });
    });
  }

  #receive(chunk: Uint8Array): void {
    try {
      if (this.#exchange === undefined) {
        this.close();
        return;
      }
      this.#parser.receive(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#usable = false;
    this.#socket?.destroy();
    if (exchange === undefined) return;
    exchange.reject(error);
  }

  /** Sends one request. Only while {@link usable}. @throws Fault `CONNECTION_LOST`, ProtocolError `NOT_CONFORMING`. */
  request(request: RawRequest): Promise<RawResponse> {
    return new Promise((resolve, reject) => {
      this.#exchange = { request, resolve, reject };
      this.#socket?.setTimeout(request.timeoutMs);
      this.#send(request);
    });
  }

  #send(request: RawRequest): void {
    const clock = this.#clock;
    const chunks: Uint8Array[] = [];
    const sentAtMs = clock.nowMs();
    let sizeBytes = 0;
    let status = 0;
    let headAtMs = sentAtMs;
    let headers: ReadonlyMap<string, string> = new Map();
    this.#parser.expect(
      {
        head: (code, fields) => {
          status = code;
          headers = fields;
          headAtMs = clock.nowMs();
        },
        body: (chunk) => {
          sizeBytes += chunk.byteLength;
          if (sizeBytes > BODY_BYTES_MAX)
            throw new Fault("LIMIT_REACHED", `a body of more than ${BODY_BYTES_MAX} bytes`);
          // Copied: the socket may reuse its buffer for the next chunk.
          if (request.keepBody) chunks.push(chunk.slice());
        },
        end: () => {
          const exchange = this.#exchange;
          this.#exchange = undefined;
          if (this.#parser.mustClose) this.close();
          if (exchange === undefined) return;
          const body = joined(chunks, request.keepBody ? sizeBytes : 0);
          exchange.resolve({ status, headers, body, sizeBytes, sentAtMs, headAtMs, endAtMs: clock.nowMs() });
        },
      },
      request.method,
    );
    this.#socket?.write(`${request.method} ${request.target} HTTP/1.1\r\n${request.headers}\r\n`);
  }

  /** Ends the connection and whatever waits on it. Idempotent. */
  close(): void {
    this.#usable = false;
    this.#socket?.destroy();
    this.#fail(this.#lost("the connection was closed"));
  }
}
