/**
 * The only way out for demuxers that read over HTTP and TLS: a forward proxy on loopback (RFC 9110 §7.6 for `http`, `CONNECT` §9.3.6 for the rest)
 * that resolves each host once, checks all its addresses and connects to the one it checked. So every playlist, segment, key and redirect
 * passes the same rule, whatever a hostile playlist names.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import { type AddressRule, reach } from "./reach.ts";

/** Connections through the proxy at the same time. */
export const PROXY_CONNECTIONS_MAX = 512;
/** Longest head of a request, bytes. */
export const PROXY_HEAD_BYTES_MAX = 16_384;
/** Silence after which a connection is ended, milliseconds. */
const IDLE_MS_MAX = 30_000;

/** What the proxy needs. */
export interface GuardProxyOptions {
  readonly permits: AddressRule;
  readonly clock: Clock;
  /** Called with each refusal and failure to connect. */
  readonly refused: (fault: Fault) => void;
}

/** A running proxy. */
export interface GuardProxy {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  close(): Promise<void>;
}

interface Destination {
  readonly host: string;
  readonly port: number;
  /** What the server is sent first. */
  readonly head: string;
  readonly isTunnel: boolean;
}

const HEAD = /^([A-Z]{1,10}) (\S{1,8000}) HTTP\/1\.[01]\r\n/;

/** Reads a request's head; `undefined` when it is none that a proxy takes. */
export function destinationOf(head: string): Destination | undefined {
  const found = HEAD.exec(head);
  const [line, method, target] = found ?? [];
  if (line === undefined || method === undefined || target === undefined) return undefined;
  const isTunnel = method === "CONNECT";
  const text = isTunnel ? `tcp://${target}` : target;
  if (!URL.canParse(text) || (!isTunnel && !text.startsWith("http://"))) return undefined;
  const { hostname, port, pathname, search } = new URL(text);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (host === "" || (isTunnel && port === "")) return undefined;
  const rest = head.slice(line.length).replace(/^proxy-[^\r\n]*\r\n/gim, "");
  const sent = isTunnel ? "" : `${method} ${pathname}${search} HTTP/1.1\r\n${rest}`;
  return { host, port: port === "" ? 80 : Number(port), head: sent, isTunnel };
}

function answer(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function joined(a: Socket, b: Socket): void {
  a.pipe(b);
  b.pipe(a);
  a.once("close", () => b.destroy());
  b.once("close", () => a.destroy());
}

class RunningProxy implements GuardProxy {
  readonly #options: GuardProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor(options: GuardProxyOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#enter(socket));
    this.#server.maxConnections = PROXY_CONNECTIONS_MAX;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<this> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(0, "127.0.0.1", () => resolve());
    await promise;
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    return this;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setTimeout(IDLE_MS_MAX, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #enter(socket: Socket): void {
    this.#hold(socket);
    let head = "";
    const onData = (chunk: Uint8Array): void => {
      head += new TextDecoder("latin1").decode(chunk);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length <= PROXY_HEAD_BYTES_MAX) return;
      socket.off("data", onData);
      socket.pause();
      const destination = end < 0 || end > PROXY_HEAD_BYTES_MAX ? undefined : destinationOf(head);
      if (destination === undefined) answer(socket, "400 Bad Request");
      else void this.#join(socket, destination);
    };
    socket.on("data", onData);
  }

  async #join(socket: Socket, destination: Destination): Promise<void> {
    const { permits, clock, refused } = this.#options;
    const { host, port } = destination;
    try {
      const address = await reach(host, permits, clock);
      if (socket.destroyed) return;
      const server = connect({ host: address, port });
      this.#hold(server);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("connect", resolve);
      server.once("error", (cause) =>
        reject(new Fault("PULL_FAILED", `${host}:${port} cannot be reached: ${cause.message}`, { peer: host, cause })),
      );
      server.once("close", () => reject(new Fault("PULL_FAILED", `${host}:${port} closed the connection`)));
      await promise;
      if (destination.isTunnel) socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      else server.write(destination.head, "latin1");
      joined(socket, server);
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault("PULL_FAILED", `${host}: ${String(error)}`);
      refused(fault);
      answer(socket, fault.code === "PULL_REFUSED" ? "403 Forbidden" : "502 Bad Gateway");
    }
  }
}

/** Opens the proxy on a free port of loopback. */
export function startGuardProxy(options: GuardProxyOptions): Promise<GuardProxy> {
  return new RunningProxy(options).listen();
}
