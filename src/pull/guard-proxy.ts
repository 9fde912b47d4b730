/**
 * The only way out for demuxers that read from the web: a forward proxy on loopback (RFC 9110 §7.6) that resolves each host once, checks all its
 * addresses and connects to the one it checked. So every playlist, segment, key and redirect passes the same rule, whatever a hostile
 * playlist names. TLS is spoken here, with certificates that are checked; demuxers know `http://` only ({@link SecurePlaces}).
 */
import type { Socket } from "node:net";
import { Fault } from "#faults/fault.ts";
import { connectTo, joined, type WayOut } from "./connection.ts";
import { LocalListener } from "./local-listener.ts";
import {
  type AnswerHead,
  answerHeadOf,
  bodyOf,
  headerOf,
  headText,
  isPlaylist,
  PLAYLIST_BYTES_MAX,
  SecurePlaces,
} from "./plain-answer.ts";

/** Connections of one source at the same time. */
export const PROXY_CONNECTIONS_MAX = 32;
/** Longest head of a request or an answer, bytes. */
export const PROXY_HEAD_BYTES_MAX = 16_384;

/** A running proxy. */
export interface GuardProxy {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** A URL as demuxers get it. */
  plain(url: string): string;
  close(): Promise<void>;
}

/** What a demuxer asks for. */
interface Request {
  readonly host: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  /** Header lines, without those that concern the connection. */
  readonly headers: readonly string[];
}

const REQUEST_LINE = /^(GET|HEAD) (http:\/\/\S{1,8000}) HTTP\/1\.[01]\r\n/;
/** Headers that do not hold for a playlist that was written anew. */
const LENGTHS: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "content-range",
  "content-encoding",
]);
const HOP_BY_HOP = /^(host|connection|keep-alive|accept-encoding|proxy-[^:]*):/i;

/** Reads a request's head with its last empty line; `undefined` when it is none that a proxy takes. */
export function requestOf(head: string): Request | undefined {
  const [line, method, target] = REQUEST_LINE.exec(head) ?? [];
  if (line === undefined || method === undefined || target === undefined || !URL.canParse(target)) return undefined;
  const { hostname, port, pathname, search } = new URL(target);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (host === "") return undefined;
  const headers = head
    .slice(line.length)
    .split("\r\n")
    .filter((header) => header !== "" && !HOP_BY_HOP.test(header));
  return { host, port: port === "" ? 80 : Number(port), method, path: `${pathname}${search}`, headers };
}

function answer(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

/** A head and the bytes that came with it. */
interface Received {
  readonly head: string;
  readonly rest: Uint8Array;
}

/** Reads up to the end of a head; the socket is paused then. `undefined` when it is too long, or the socket is closed before. */
function receiveHead(socket: Socket): Promise<Received | undefined> {
  const { promise, resolve } = Promise.withResolvers<Received | undefined>();
  let bytes = Buffer.alloc(0);
  const done = (received: Received | undefined): void => {
    socket.off("data", onData);
    socket.off("close", onClose);
    socket.pause();
    resolve(received);
  };
  const onClose = (): void => done(undefined);
  const onData = (chunk: Uint8Array): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end > PROXY_HEAD_BYTES_MAX || (end < 0 && bytes.byteLength > PROXY_HEAD_BYTES_MAX)) done(undefined);
    else if (end >= 0) done({ head: bytes.toString("latin1", 0, end + 2), rest: bytes.subarray(end + 4) });
  };
  socket.on("data", onData);
  socket.once("close", onClose);
  return promise;
}

/** Reads a whole body; `undefined` when it is too long or broken. */
function receiveBody(socket: Socket, head: AnswerHead, rest: Uint8Array): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  let bytes = Buffer.from(rest);
  const look = (ended: boolean): void => {
    const body = bodyOf(head, bytes, ended);
    if (body !== undefined || ended || bytes.byteLength > PLAYLIST_BYTES_MAX) resolve(body);
  };
  socket.on("data", (chunk: Uint8Array) => {
    bytes = Buffer.concat([bytes, chunk]);
    look(false);
  });
  socket.once("end", () => look(true));
  socket.once("close", () => look(true));
  look(false);
  socket.resume();
  return promise;
}

class RunningProxy implements GuardProxy {
  readonly #way: WayOut;
  readonly #refused: (fault: Fault) => void;
  readonly #places = new SecurePlaces();
  readonly #listener: LocalListener;

  constructor(way: WayOut, refused: (fault: Fault) => void) {
    this.#way = way;
    this.#refused = refused;
    this.#listener = new LocalListener((socket) => void this.#enter(socket), PROXY_CONNECTIONS_MAX);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.port}`;
  }

  plain(url: string): string {
    return this.#places.plain(url);
  }

  async listen(): Promise<this> {
    await this.#listener.listen();
    return this;
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  async #enter(socket: Socket): Promise<void> {
    const received = await receiveHead(socket);
    const request = received === undefined ? undefined : requestOf(received.head);
    if (request === undefined) {
      answer(socket, "400 Bad Request");
      return;
    }
    try {
      await this.#pass(socket, request);
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault("PULL_FAILED", `${request.host}: ${String(error)}`);
      // Whoever has hung up is told nothing.
      if (socket.destroyed) return;
      this.#refused(fault);
      answer(socket, fault.code === "PULL_REFUSED" ? "403 Forbidden" : "502 Bad Gateway");
    }
  }

  async #pass(socket: Socket, request: Request): Promise<void> {
    const { host, port, method, path, headers } = request;
    const secure = this.#places.has(host, port);
    const server = await connectTo({ host, port, secure }, this.#way, (outer) => {
      this.#listener.hold(outer);
      socket.once("close", () => outer.destroy());
    });
    const named = host.includes(":") ? `[${host}]` : host;
    const isUsual = port === (secure ? 443 : 80);
    const lines = [`Host: ${isUsual ? named : `${named}:${port}`}`, "Accept-Encoding: identity", "Connection: close"];
    server.write([`${method} ${path} HTTP/1.1`, ...headers, ...lines, "", ""].join("\r\n"), "latin1");
    const received = await receiveHead(server);
    const head = received === undefined ? undefined : answerHeadOf(received.head);
    if (received === undefined || head === undefined) {
      throw new Fault("PULL_FAILED", `${host}:${port} gave no answer that is one of HTTP`, { peer: host });
    }
    if (method === "HEAD" || !isPlaylist(head, path)) {
      socket.write(headText(head, this.#places), "latin1");
      socket.write(received.rest);
      joined(socket, server);
      return;
    }
    const body = await receiveBody(server, head, received.rest);
    server.destroy();
    if (body === undefined || /^(?!identity$)./i.test(headerOf(head, "content-encoding"))) {
      throw new Fault("PULL_FAILED", `${host}:${port} sent a playlist that is compressed, broken or too long`, {
        peer: host,
      });
    }
    const text = Buffer.from(this.#places.playlist(new TextDecoder().decode(body), secure));
    const others = head.headers.filter(([name]) => !LENGTHS.has(name));
    const sized = { status: 200, headers: [...others, ["content-length", String(text.byteLength)] as const] };
    socket.end(Buffer.concat([Buffer.from(headText(sized, this.#places), "latin1"), text]));
  }
}

/** Opens the proxy of one source on a free port of loopback. `refused` is called with each refusal and failure to connect. */
export function startGuardProxy(way: WayOut, refused: (fault: Fault) => void): Promise<GuardProxy> {
  return new RunningProxy(way, refused).listen();
}
