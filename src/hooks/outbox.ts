/**
 * Messages that hooks have not taken yet, so that they outlive the process. What is put in or settled is written in the next turn of the event
 * loop, after the frames that brought it; a store that fails costs nothing but that, and is tried again until it works.
 *
 *   put ─▶ unwritten ─written─▶ row ─settled─▶ unremoved ─removed─▶ (nothing)
 *              └─settled─▶ (nothing)
 */
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Counter, Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import type { Message } from "./message.ts";
import type { MessageTable } from "./ports.ts";

/** Messages that are written, and that are removed, in one transaction: few enough that nobody notices how long it takes. */
const CHANGES_PER_TURN_MAX = 100;
/** How long a store that failed is left alone, milliseconds. */
const AGAIN_AFTER_MS = 5000;
/** One line a minute at most says that the store fails, milliseconds. */
const TELL_EVERY_MS = 60_000;
/** A wall clock that goes so many milliseconds apart from the monotonic one was set. */
const CLOCK_STEP_MS = 1000;

/** One message of one hook, until it is settled: taken, given up or dropped. */
export interface Pending {
  /** The hook's key. */
  readonly hook: string;
  readonly message: Message;
  /** Its row, once it is stored. */
  row: number | undefined;
}

/** What {@link Outbox} needs. */
export interface OutboxOptions {
  /** Without one, messages are in memory only. */
  readonly table: MessageTable | undefined;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}

/** Writes down what waits for hooks. Never throws. Holds what the queues hold, so their bounds are its own. */
export class Outbox {
  readonly #table: MessageTable | undefined;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #failures: Counter;
  readonly #stop = new AbortController();
  readonly #unwritten = new Set<Pending>();
  readonly #unremoved = new Set<number>();
  /** Wall clock minus monotonic clock, as the rows' times have it. */
  #offsetMs: number;
  #isWorking = false;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** It was told that the store fails, and nothing since. */
  #isTold = false;

  constructor({ table, clock, observer, metrics }: OutboxOptions) {
    this.#table = table;
    this.#clock = clock;
    this.#observer = observer;
    this.#offsetMs = clock.wallMs() - clock.nowMs();
    const help = "Messages to hooks that could not be written, removed or read, each attempt counted.";
    this.#failures = metrics.counter("grandstand_hooks_store_failures_total", help);
  }

  /** Takes a message in; it is written soon. */
  put(hook: string, message: Message): Pending {
    const pending: Pending = { hook, message, row: undefined };
    if (this.#table === undefined) return pending;
    this.#unwritten.add(pending);
    this.#wake();
    return pending;
  }

  /** Forgets a message. */
  settle(pending: Pending): void {
    this.#unwritten.delete(pending);
    if (pending.row !== undefined) this.discard(pending.row);
    pending.row = undefined;
  }

  /** Forgets a row that nobody can use. */
  discard(row: number): void {
    this.#unremoved.add(row);
    this.#wake();
  }

  /** Sees whether the wall clock was set since: called while messages wait. */
  heed(): void {
    if (this.#clockStepMs() !== 0) this.#wake();
  }

  /** Writes everything now; what the store does not take stays in memory. */
  flush(): void {
    while (this.#hasChanges() && this.#write());
  }

  /** Runs work on the table; `undefined` when there is none or it fails, which is told. */
  attempt<T>(work: (table: MessageTable) => T): T | undefined {
    if (this.#table === undefined) return undefined;
    try {
      const result = work(this.#table);
      this.#succeeded();
      return result;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** Writes what it can; afterwards it writes nothing more. */
  close(): void {
    this.flush();
    this.#stop.abort();
  }

  #hasChanges(): boolean {
    return this.#unwritten.size > 0 || this.#unremoved.size > 0;
  }

  /** How far the wall clock was set, milliseconds. */
  #clockStepMs(): number {
    const stepMs = this.#clock.wallMs() - this.#clock.nowMs() - this.#offsetMs;
    return Math.abs(stepMs) >= CLOCK_STEP_MS ? stepMs : 0;
  }

  #wake(): void {
    if (this.#isWorking || this.#table === undefined || this.#stop.signal.aborted) return;
    this.#isWorking = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop;
    do {
      await new Promise<void>((next) => setImmediate(next));
      if (signal.aborted) return;
      if (!this.#write()) await this.#clock.sleep(AGAIN_AFTER_MS, signal).catch(() => undefined);
    } while (this.#hasChanges() && !signal.aborted);
    this.#isWorking = false;
  }

  /** Writes some of what is to be written; `false`: the store failed. */
  #write(): boolean {
    if (this.#stop.signal.aborted) return false;
    const stepMs = this.#clockStepMs();
    const pendings = [...this.#unwritten.values().take(CHANGES_PER_TURN_MAX)];
    const removed = [...this.#unremoved.values().take(CHANGES_PER_TURN_MAX)];
    // What is settled before it was written says nothing about the store.
    if (stepMs === 0 && pendings.length === 0 && removed.length === 0) return true;
    const rows = this.attempt((table) => {
      if (stepMs !== 0) {
        table.shift(stepMs);
        this.#offsetMs += stepMs;
      }
      // Room is made before it is taken, and what was taken must not come again only because nothing fits in.
      if (removed.length > 0) table.change({ removed, added: [] });
      for (const row of removed) this.#unremoved.delete(row);
      if (pendings.length === 0) return [];
      return table.change({ removed: [], added: pendings.map((pending) => this.#stored(pending)) });
    });
    for (const [index, row] of (rows ?? []).entries()) {
      const pending = pendings[index];
      if (pending === undefined) continue;
      pending.row = row;
      this.#unwritten.delete(pending);
    }
    return rows !== undefined;
  }

  #stored({ hook, message }: Pending): { readonly hook: string; readonly happenedMs: number; readonly body: string } {
    return { hook, happenedMs: message.happenedMs + this.#offsetMs, body: message.body };
  }

  #failed(error: unknown): void {
    this.#failures.add();
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = nowMs;
    this.#isTold = true;
    const { code, hint } = error instanceof Fault ? error : { code: undefined, hint: undefined };
    const text = error instanceof Error ? error.message : String(error);
    const fields = { messages: this.#unwritten.size, code, hint };
    this.#observer.event("error", "hook.store.failed", fields, `${text}; messages to hooks wait in memory`);
  }

  #succeeded(): void {
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#observer.event("info", "hook.store.recovered", {}, "messages to hooks are stored again");
  }
}
