/** Wrong tokens one address may show in a row before it has to wait. */
export const ATTEMPTS_IN_A_ROW_MAX = 8;
/** Addresses whose wrong tokens are remembered; the oldest is forgotten for a new one. About 100 bytes each. */
export const ATTEMPT_ADDRESSES_MAX = 10_000;
/** One more attempt is allowed after this long, milliseconds. */
const ATTEMPT_EVERY_MS = 5_000;

interface Allowance {
  left: number;
  atMs: number;
}

/**
 * Slows down guessing: a token bucket per address that only wrong tokens empty. Someone who knows the token never notices it, unless the
 * same address guesses at that moment.
 */
export class AttemptLimit {
  readonly #byAddress = new Map<string, Allowance>();

  #refilled(address: string, nowMs: number): Allowance {
    const known = this.#byAddress.get(address);
    if (known === undefined) return { left: ATTEMPTS_IN_A_ROW_MAX, atMs: nowMs };
    const earned = Math.floor((nowMs - known.atMs) / ATTEMPT_EVERY_MS);
    const left = Math.min(ATTEMPTS_IN_A_ROW_MAX, known.left + earned);
    return { left, atMs: known.atMs + earned * ATTEMPT_EVERY_MS };
  }

  /** Seconds this address has to wait before it may try again; 0 when it may. `nowMs` is monotonic. */
  waitSeconds(address: string, nowMs: number): number {
    const { left, atMs } = this.#refilled(address, nowMs);
    return left > 0 ? 0 : Math.max(1, Math.ceil((atMs + ATTEMPT_EVERY_MS - nowMs) / 1000));
  }

  /** Counts a wrong token. */
  wrong(address: string, nowMs: number): void {
    const allowance = this.#refilled(address, nowMs);
    this.#byAddress.delete(address);
    if (this.#byAddress.size >= ATTEMPT_ADDRESSES_MAX) {
      const oldest = this.#byAddress.keys().next().value;
      if (oldest !== undefined) this.#byAddress.delete(oldest);
    }
    this.#byAddress.set(address, { left: Math.max(0, allowance.left - 1), atMs: allowance.atMs });
  }
}
