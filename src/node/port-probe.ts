import { createServer } from "node:net";
import { Fault } from "#faults/fault.ts";
import type { Config } from "./config-schema.ts";

/** A port of a configuration, and the flag that changes it. */
export interface WantedPort {
  readonly what: string;
  readonly port: number;
  readonly flag: string;
}

/** Every TCP port a configuration asks for. */
export function wantedPorts(config: Config): WantedPort[] {
  const { tls } = config;
  const ports = [
    { what: "HTTP", port: config.httpPort, flag: "--http-port" },
    { what: "RTMP", port: config.rtmpPort, flag: "--rtmp-port" },
  ];
  if (tls.cert === undefined || tls.key === undefined) return ports;
  return [
    ...ports,
    { what: "HTTPS", port: tls.httpsPort, flag: "--tls-https-port" },
    { what: "RTMPS", port: tls.rtmpsPort, flag: "--tls-rtmps-port" },
  ];
}

function faultOf(error: NodeJS.ErrnoException, host: string, { what, port, flag }: WantedPort): Fault {
  const details = { peer: `${host}:${port}`, cause: error };
  switch (error.code ?? "") {
    case "EADDRINUSE":
      return new Fault("PORT_IN_USE", `${what} port ${port} is in use by another program`, {
        ...details,
        hint: `Stop the other program or choose another port with ${flag}.`,
      });
    case "EACCES":
    case "EPERM":
      return new Fault("PORT_FORBIDDEN", `the system does not let us listen on ${what} port ${port}`, {
        ...details,
        hint: `Choose a port above 1023 with ${flag}, or allow this program to bind low ports.`,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new Fault("CONFIG_INVALID", `host = ${JSON.stringify(host)}: is not an address of this machine`, {
        ...details,
        hint: "Set it to 0.0.0.0 (everywhere), 127.0.0.1 (this machine only) or an address of this machine.",
      });
    default:
      return new Fault("PORT_FORBIDDEN", `${what} port ${port} cannot be opened: ${error.message}`, details);
  }
}

/** Opens the port for a moment. @throws Fault `PORT_IN_USE`, `PORT_FORBIDDEN`, `CONFIG_INVALID` (host). */
export function probePort(host: string, wanted: WantedPort): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => reject(faultOf(error, host, wanted)));
    server.listen({ host, port: wanted.port, exclusive: true }, () => server.close(() => resolve()));
  });
}

/** Whether every port can be had, before anything else is touched. @throws Fault as {@link probePort}, of the first that cannot. */
export async function probePorts(config: Config): Promise<void> {
  for (const wanted of wantedPorts(config)) await probePort(config.host, wanted);
}
