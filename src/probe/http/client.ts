import { gunzipSync } from "node:zlib";
import { Fault, ProtocolError } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import { Connection, type Origin, type RawResponse } from "./connection.ts";

/** Connections one viewer may hold: two renditions with a blocked playlist, a hinted part and a segment each, and one spare. */
const CONNECTIONS_PER_VIEWER_MAX = 9;
/** Redirects followed for a page or multivariant playlist; media are never redirected. */
const REDIRECTS_MAX = 3;
/** Largest playlist or manifest after decompression. */
const DECODED_BYTES_MAX = 16_777_216;

/** An answer with its times (monotonic milliseconds) and its decoded body. */
export interface HttpAnswer {
  readonly url: string;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** Bytes of the body on the wire. */
  readonly sizeBytes: number;
  readonly sentAtMs: number;
  readonly headAtMs: number;
  readonly endAtMs: number;
}

/** How {@link HttpClient.get} asks. */
export interface GetOptions {
  /** Longest silence of the server that is borne. Default 15,000. */
  readonly timeoutMs?: number;
  /** Default: `gzip`, as players send. */
  readonly acceptEncoding?: "gzip" | "identity";
  /** Default true. Otherwise the body is only counted. */
  readonly keepBody?: boolean;
  /** Default true. Otherwise a gzipped body stays as it is. */
  readonly decode?: boolean;
  /** Default false. */
  readonly followRedirects?: boolean;
  readonly method?: "GET" | "HEAD";
  /** Ask for a part of the resource only. */
  readonly range?: { readonly offset: number; readonly length: number } | undefined;
}

/** Is told of every answer and every lost connection of a client: the figures of a report. */
export interface TrafficObserver {
  answered(answer: RawResponse): void;
  lost(): void;
}

function originOf(url: URL, insecure: boolean): Origin {
  const tls = url.protocol === "https:";
  if (!tls && url.protocol !== "http:") {
    throw new Fault("CONFIG_INVALID", `${url.protocol} URLs cannot be probed`, { hint: "Give an http or https URL." });
  }
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port, tls, insecure };
}

function decoded(response: RawResponse, url: string): Uint8Array {
  const encoding = response.headers.get("content-encoding");
  if (encoding === undefined || encoding === "identity" || response.body.byteLength === 0) return response.body;
  if (encoding !== "gzip") {
    throw new ProtocolError("NOT_CONFORMING", `Content-Encoding ${encoding} was not asked for`, { at: url });
  }
  try {
    return new Uint8Array(gunzipSync(response.body, { maxOutputLength: DECODED_BYTES_MAX }));
  } catch (cause) {
    throw new ProtocolError("NOT_CONFORMING", "the gzipped body cannot be decompressed", { at: url, cause });
  }
}

/** One viewer's HTTP client: keep-alive connections of its own, as a player has them, and nobody else's. */
export class HttpClient {
  readonly #clock: Clock;
  readonly #insecure: boolean;
  readonly #traffic: TrafficObserver;
  readonly #idle = new Map<string, Connection[]>();
  readonly #open = new Set<Connection>();
  readonly #waiting: (() => void)[] = [];
  #busyCount = 0;
  #closed = false;

  /** When `signal` aborts, every request fails and every connection closes. */
  constructor(options: { clock: Clock; insecure: boolean; traffic: TrafficObserver; signal: AbortSignal }) {
    this.#clock = options.clock;
    this.#insecure = options.insecure;
    this.#traffic = options.traffic;
    if (options.signal.aborted) this.#closed = true;
    options.signal.addEventListener("abort", () => this.close(), { once: true });
  }

  /**
   * Fetches a URL. A status of 4xx or 5xx is an answer, not an error.
   * @throws Fault `CONNECTION_LOST`, ProtocolError `NOT_CONFORMING`.
   */
  async get(url: string, options: GetOptions = {}): Promise<HttpAnswer> {
    let target = url;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#exchange(target, options);
      const location = response.headers.get("location");
      const redirected = response.status >= 301 && response.status <= 308 && location !== undefined;
      if (redirected && options.followRedirects === true && redirects < REDIRECTS_MAX) {
        target = new URL(location, target).href;
        continue;
      }
      const body = options.decode === false ? response.body : decoded(response, target);
      const { status, headers, sizeBytes, sentAtMs, headAtMs, endAtMs } = response;
      return { url: target, status, headers, body, sizeBytes, sentAtMs, headAtMs, endAtMs };
    }
  }

  async #exchange(target: string, options: GetOptions): Promise<RawResponse> {
    const url = new URL(target);
    const origin = originOf(url, this.#insecure);
    const key = `${url.protocol}//${url.host}`;
    if (this.#busyCount >= CONNECTIONS_PER_VIEWER_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#busyCount++;
    try {
      for (let attempt = 0; ; attempt++) {
        const idle = this.#idle.get(key)?.pop();
        const connection = idle?.usable ? idle : await this.#connect(origin);
        try {
          return await this.#ask(connection, key, url, options);
        } catch (error) {
          this.#open.delete(connection);
          // A kept connection may have been closed by the server between two requests; a fresh one may not.
          const stale = connection === idle && error instanceof Fault && error.code === "CONNECTION_LOST";
          if (stale && attempt === 0 && !this.#closed) continue;
          if (!this.#closed) this.#traffic.lost();
          throw error;
        }
      }
    } finally {
      this.#busyCount--;
      this.#waiting.shift()?.();
    }
  }

  async #connect(origin: Origin): Promise<Connection> {
    if (this.#closed) throw new Fault("CONNECTION_LOST", "the client is closed");
    const connection = await Connection.open(origin, this.#clock);
    this.#open.add(connection);
    if (this.#closed) connection.close();
    return connection;
  }

  async #ask(connection: Connection, key: string, url: URL, options: GetOptions): Promise<RawResponse> {
    const encoding = options.acceptEncoding ?? "gzip";
    const { range } = options;
    const rangeLine = range === undefined ? "" : `Range: bytes=${range.offset}-${range.offset + range.length - 1}\r\n`;
    const response = await connection.request({
      method: options.method ?? "GET",
      target: url.pathname + url.search,
      headers: `Host: ${url.host}\r\nUser-Agent: grandstand-probe\r\nAccept: */*\r\nAccept-Encoding: ${encoding}\r\n${rangeLine}`,
      keepBody: options.keepBody ?? true,
      timeoutMs: options.timeoutMs ?? 15_000,
    });
    this.#traffic.answered(response);
    if (connection.usable) {
      const idle = this.#idle.get(key);
      if (idle === undefined) this.#idle.set(key, [connection]);
      else idle.push(connection);
    } else {
      this.#open.delete(connection);
    }
    return response;
  }

  /** Closes every connection. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#open) connection.close();
    this.#open.clear();
    this.#idle.clear();
  }
}
