/**
 * Messages to one hook. Each stream has a lane of its own, in which one message at a time is posted until it is taken or given up, so that the
 * order of a stream is kept and no stream waits for another's:
 *
 *   push ─▶ lane of its stream ─▶ attempt ─2xx─▶ delivered
 *                                  ▲   └─410──▶ the hook is switched off
 *                                  └─wait─┘ anything else; an hour after the event ─▶ given up
 *
 * When the server stops, a lane ends at the first message that is not taken at once: it and those behind it stay in the outbox for the next start.
 */
import type { Counter } from "#observe/metrics.ts";
import type { HttpAnswer } from "#runtime/http-client.ts";
import { withinTime } from "./deadline.ts";
import type { Message } from "./message.ts";
import type { Outbox, Pending } from "./outbox.ts";
import { retryDelayMs } from "./retry-schedule.ts";
import { Slots } from "./slots.ts";
import { type HookContext, type Webhook, whyOf } from "./webhook.ts";

/** Messages of one stream that wait for one hook. Full: the oldest that waits is dropped, which is told once until the lane is empty. */
export const LANE_MESSAGES_MAX = 100;
/** Messages of all streams that wait for one hook, about 10 MB. Full: the oldest of the lane that has waited longest is dropped. */
export const HOOK_MESSAGES_MAX = 10_000;
/** Messages that are on their way to one hook at the same time. */
export const DELIVERIES_IN_FLIGHT_MAX = 8;

/** One stream's messages in the order of their events. */
interface Lane {
  readonly stream: string;
  readonly waiting: Pending[];
  /** Dropped since the lane was empty. */
  dropped: number;
}

/** The status with which a hook says that it is gone for good (RFC 9110 §15.5.11). */
const GONE = 410;

/** What became of a message. `late`: the server stops, and it was not taken in its last attempt. */
type End = "taken" | "dropped" | "late";

/** The lanes of one hook. */
export class Deliveries {
  readonly #hook: Webhook;
  readonly #key: string;
  readonly #outbox: Outbox;
  readonly #context: HookContext;
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Set<Promise<void>>();
  readonly #slots = new Slots(DELIVERIES_IN_FLIGHT_MAX);
  /** Aborts when nobody may wait any more: the server stops, or the hook is switched off. */
  readonly #hurry = new AbortController();
  /** Aborts when everything ends. */
  readonly #cut = new AbortController();
  readonly #delivered: Counter;
  readonly #dropped: Counter;
  readonly #removeGauge: () => void;
  #pending = 0;
  #isOff = false;
  /** Not taken when the server stopped, and not stored. */
  #abandoned = 0;
  readonly #restored = { inTime: 0, late: 0 };

  /** `key` is the hook's in the outbox. */
  constructor(hook: Webhook, key: string, outbox: Outbox, context: HookContext) {
    const { metrics } = context;
    const { labels } = hook;
    this.#hook = hook;
    this.#key = key;
    this.#outbox = outbox;
    this.#context = context;
    this.#delivered = metrics.counter("grandstand_hooks_delivered_total", "Messages that hooks took.", labels);
    this.#dropped = metrics.counter("grandstand_hooks_dropped_total", "Messages given up or dropped.", labels);
    const help = "Messages that wait for a hook or are on their way.";
    this.#removeGauge = metrics.gauge("grandstand_hooks_pending", help, () => this.#pending, labels);
  }

