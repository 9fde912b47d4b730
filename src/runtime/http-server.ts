import { Fault } from "#faults/fault.ts";

/** Requests in flight (parked ones included) before new ones are answered 503. One parked request costs about 4 kB. */
export const REQUESTS_IN_FLIGHT_MAX = 50_000;

/** Bytes of a request body before it is answered 413: nothing we serve takes more. */
export const REQUEST_BODY_BYTES_MAX = 1_048_576;

/** Seconds a connection may be silent (no byte of a request in, none of a response out) before it is closed. */
const IDLE_SECONDS = 30;

/** Longest time the runtime can be told to wait on a silent connection, seconds. */
const IDLE_SECONDS_MAX = 255;

/** What a handler may know of a request beside the request itself. Valid until the response is finished. */
export interface HttpContext {
  /** The peer's IP address as the socket says; empty when the connection is gone. */
  readonly address: string;
  /** Lets this request's connection be silent for `seconds`, at most 255, while it is held: the default would close it after 30. */
  allowSilence(seconds: number): void;
}

/** Certificate chain and private key as PEM text. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What {@link startHttpServer} needs. */
export interface HttpServerOptions {
  /** Address to listen on: `0.0.0.0`, `::`, or one of this machine's. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tls?: TlsIdentity;
  /** HTTP/2 by ALPN, and by prior knowledge without TLS. Default on. */
  readonly http2?: boolean;
  /** HTTP/3 on the same UDP port. Default off: the runtime calls it experimental. */
  readonly http3?: boolean;
  /** Answers a request. What it throws becomes a 500 and is told to `onError`. */
  handle(request: Request, context: HttpContext): Response | Promise<Response>;
  /** Hears of what `handle` threw: a bug. */
  onError?(error: Error): void;
  readonly limits?: {
    /** Default {@link REQUESTS_IN_FLIGHT_MAX}. */
    readonly requestsInFlight?: number;
    /** Default {@link REQUEST_BODY_BYTES_MAX}. */
    readonly bodyBytes?: number;
  };
}

/** A listening HTTP server. */
export interface HttpServer {
  readonly host: string;
  /** The port it listens on, chosen by the system when 0 was asked for. */
  readonly port: number;
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** Requests whose response is not finished. */
  readonly requestsInFlight: number;
  /**
   * New connections get this certificate from now on; running ones finish on the old one.
   * @throws Fault TLS_UNUSABLE, and the old certificate stays.
   */
  replaceCertificate(identity: TlsIdentity): Promise<void>;
  /** Idempotent: refuses new connections, lets running requests finish within `deadlineMs` (default 5,000), then cuts them. */
  close(options?: { deadlineMs?: number }): Promise<void>;
}

type Listener = Bun.Server<undefined>;

class RequestContext implements HttpContext {
  readonly #request: Request;
  readonly #listener: Listener;

  constructor(request: Request, listener: Listener) {
    this.#request = request;
    this.#listener = listener;
  }

  // Asked for when it is wanted: finding the peer's address costs more than a whole cached response.
  get address(): string {
    return this.#listener.requestIP(this.#request)?.address ?? "";
  }

  allowSilence(seconds: number): void {
    this.#listener.timeout(this.#request, Math.min(seconds, IDLE_SECONDS_MAX));
  }
}

function text(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${message}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers },
  });
}

