import { createServer, type Server, type Socket } from "node:net";

/** Silence after which a connection is ended, milliseconds. */
const IDLE_MS_MAX = 30_000;

/** A TCP server on a free port of loopback, with the sockets that belong to it. */
export class LocalListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  /** `enter` gets each connection. */
  constructor(enter: (socket: Socket) => void, connectionsMax: number) {
    this.#server = createServer((socket) => {
      this.hold(socket);
      enter(socket);
    });
    this.#server.maxConnections = connectionsMax;
  }

  /** Where it listens; 0 before {@link listen}. */
  get port(): number {
    return this.#port;
  }

  /** Opens the port. */
  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(0, "127.0.0.1", () => resolve());
    await promise;
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Ends the socket when it is silent for too long, and with {@link close}. */
  hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setTimeout(IDLE_MS_MAX, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }
}
