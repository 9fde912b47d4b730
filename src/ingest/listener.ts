import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer, TLSSocket } from "node:tls";
import { Fault } from "#faults/fault.ts";

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

/** A certificate chain and its private key, both PEM text. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** A TLS handshake must be over so soon, in milliseconds. */
const TLS_HANDSHAKE_MS = 5000;
const BACKLOG_CONNECTIONS = 4096;

/** An open port. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** New connections use this from now on. @throws Fault `TLS_UNUSABLE`; the old one then stays. */
  replaceIdentity(identity: TlsIdentity): void;
  /** Stops listening; open connections stay. */
  close(): Promise<void>;
}

/** Who takes what a port gives. */
export interface SocketTaker {
  /** A connection, before its TLS handshake where there is one. */
  socket(socket: Socket): void;
  /** The TLS handshake with this address failed; its socket closes by itself. */
  tlsFailed(address: string): void;
}

/**
 * Opens a port; with `identity` it speaks TLS.
 * @throws Fault `PORT_IN_USE`, `PORT_FORBIDDEN`, `TLS_UNUSABLE`.
 */
export async function listen(address: ListenAddress, taker: SocketTaker, identity?: TlsIdentity): Promise<Listener> {
  const server = identity === undefined ? createPlainServer() : tlsServer(identity);
  const entered = new WeakSet<Socket>();
  const enter = (socket: Socket): void => {
    if (entered.has(socket)) return;
    entered.add(socket);
    socket.setNoDelay(true);
    taker.socket(socket);
  };
  // Bun gives the TLS socket here, before its handshake, so that limits and deadlines hold for half-open ones too; Node gives the plain one below it.
  server.on("connection", (socket: Socket) => {
    if (identity === undefined || socket instanceof TLSSocket) enter(socket);
  });
  if (identity !== undefined) {
    server.on("secureConnection", enter);
    server.on("tlsClientError", (_error: Error, socket: Socket) => {
      taker.tlsFailed(socket.remoteAddress ?? "unknown");
      socket.destroy();
    });
  }
  await opened(server, address);
  const port = (server.address() as AddressInfo).port;
  return {
    host: address.host,
    port,
    replaceIdentity: (next) => replace(server, next),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function opened(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { code?: string }) => reject(listenFault(error, host, port)));
    server.listen({ host, port, backlog: BACKLOG_CONNECTIONS }, () => resolve());
  });
}

function listenFault(error: Error & { code?: string }, host: string, port: number): Fault {
  if (error.code === "EADDRINUSE") {
    return new Fault("PORT_IN_USE", `port ${port} on ${host} is in use`, {
      at: port,
      hint: "Stop the other program or choose another port in the configuration.",
      cause: error,
    });
  }
  return new Fault("PORT_FORBIDDEN", `cannot listen on port ${port} of ${host} (${error.code ?? error.message})`, {
    at: port,
    hint: "Choose a port above 1023 and an address of this machine.",
    cause: error,
  });
}

function tlsServer(identity: TlsIdentity): TlsServer {
  try {
    return createTlsServer({ ...identity, handshakeTimeout: TLS_HANDSHAKE_MS });
  } catch (error) {
    throw tlsFault(error);
  }
}

function replace(server: Server, identity: TlsIdentity): void {
  if (!("setSecureContext" in server)) return;
  try {
    (server as TlsServer).setSecureContext({ ...identity });
  } catch (error) {
    throw tlsFault(error);
  }
}

function tlsFault(error: unknown): Fault {
  return new Fault(
    "TLS_UNUSABLE",
    `the certificate or key cannot be used (${error instanceof Error ? error.message : String(error)})`,
    {
      hint: "Give a PEM certificate chain and the PEM private key that belongs to it.",
      cause: error,
    },
  );
}
