/** What ingest allows; every value can be configured. */
export interface IngestLimits {
  /** Open connections in all, over all listeners. */
  readonly connectionsMax: number;
  /** Open connections from one address (one /64 for IPv6). */
  readonly connectionsPerAddressMax: number;
  /** Milliseconds for handshake, connect and publish together. */
  readonly publishWithinMs: number;
  /** Milliseconds a publishing connection may send no media. */
  readonly idleMs: number;
}

/** Used for whatever is not configured. */
export const INGEST_LIMITS_DEFAULT: IngestLimits = {
  connectionsMax: 4096,
  connectionsPerAddressMax: 512,
  publishWithinMs: 10_000,
  idleMs: 30_000,
};

/** An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`) as IPv4, without zone; others as they are. */
export function plainAddress(address: string): string {
  const zone = address.indexOf("%");
  const bare = zone < 0 ? address : address.slice(0, zone);
  return bare.startsWith("::ffff:") && bare.includes(".") ? bare.slice(7) : bare;
}

/** The first `groups` 16-bit groups of an IPv6 address, for counting by network. */
function ipv6Prefix(address: string, groups: number): string {
  const [head = "", tail] = address.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array.from({ length: zeros }, () => "0"), ...back].slice(0, groups).join(":");
}

/** The unit connections are counted by: the address for IPv4, its /64 for IPv6. */
export function connectionGroup(address: string): string {
  return address.includes(":") ? `${ipv6Prefix(address, 4)}::/64` : address;
}

/** The unit refused keys are counted by: /24 for IPv4, /48 for IPv6. */
export function refusalGroup(address: string): string {
  if (address.includes(":")) return `${ipv6Prefix(address, 3)}::/48`;
  const end = address.lastIndexOf(".");
  return end < 0 ? address : `${address.slice(0, end)}.0/24`;
}

/** Counts open connections in all and by address. */
export class ConnectionCount {
  readonly #limits: IngestLimits;
  readonly #byGroup = new Map<string, number>();
  #total = 0;

  constructor(limits: IngestLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Takes a place; says which limit is in the way where there is none. */
  enter(address: string): "entered" | "too-many" | "too-many-from-address" {
    if (this.#total >= this.#limits.connectionsMax) return "too-many";
    const group = connectionGroup(address);
    const count = this.#byGroup.get(group) ?? 0;
    if (count >= this.#limits.connectionsPerAddressMax) return "too-many-from-address";
    this.#byGroup.set(group, count + 1);
    this.#total++;
    return "entered";
  }

  /** Gives the place back. */
  leave(address: string): void {
    const group = connectionGroup(address);
    const count = (this.#byGroup.get(group) ?? 1) - 1;
    if (count <= 0) this.#byGroup.delete(group);
    else this.#byGroup.set(group, count);
    this.#total--;
  }
}
