import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";

/** How long a name may take to be resolved, milliseconds. */
const RESOLVE_MS_MAX = 5000;

/** Says whether a pull may connect to an IP address. */
export type AddressRule = (address: string) => boolean;

async function addressesOf(host: string, clock: Clock): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const late = new AbortController();
  const deadline = clock.sleep(RESOLVE_MS_MAX, late.signal).then(() => {
    throw new Error(`no answer within ${RESOLVE_MS_MAX} ms`);
  });
  deadline.catch(() => undefined);
  try {
    const found = await Promise.race([lookup(host, { all: true }), deadline]);
    return found.map(({ address }) => address);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("PULL_FAILED", `the name ${host} cannot be resolved: ${text}`, {
      peer: host,
      cause,
      hint: "Check the source's host name and this machine's DNS.",
    });
  } finally {
    late.abort();
  }
}

/**
 * Resolves a host once and gives the address to connect to, so that a name cannot change its mind between the check and the connection. All its
 * addresses must be allowed.
 * @throws Fault `PULL_REFUSED` naming the address, `PULL_FAILED` when the name has none.
 */
export async function reach(host: string, permits: AddressRule, clock: Clock): Promise<string> {
  const addresses = await addressesOf(host, clock);
  const refused = addresses.find((address) => !permits(address));
  if (refused !== undefined) {
    const named = refused === host ? refused : `${host} (${refused})`;
    throw new Fault("PULL_REFUSED", `${named} is inside this network, and pulls may not go there`, {
      peer: host,
      hint: "Set pullPrivate: true in the configuration if sources inside this network are wanted.",
    });
  }
  const [first] = addresses;
  if (first === undefined) throw new Fault("PULL_FAILED", `the name ${host} has no address`, { peer: host });
  return first;
}
