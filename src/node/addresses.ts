import { networkInterfaces } from "node:os";

/** Addresses of this machine's networks that are worth telling people. More would hide the rest of the banner. */
const TOLD_ADDRESSES_MAX = 2;

function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter((one) => one.family === "IPv4" && !one.internal).map((one) => one.address);
}

/** Host names under which a server that listens on `host` is reached, best first. */
export function reachableHosts(host: string): string[] {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  if (!isEverywhere) return [host.includes(":") ? `[${host}]` : host];
  return ["localhost", ...lanAddresses().slice(0, TOLD_ADDRESSES_MAX)];
}

/** The address at which this machine itself reaches a server that listens on `host`. */
export function loopbackHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
