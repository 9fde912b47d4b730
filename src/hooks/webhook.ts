import { AssertionFailed } from "#faults/fault.ts";
import type { EventFields, EventLevel, Observer } from "#observe/event.ts";
import type { Counter, Labels, Metrics } from "#observe/metrics.ts";
import { type HttpAnswer, postText } from "#runtime/http-client.ts";
import type { Clock } from "#time/clock.ts";
import type { HookSettings } from "./hook-settings.ts";
import { type HookProblem, type HookStatus, shownAddress } from "./hook-status.ts";
import type { Message } from "./message.ts";
import { secretBytes, signedHeaders } from "./signature.ts";

/** How often a hook that fails is told of, milliseconds. */
const TELL_EVERY_MS = 60_000;

/** What a hook shares with the rest of the node. */
export interface HookContext {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** From 0 up to 1, for delays. */
  readonly random: () => number;
}

/** One hook as an address that takes signed messages and sometimes fails. */
export class Webhook {
  readonly settings: HookSettings;
  /** Its place in the configuration: `hooks[0]`. */
  readonly name: string;
  readonly labels: Labels;
  readonly #host: string;
  readonly #secret: Uint8Array;
  readonly #context: HookContext;
  readonly #failures: Counter;
  #toldMs = Number.NEGATIVE_INFINITY;
  #untold = 0;
  /** It was told that it fails, and nothing since. */
  #isTold = false;
  #state: HookStatus["state"] = "idle";
  #lastDeliveryMs: number | undefined;
  #lastProblem: HookProblem | undefined;

  constructor(settings: HookSettings, position: number, context: HookContext) {
    const secret = secretBytes(settings.secret);
    if (secret === undefined) throw new AssertionFailed("a hook's secret passed the configuration and is none");
    this.settings = settings;
    this.name = `hooks[${position}]`;
    this.labels = { hook: this.name };
    this.#host = new URL(settings.url).host;
    this.#secret = secret;
    this.#context = context;
    const help = "Requests to hooks that failed, each attempt counted.";
    this.#failures = context.metrics.counter("grandstand_hooks_failed_total", help, this.labels);
  }

  /** Tells of this hook, without what is secret of it. */
  tell(level: EventLevel, name: string, fields: EventFields, message: string): void {
    this.#context.observer.event(level, name, { hook: this.name, host: this.#host, ...fields }, message);
  }

  /** One attempt. @throws HttpFailure, or the signal's reason. */
  post({ id, body }: Message, signal: AbortSignal): Promise<HttpAnswer> {
    const nowSeconds = Math.floor(this.#context.clock.wallMs() / 1000);
    const headers = signedHeaders({ secret: this.#secret, id, body, nowSeconds });
    return postText({ url: this.settings.url, headers, body, signal });
  }

  /** How it stands, but for what its queues know. */
  get status(): Omit<HookStatus, "waiting" | "delivered" | "dropped" | "allowed" | "refused"> {
    const { url, events, onFailure } = this.settings;
    return {
      name: this.name,
      url: shownAddress(url),
      events,
      onFailure,
      state: this.#state,
      failed: this.#failures.value,
      lastDeliveryMs: this.#lastDeliveryMs ?? null,
      lastProblem: this.#lastProblem ?? null,
    };
  }

  /** It wants no more messages. */
  gone(why: string, message: Message): void {
    this.#note(why, message);
    this.#state = "gone";
  }

  /** An attempt failed: counted, and told once a minute at most. */
  failed(why: string, message: Message): void {
    const { type, stream, id } = message;
    this.#note(why, message);
    this.#failures.add();
    this.#untold++;
    const nowMs = this.#context.clock.nowMs();
    if (nowMs - this.#toldMs < TELL_EVERY_MS) return;
    const failures = this.#untold;
    this.#toldMs = nowMs;
    this.#untold = 0;
    this.#isTold = true;
    this.tell("warn", "hook.failing", { stream, type, id, why, failures }, "a hook does not take what it is sent");
  }

  #note(why: string, { type, stream }: Message): void {
    if (this.#state !== "gone") this.#state = "failing";
    this.#lastProblem = { message: why, type, stream, atMs: this.#context.clock.wallMs() };
  }

  /** An attempt succeeded. */
  succeeded(): void {
    if (this.#state !== "gone") this.#state = "working";
    this.#lastDeliveryMs = this.#context.clock.wallMs();
    if (!this.#isTold) return;
    this.#isTold = false;
    this.tell("info", "hook.recovered", {}, "the hook takes messages again");
  }
}

/** Why an attempt failed, in words. */
export function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
