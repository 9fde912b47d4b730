import { createHmac, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { Fault, ProtocolError } from "#faults/fault.ts";
import type { HandshakeCrypto } from "./handshake.ts";
import type { MediaEvent } from "./media-event.ts";
import type { PublishOffer, ServerEvent } from "./server-event.ts";
import { RtmpServerSession } from "./server-session.ts";

/** Answers a peer may leave unread before it is cut, in bytes. */
const UNREAD_ANSWER_BYTES_MAX: number = 64 * 1024;
/** How long a last answer may take to leave before the socket is destroyed, in milliseconds. */
const FAREWELL_MS = 1000;

/** The handshake's cryptography from `node:crypto`. */
export const nodeCrypto: HandshakeCrypto = {
  hmacSha256: (key, data) => createHmac("sha256", key).update(data).digest(),
  randomBytes: (count) => randomBytes(count),
};

/** What the owner of a connection hears. Calls are synchronous; none may throw. */
export interface ConnectionListener {
  /** Answer with {@link RtmpConnection.accept} or {@link RtmpConnection.refuse}, at once or later. */
  publish(offer: PublishOffer): void;
  media(event: MediaEvent, nowMs: number): void;
  /** The encoder said goodbye. It may publish again. */
  finished(nowMs: number): void;
  unknownCommand(name: string): void;
  /** Exactly once: nothing more will be read. The fault says why. */
  ended?(fault: Fault, nowMs: number): void;
  /** Last call, exactly once: the socket is gone. */
  closed(): void;
}

/** What a connection needs. */
export interface ConnectionOptions {
  readonly listener: ConnectionListener;
  readonly nowMs: () => number;
  /** See {@link RtmpServerSession}. */
  readonly publishWithinMs?: number;
  readonly idleMs?: number;
}

/** The socket of one RTMP peer: moves bytes between it and the session, and closes it for one reason. */
export class RtmpConnection {
  readonly session: RtmpServerSession;
  readonly #socket: Socket;
  readonly #listener: ConnectionListener;
  readonly #nowMs: () => number;
  #closed = false;
  #ending: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#listener = options.listener;
    this.#nowMs = options.nowMs;
    const { publishWithinMs, idleMs } = options;
    this.session = new RtmpServerSession({
      crypto: nodeCrypto,
      nowMs: options.nowMs(),
      ...(publishWithinMs === undefined ? {} : { publishWithinMs }),
      ...(idleMs === undefined ? {} : { idleMs }),
    });
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("end", () => this.#lost("the encoder closed the connection"));
    socket.on("error", (error: Error & { code?: string }) =>
      this.#lost(`the connection broke (${error.code ?? error.message})`),
    );
    socket.on("close", () => this.#close());
  }

  /** Lets the offered publication begin. */
  accept(): void {
    if (this.#closed || !this.session.deciding) return;
    const nowMs = this.#nowMs();
    try {
      this.#deliver(this.session.accept(nowMs), nowMs);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (!this.session.deciding) this.#socket.resume();
    this.#flush();
    this.tick(nowMs);
  }

  /** Refuses the offered publication and closes. */
  refuse(fault: Fault): void {
    if (this.#closed) return;
    this.session.refuse(fault);
    this.#farewell(fault);
  }

  /** Ends the connection from our side, telling the encoder why. */
  expel(fault: Fault): void {
    this.session.expel(fault);
    this.#farewell(fault);
  }

  /** Asks an encoder that can to come again, as {@link RtmpServerSession.requestReconnect}. */
  requestReconnect(description: string, tcUrl?: string): void {
    this.session.requestReconnect(description, tcUrl);
    this.#flush();
  }

  /** Ends the connection after what is still to be sent: encoders take it for a broken line and come again. */
  end(fault: Fault): void {
    this.#farewell(fault);
  }

  /** Ends the connection at once. */
  destroy(fault: Fault): void {
    this.#end(fault);
    this.#socket.destroy();
    this.#close();
  }

  /** Checks the session's deadline; cheap, to be called for every connection a few times a second. */
  tick(nowMs: number): void {
    if (this.#closed || this.#ending !== undefined || this.session.deadlineMs > nowMs) return;
    try {
      this.session.tick(nowMs);
      this.#flush();
    } catch (error) {
      this.#failed(error);
    }
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closed || this.#ending !== undefined) return;
    const nowMs = this.#nowMs();
    try {
      const events = this.session.receive(chunk, nowMs);
      this.#deliver(events, nowMs);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.session.deciding) this.#socket.pause();
    this.#flush();
    if (this.session.deadlineMs <= nowMs) this.tick(nowMs);
  }

  #deliver(events: readonly ServerEvent[], nowMs: number): void {
    for (let i = 0; i < events.length; i++) {
      const event = events[i];
      if (event === undefined) continue;
      if (event.kind === "publish") this.#listener.publish(event.offer);
      else if (event.kind === "finished") this.#listener.finished(nowMs);
      else if (event.kind === "unknown-command") this.#listener.unknownCommand(event.name);
      else this.#listener.media(event, nowMs);
    }
  }

  #flush(): void {
    for (const bytes of this.session.takeOutput()) {
      if (!this.#socket.destroyed) this.#socket.write(bytes);
    }
    if (this.#socket.writableLength > UNREAD_ANSWER_BYTES_MAX) {
      this.destroy(new ProtocolError("LIMIT_REACHED", "the encoder does not read our answers"));
    }
  }

  /** A protocol violation ends this connection, and so does a bug of ours, which the owner shows with its stack. */
  #failed(error: unknown): void {
    if (error instanceof ProtocolError) this.#farewell(error);
    else this.destroy(new Fault("INTERNAL", "a bug ended this connection", { cause: error }));
  }

  #farewell(fault: Fault): void {
    if (this.#closed || this.#ending !== undefined) return;
    this.#end(fault);
    this.#flush();
    if (this.#closed) return;
    this.#socket.end();
    this.#ending = setTimeout(() => this.destroy(fault), FAREWELL_MS);
  }

  #lost(why: string): void {
    this.destroy(new Fault("CONNECTION_LOST", why));
  }

  #end(fault: Fault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.ended?.(fault, this.#nowMs());
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#ending);
    this.#end(new Fault("CONNECTION_LOST", "the connection was closed"));
    this.#listener.closed();
  }
}
