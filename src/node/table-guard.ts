import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";

/** One line a minute says that a table cannot be written, milliseconds. */
const TELL_EVERY_MS = 60_000;

/** What a guard tells with. */
export interface GuardSurroundings {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}

/** Goes on when a table of the store fails: a full disk costs what is known after a restart, not the live stream. */
export class TableGuard {
  readonly #around: GuardSurroundings;
  readonly #event: string;
  readonly #plural: string;
  readonly #failures: { add(): void };
  #toldMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  /** @param options.name As in events and metrics: `checkpoint`. @param options.plural What it keeps, as people call it: `checkpoints`. */
  constructor(options: GuardSurroundings & { readonly name: string; readonly plural: string }) {
    const { name, plural, metrics } = options;
    this.#around = options;
    this.#event = `store.${name}`;
    this.#plural = plural;
    const sentence = `${plural.slice(0, 1).toUpperCase()}${plural.slice(1)} that could not be written or read.`;
    this.#failures = metrics.counter(`grandstand_${name}_failures_total`, sentence);
  }

  /** Does `work` and gives its result, or `undefined` where the store fails. `fields`: what it is about. */
  run<T>(fields: { readonly stream?: string }, work: () => T): T | undefined {
    try {
      const result = work();
      const text = `${this.#plural} are written again`;
      if (this.#isFailing) this.#around.observer.event("info", `${this.#event}.recovered`, fields, text);
      this.#isFailing = false;
      return result;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#tell(error, fields);
      return undefined;
    }
  }

  #tell(fault: Fault, fields: { readonly stream?: string }): void {
    this.#failures.add();
    const { clock, observer } = this.#around;
    const nowMs = clock.nowMs();
    if (!this.#isFailing || nowMs - this.#toldMs >= TELL_EVERY_MS) {
      this.#toldMs = nowMs;
      const told = { ...fields, code: fault.code, hint: fault.hint };
      observer.event("error", `${this.#event}.failed`, told, `${fault.message}; the stream goes on`);
    }
    this.#isFailing = true;
  }
}
