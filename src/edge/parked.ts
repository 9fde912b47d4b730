import type { Prepared } from "./prepared.ts";

/** How one crowd of waiting requests is answered: all with the same prepared body, or each with a response of its own. */
export type Verdict = { readonly prepared: Prepared } | { readonly each: () => Response };

/** A request that waits. */
interface Waiter {
  readonly resolve: (response: Response) => void;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
}

/** Wall time of a `Date` header, for requests that want the headers only; `undefined` for those that want the body. */
type HeadAt = (() => number) | undefined;

/** Everybody who waits for the same answer. */
interface Crowd {
  /** The verdict, once there is one; `undefined` while they must wait. Asked after each change of the window. */
  readonly attempt: () => Verdict | undefined;
  /** The verdict for those whose time is up. */
  readonly expired: () => Response;
  /** Hears what a waiter was answered, for the counters. */
  readonly told: (status: number, sizeBytes: number) => void;
  readonly headAt: HeadAt;
  /** Oldest first. */
  readonly waiters: Set<Waiter>;
}

/** Requests parked in all broadcasts of the process together. */
export interface ParkedTally {
  count: number;
}

/** What {@link Parked.park} needs beside the request's key. */
export interface Wait {
  /** Monotonic time at which the wait is over. */
  readonly deadlineMs: number;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  readonly attempt: () => Verdict | undefined;
  readonly expired: () => Response;
  readonly told: (status: number, sizeBytes: number) => void;
  /** The crowd wants no bodies: gives the wall time for their `Date` header. */
  readonly headAt?: () => number;
}

/**
 * Requests of one broadcast that wait for media that is not there yet. Equal requests form a crowd: one attempt, one body, one clone each. A
 * waiter costs a promise and a listener; a client that goes away leaves at once.
 */
export class Parked {
  readonly #crowds = new Map<string, Crowd>();
  readonly #tally: ParkedTally;
  #count = 0;

  constructor(tally: ParkedTally) {
    this.#tally = tally;
  }

  /** Requests waiting now. */
  get count(): number {
    return this.#count;
  }

  /** Holds a request until its crowd has a verdict. The first of a crowd brings the attempt for all. */
  park(key: string, wait: Wait): Promise<Response> {
    let crowd = this.#crowds.get(key);
    if (crowd === undefined) {
      crowd = {
        attempt: wait.attempt,
        expired: wait.expired,
        told: wait.told,
        headAt: wait.headAt,
        waiters: new Set(),
      };
      this.#crowds.set(key, crowd);
    }
    const { promise, resolve } = Promise.withResolvers<Response>();
    const waiter: Waiter = {
      resolve,
      deadlineMs: wait.deadlineMs,
      signal: wait.signal,
      onAbort: () => this.#leave(key, waiter),
    };
    crowd.waiters.add(waiter);
    this.#count++;
    this.#tally.count++;
    wait.signal.addEventListener("abort", waiter.onAbort, { once: true });
    return promise;
  }

  #leave(key: string, waiter: Waiter): void {
    const crowd = this.#crowds.get(key);
    if (crowd?.waiters.delete(waiter) !== true) return;
    this.#count--;
    this.#tally.count--;
    if (crowd.waiters.size === 0) this.#crowds.delete(key);
    // Nobody reads it any more, but the runtime waits for an answer to every request.
    waiter.resolve(new Response(null, { status: 499 }));
  }

  /** Answers every crowd that has a verdict now. Returns how many requests were answered. */
  settle(): number {
    let answered = 0;
    for (const [key, crowd] of this.#crowds) {
      const verdict = crowd.attempt();
      if (verdict === undefined) continue;
      this.#crowds.delete(key);
      answered += this.#answer(crowd, verdict);
    }
    return answered;
  }

  /** Answers those whose time is up. */
  expire(nowMs: number): void {
    for (const [key, crowd] of this.#crowds) {
      for (const waiter of crowd.waiters) {
        if (waiter.deadlineMs > nowMs) break;
        crowd.waiters.delete(waiter);
        this.#finish(crowd, waiter, crowd.expired(), 0);
      }
      if (crowd.waiters.size === 0) this.#crowds.delete(key);
    }
  }

  /** Refuses everybody, for a broadcast that is gone or a server that closes. */
  refuseAll(refuse: () => Response): void {
    for (const crowd of this.#crowds.values()) this.#answer(crowd, { each: refuse });
    this.#crowds.clear();
  }

  #answer(crowd: Crowd, verdict: Verdict): number {
    const count = crowd.waiters.size;
    for (const waiter of crowd.waiters) {
      if ("each" in verdict) this.#finish(crowd, waiter, verdict.each(), 0);
      else {
        const { prepared } = verdict;
        if (crowd.headAt !== undefined) {
          this.#finish(crowd, waiter, prepared.head(crowd.headAt()), 0);
          continue;
        }
        this.#finish(crowd, waiter, count > 1 ? prepared.shared() : prepared.response(), prepared.sizeBytes);
      }
    }
    return count;
  }

  #finish(crowd: Crowd, waiter: Waiter, response: Response, sizeBytes: number): void {
    waiter.signal.removeEventListener("abort", waiter.onAbort);
    this.#count--;
    this.#tally.count--;
    crowd.told(response.status, sizeBytes);
    waiter.resolve(response);
  }
}
