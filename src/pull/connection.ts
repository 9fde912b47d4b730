import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import { type AddressRule, reach } from "./reach.ts";

/** Whose word a pull takes for it that a server is the one it says it is. */
export interface Trust {
  /** Certificate authorities in PEM, in place of those that this machine knows. */
  readonly ca?: string | undefined;
  /** Any certificate will do. */
  readonly insecure: boolean;
}

/** How pulls leave this machine. */
export interface WayOut {
  readonly permits: AddressRule;
  readonly trust: Trust;
  readonly clock: Clock;
}

/** A server that is asked. */
export interface Destination {
  /** Name or address; one of IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Over TLS, with a certificate that is trusted and bears this name. */
  readonly secure: boolean;
}

/** Codes of errors that mean: the certificate is not trusted, or not for this name. */
const UNTRUSTED = /CERT|SELF_SIGNED|ISSUER|UNABLE_TO_|ALTNAME/;

function faultOf({ host, port }: Destination, cause: Error & { readonly code?: string }): Fault {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const code = cause.code ?? cause.message;
  if (!UNTRUSTED.test(code)) {
    return new Fault("PULL_FAILED", `${place} cannot be reached: ${cause.message}`, { peer: host, cause });
  }
  return new Fault("PULL_UNTRUSTED", `the certificate of ${place} is not one that is trusted for ${host} (${code})`, {
    peer: host,
    cause,
    hint: "Have its authority known to this machine (NODE_EXTRA_CA_CERTS names a file), or set pullInsecure: true in the configuration.",
  });
}

/**
 * Connects to a server at an address that was checked. `hold` gets the socket at once, and may end it.
 * @throws Fault `PULL_REFUSED`, `PULL_FAILED`, `PULL_UNTRUSTED`.
 */
export async function connectTo(
  destination: Destination,
  { permits, trust, clock }: WayOut,
  hold: (socket: Socket) => void,
): Promise<Socket> {
  const { host, port, secure } = destination;
  const address = await reach(host, permits, clock);
  const { ca, insecure } = trust;
  // A name is what a server chooses its certificate by; an address is none (RFC 6066 §3).
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = secure
    ? connectTls({ host: address, port, ...name, rejectUnauthorized: !insecure, ...(ca === undefined ? {} : { ca }) })
    : connectPlain({ host: address, port });
  hold(socket);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(secure ? "secureConnect" : "connect", () => resolve());
  socket.once("error", (error: Error) => reject(faultOf(destination, error)));
  socket.once("close", () => reject(faultOf(destination, new Error("the connection was closed"))));
  await promise;
  return socket;
}

/** Joins two sockets until one of them is closed. */
export function joined(a: Socket, b: Socket): void {
  a.pipe(b);
  b.pipe(a);
  a.once("close", () => b.destroy());
  b.once("close", () => a.destroy());
  if (a.destroyed) b.destroy();
  if (b.destroyed) a.end();
}