  /** Messages that wait or are on their way, that were taken, and that were given up or dropped. */
  get figures(): { readonly waiting: number; readonly delivered: number; readonly dropped: number } {
    return { waiting: this.#pending, delivered: this.#delivered.value, dropped: this.#dropped.value };
  }

  /** Puts a message into the lane of its stream. */
  push(message: Message): void {
    if (!this.#hurry.signal.aborted) this.#enqueue(this.#outbox.put(this.#key, message));
  }

  /** Puts a message of before this start into the lane of its stream, or gives it up where its hour is over. Before any {@link push}. */
  restore(pending: Pending, isInTime: boolean): void {
    if (isInTime) {
      this.#restored.inTime++;
      this.#enqueue(pending);
      return;
    }
    this.#restored.late++;
    this.#dropped.add();
    this.#outbox.settle(pending);
  }

  /** Tells what was restored. */
  tellRestored(): void {
    const { inTime, late } = this.#restored;
    const text = "messages that a hook had not taken before this start are sent";
    if (inTime > 0) this.#hook.tell("info", "hook.restored", { messages: inTime }, text);
    const lateText = "messages to a hook were given up: their hour was over before this start";
    if (late > 0) this.#hook.tell("warn", "hook.given-up", { messages: late }, lateText);
  }

  /** Sends what waits once more and without waiting, for at most `graceMs`; then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.#hurry.abort();
    const over = new AbortController();
    const emptied = Promise.all(this.#running);
    await Promise.race([emptied, this.#context.clock.sleep(graceMs, over.signal).catch(() => undefined)]);
    over.abort();
    this.#cut.abort(new Error("the server stops"));
    await emptied;
    this.#removeGauge();
  }

  /** Tells what was left when it closed: what is stored of it is kept. */
  tellLeft(): void {
    const left = [...this.#lanes.values()].flatMap(({ waiting }) => waiting);
    const kept = left.filter(({ row }) => row !== undefined).length;
    const lost = this.#abandoned + left.length - kept;
    const keptText = "messages that a hook has not taken are kept for the next start";
    if (kept > 0) this.#hook.tell("info", "hook.kept", { messages: kept }, keptText);
    if (lost > 0)
      this.#hook.tell("warn", "hook.abandoned", { messages: lost }, "messages to a hook were not delivered");
  }

  #enqueue(pending: Pending): void {
    const { stream } = pending.message;
    this.#pending++;
    const known = this.#lanes.get(stream);
    const lane = known ?? { stream, waiting: [], dropped: 0 };
    lane.waiting.push(pending);
    if (known === undefined) this.#start(lane);
    if (lane.waiting.length > LANE_MESSAGES_MAX) this.#overflow(lane);
    else if (this.#pending > HOOK_MESSAGES_MAX) {
      const longest = this.#lanes.values().find(({ waiting }) => waiting.length > 0);
      if (longest !== undefined) this.#overflow(longest);
    }
  }

  #start(lane: Lane): void {
    this.#lanes.set(lane.stream, lane);
    const run = this.#run(lane).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #run(lane: Lane): Promise<void> {
    for (let pending = lane.waiting.shift(); pending !== undefined; pending = lane.waiting.shift()) {
      const end = await this.#deliver(pending.message);
      if (end === "late" && pending.row !== undefined) {
        lane.waiting.unshift(pending);
        return;
      }
      if (end === "late") this.#abandoned++;
      if (end !== "taken") this.#dropped.add();
      this.#outbox.settle(pending);
      this.#pending--;
    }
    this.#lanes.delete(lane.stream);
  }

  /** Tries until the message is taken, or not to be sent any more. */
  async #deliver(message: Message): Promise<End> {
    const { clock, random } = this.#context;
    for (let attempts = 1; !this.#isOff && !this.#cut.signal.aborted; attempts++) {
      const outcome = await this.#attempt(message);
      if (outcome === "taken") return "taken";
      if (this.#hurry.signal.aborted) break;
      this.#outbox.heed();
      const ageMs = clock.nowMs() - message.happenedMs;
      const delayMs = retryDelayMs({ attempts, ageMs, random: random(), ...outcome });
      if (delayMs === undefined) {
        const { stream, type, id } = message;
        this.#hook.tell("warn", "hook.given-up", { stream, type, id, attempts }, "a message to a hook was given up");
        return "dropped";
      }
      // Woken early when the server stops: then there is one more attempt.
      await clock.sleep(delayMs, this.#hurry.signal).catch(() => undefined);
    }
    return this.#isOff ? "dropped" : "late";
  }

  async #attempt(message: Message): Promise<"taken" | { readonly retryAfterMs: number | undefined }> {
    const again = { retryAfterMs: undefined };
    let release: (() => void) | undefined;
    try {
      release = await this.#slots.take(this.#cut.signal);
      if (this.#isOff) return again;
      const { status, retryAfterSeconds } = await this.#post(message);
      if (status >= 200 && status <= 299) {
        this.#delivered.add();
        this.#hook.succeeded();
        return "taken";
      }
      if (status === GONE) this.#switchOff(message);
      else this.#hook.failed(`answered ${status}`, message);
      return retryAfterSeconds === undefined ? again : { retryAfterMs: retryAfterSeconds * 1000 };
    } catch (error) {
      if (!this.#cut.signal.aborted) this.#hook.failed(whyOf(error), message);
      return again;
    } finally {
      release?.();
    }
  }

  #post(message: Message): Promise<HttpAnswer> {
    const options = { clock: this.#context.clock, ms: this.#hook.settings.timeoutMs, outer: this.#cut.signal };
    return withinTime(options, (signal) => this.#hook.post(message, signal));
  }

  #switchOff(message: Message): void {
    if (this.#isOff) return;
    this.#isOff = true;
    this.#hook.gone(`answered ${GONE}`, message);
    this.#hurry.abort();
    const hint = "Remove it from the configuration, or mend it and restart.";
    this.#hook.tell(
      "error",
      "hook.gone",
      { status: GONE, hint },
      "a hook said that it is gone: it is told nothing more",
    );
  }

  /** Drops the oldest message that waits in a lane. */
  #overflow(lane: Lane): void {
    const oldest = lane.waiting.shift();
    if (oldest === undefined) return;
    this.#outbox.settle(oldest);
    this.#pending--;
    this.#dropped.add();
    lane.dropped++;
    if (lane.dropped > 1) return;
    const { stream } = lane;
    const text = "too many messages wait for a hook: the oldest are dropped";
    this.#hook.tell("warn", "hook.queue.full", { stream, messagesMax: LANE_MESSAGES_MAX }, text);
  }
}
