/**
 * The way out for demuxers that speak RTMP or RTSP over TLS: they speak it in plain to a port of loopback, and this process speaks TLS with the
 * server, whose address and certificate it checks. The libraries' own TLS does neither.
 */
import type { Socket } from "node:net";
import { Fault } from "#faults/fault.ts";
import { connectTo, type Destination, joined, type WayOut } from "./connection.ts";
import { LocalListener } from "./local-listener.ts";

/** Connections of one source at the same time. */
const RELAY_CONNECTIONS_MAX = 4;

/** A running relay. */
export interface TlsRelay {
  /** Of 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/** Opens a relay to one server. `refused` is called with each refusal and failure to connect. */
export async function startTlsRelay(
  destination: Destination,
  way: WayOut,
  refused: (fault: Fault) => void,
): Promise<TlsRelay> {
  const enter = async (socket: Socket): Promise<void> => {
    socket.pause();
    try {
      const server = await connectTo(destination, way, (outer) => {
        listener.hold(outer);
        socket.once("close", () => outer.destroy());
      });
      joined(socket, server);
    } catch (error) {
      if (socket.destroyed) return;
      refused(error instanceof Fault ? error : new Fault("PULL_FAILED", `${destination.host}: ${String(error)}`));
      socket.destroy();
    }
  };
  const listener = new LocalListener((socket) => void enter(socket), RELAY_CONNECTIONS_MAX);
  await listener.listen();
  return listener;
}
