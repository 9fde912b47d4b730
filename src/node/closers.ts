import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";

interface Closer {
  readonly name: string;
  readonly close: (deadlineMs: number) => void | Promise<void>;
}

/** What was started, to be closed in the inverse order. Each gets what is left of the deadline; one that fails or hangs does not keep the others. */
export class Closers {
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #closers: Closer[] = [];

  constructor(options: { readonly clock: Clock; readonly observer: Observer }) {
    this.#clock = options.clock;
    this.#observer = options.observer;
  }

  /** `close` gets the milliseconds it may take. */
  add(name: string, close: (deadlineMs: number) => void | Promise<void>): void {
    this.#closers.push({ name, close });
  }

  /** Closes everything within about `deadlineMs`. Never rejects. */
  async closeAll(deadlineMs: number): Promise<void> {
    const endMs = this.#clock.nowMs() + deadlineMs;
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      const leftMs = Math.max(0, endMs - this.#clock.nowMs());
      try {
        await this.#within(leftMs + GRACE_MS, Promise.resolve(closer.close(leftMs)));
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#observer.event("warn", "node.close.failed", { part: closer.name, error: text });
      }
    }
  }

  async #within(ms: number, work: Promise<void>): Promise<void> {
    const stop = new AbortController();
    const late = this.#clock.sleep(ms, stop.signal).then(
      () => {
        throw new Error(`not closed after ${Math.round(ms)} ms`);
      },
      () => undefined,
    );
    try {
      await Promise.race([work, late]);
    } finally {
      stop.abort();
    }
  }
}

/** What a part may take beyond its deadline to cut what is left, milliseconds. */
const GRACE_MS = 1000;
