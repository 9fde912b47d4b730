import { Fault } from "#faults/fault.ts";

/** Lets so many at a time through, and the others in the order in which they came. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #waitingMax: number;
  #free: number;

  /** `atOnce` go through together, `waitingMax` may wait for them. */
  constructor(atOnce: number, waitingMax: number) {
    this.#free = atOnce;
    this.#waitingMax = waitingMax;
  }

  /** Does the work when its turn has come. @throws Fault `LIMIT_REACHED` when too many wait; the signal's reason when aborted before. */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  /** Waits for a place that somebody leaves, and takes it. */
  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax)
      throw new Fault("LIMIT_REACHED", `${this.#waitingMax} slates wait to be made`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