/** The `code` of a system error, empty where there is none. */
function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function listenFault(error: unknown, host: string, port: number): Fault {
  const where = `${host}:${port}`;
  const details = { peer: where, cause: error };
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new Fault("PORT_IN_USE", `port ${port} is in use by another program`, {
        ...details,
        hint: "stop the other program or choose another port with --http-port",
      });
    case "EACCES":
    case "EPERM":
      return new Fault("PORT_FORBIDDEN", `the system does not let us listen on ${where}`, {
        ...details,
        hint: "choose a port above 1023, or allow this program to bind low ports",
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new Fault("CONFIG_INVALID", `${host} is not an address of this machine`, {
        ...details,
        hint: "set host to 0.0.0.0 (everywhere), 127.0.0.1 (this machine only) or an address of this machine",
      });
    default: {
      const message = error instanceof Error ? error.message : String(error);
      if (systemCode(error).startsWith("ERR_OSSL") || message.includes("PEM") || message.includes("SSL")) {
        return new Fault("TLS_UNUSABLE", `the certificate or its private key cannot be used: ${message}`, {
          ...details,
          hint: "give a PEM certificate chain and the unencrypted PEM private key that belongs to it",
        });
      }
      return new Fault("PORT_FORBIDDEN", `cannot listen on ${where}: ${message}`, {
        ...details,
        hint: "check host and port in the configuration",
      });
    }
  }
}

function listen(
  options: HttpServerOptions,
  port: number,
  identity: TlsIdentity | undefined,
  shared: boolean,
): Listener {
  const inFlightMax = options.limits?.requestsInFlight ?? REQUESTS_IN_FLIGHT_MAX;
  try {
    return Bun.serve({
      hostname: options.host,
      port,
      ...(identity === undefined ? {} : { tls: { cert: identity.cert, key: identity.key } }),
      http2: options.http2 ?? true,
      http3: identity !== undefined && (options.http3 ?? false),
      reusePort: shared,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: options.limits?.bodyBytes ?? REQUEST_BODY_BYTES_MAX,
      development: false,
      fetch(request, listener) {
        if (listener.pendingRequests > inFlightMax)
          return text(503, "too many requests in flight", { "retry-after": "1" });
        return options.handle(request, new RequestContext(request, listener));
      },
      error(error) {
        options.onError?.(error instanceof Error ? error : new Error(String(error)));
        return text(500, "internal error");
      },
    });
  } catch (error) {
    throw listenFault(error, options.host, port);
  }
}

/**
 * Finds out whether the port is free. A shared port (`SO_REUSEPORT`, which replacing a certificate needs) would silently be taken
 * beside another process of ours; an exclusive listener is refused then.
 */
function claim(options: HttpServerOptions): number {
  const probe = listen(options, options.port, options.tls, false);
  const { port } = probe;
  void probe.stop(true);
  return port ?? options.port;
}

async function stop(listener: Listener, deadlineMs: number): Promise<void> {
  const { promise: deadline, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, deadlineMs);
  await Promise.race([listener.stop(false), deadline]);
  clearTimeout(timer);
  await listener.stop(true);
}

/** How long requests on the old certificate may go on after it was replaced, milliseconds. */
const OLD_CERTIFICATE_MS = 60_000;

/**
 * Starts an HTTP/1.1 and HTTP/2 server: the only way from a socket to a `Request` in this program. Request headers are limited to 16 KiB by
 * the runtime (431), connections by the process's file descriptors, silent connections are closed after 30 s.
 * @throws Fault PORT_IN_USE, PORT_FORBIDDEN, CONFIG_INVALID (host) or TLS_UNUSABLE, each with a hint.
 */
export function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  return Promise.try(() => {
    const shared = options.tls !== undefined;
    const port = shared ? claim(options) : options.port;
    let listener = listen(options, port, options.tls, shared);
    let closing: Promise<void> | undefined;
    const retiring = new Set<Listener>();
    const hostname = options.host.includes(":") ? `[${options.host}]` : options.host;
    const boundPort = listener.port ?? port;
    const server: HttpServer = {
      host: options.host,
      port: boundPort,
      origin: `${shared ? "https" : "http"}://${hostname}:${boundPort}`,
      get requestsInFlight() {
        return listener.pendingRequests;
      },
      async replaceCertificate(identity) {
        if (!shared)
          throw new Fault("TLS_UNUSABLE", "this server does not use TLS", { hint: "start it with a certificate" });
        if (closing !== undefined) return;
        const previous = listener;
        listener = listen(options, boundPort, identity, true);
        // The runtime keeps the certificate it started with; a second listener on the same port takes over every new connection.
        retiring.add(previous);
        void stop(previous, OLD_CERTIFICATE_MS).finally(() => retiring.delete(previous));
      },
      close({ deadlineMs = 5_000 } = {}) {
        closing ??= Promise.all([listener, ...retiring].map((each) => stop(each, deadlineMs))).then(() => undefined);
        return closing;
      },
    };
    return server;
  });
}
