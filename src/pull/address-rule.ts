/**
 * Which addresses a pull may reach: those of the public Internet, unless the operator allows the others too. Everything that leads back into
 * the operator's own network is refused: loopback, RFC 1918, carrier-grade NAT, link-local with the metadata service of clouds, unique local,
 * and IPv6 addresses that carry any of these inside.
 */

/** Networks of IPv4 that are not the public Internet (IANA IPv4 Special-Purpose Address Registry): first address and prefix length. */
const PRIVATE_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

function parseV4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** Eight groups of 16 bits (RFC 4291 §2.2). */
function parseV6(text: string): number[] | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const tail = dotted?.[2] === undefined ? undefined : parseV4(dotted[2]);
  if (dotted !== null && tail === undefined) return undefined;
  const hex =
    tail === undefined
      ? text
      : `${dotted?.[1]}${Math.floor(tail / 65_536).toString(16)}:${(tail % 65_536).toString(16)}`;
  const halves = hex.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...rest];
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

const PRIVATE_RANGES: readonly (readonly [number, number])[] = PRIVATE_V4.map(([first, bits]) => {
  const start = parseV4(first) ?? 0;
  return [start, start + 2 ** (32 - bits) - 1];
});

function isPublicV4(address: number): boolean {
  return !PRIVATE_RANGES.some(([first, last]) => address >= first && address <= last);
}

function isPublicV6(groups: readonly number[]): boolean {
  const [a = 0, b = 0] = groups;
  // NAT64 (RFC 6052): the IPv4 address within decides.
  if (a === 0x64 && b === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) {
    return isPublicV4((groups[6] ?? 0) * 65_536 + (groups[7] ?? 0));
  }
  // Global unicast only; mapped, local and multicast addresses lie outside (RFC 4291 §2.4).
  if (a < 0x2000 || a > 0x3fff) return false;
  // Teredo and other protocol assignments, documentation, 6to4.
  if (a === 0x2001 && (b < 0x200 || b === 0xdb8)) return false;
  return a !== 0x2002 && !(a === 0x3fff && b < 0x1000);
}

/** Whether an IP address belongs to the public Internet; false for what is no address and for addresses with a zone. */
export function isPublicAddress(address: string): boolean {
  const v4 = parseV4(address);
  if (v4 !== undefined) return isPublicV4(v4);
  const v6 = parseV6(address);
  return v6 !== undefined && isPublicV6(v6);
}
