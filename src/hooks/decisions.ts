import { Fault } from "#faults/fault.ts";
import type { PublishRequestedEvent } from "#link/stream-event.ts";
import type { Counter } from "#observe/metrics.ts";
import { HttpFailure } from "#runtime/http-client.ts";
import { withinTime } from "./deadline.ts";
import type { Message } from "./message.ts";
import { Slots } from "./slots.ts";
import { type Verdict, verdictOf } from "./verdict.ts";
import { type HookContext, type Webhook, whyOf } from "./webhook.ts";

/** Questions that one hook is asked at the same time; further ones wait in line, within their own deadline. */
export const QUESTIONS_IN_FLIGHT_MAX = 20;
/** Questions about one stream that are open at the same time, so that one stream's encoders cannot hold up the others'. More is refused. */
export const QUESTIONS_PER_STREAM_MAX = 4;
/** Questions that are open at one hook, waiting ones included. More is a failure of the hook. */
export const QUESTIONS_MAX = 2000;
/** A connection that fails is tried once more after so many milliseconds: it may have been an idle one that was just closed. */
const AGAIN_AFTER_MS = 250;

/** Asks one hook whether encoders may publish. Every question has a deadline of its own and none waits for another's answer. */
export class Decisions {
  readonly #hook: Webhook;
  readonly #context: HookContext;
  readonly #slots = new Slots(QUESTIONS_IN_FLIGHT_MAX);
  readonly #openByStream = new Map<string, number>();
  readonly #cut = new AbortController();
  readonly #refused: Counter;
  readonly #allowed: Counter;
  #open = 0;

  constructor(hook: Webhook, context: HookContext) {
    const { metrics } = context;
    this.#hook = hook;
    this.#context = context;
    const help = "Publications that a hook refused, or that were refused because it gave no usable answer.";
    this.#refused = metrics.counter("grandstand_hooks_refused_total", help, hook.labels);
    const words = "Publications that a hook allowed, or that were allowed because it gave no usable answer.";
    this.#allowed = metrics.counter("grandstand_hooks_allowed_total", words, hook.labels);
  }

  /** Publications decided. */
  get figures(): { readonly allowed: number; readonly refused: number } {
    return { allowed: this.#allowed.value, refused: this.#refused.value };
  }

  /** Resolves when the hook allows it. @throws Fault `PUBLISH_REFUSED`, `HOOK_FAILED`, `LIMIT_REACHED`. */
  async ask(request: PublishRequestedEvent, message: Message): Promise<void> {
    const { stream, address: peer } = request;
    const ofStream = this.#openByStream.get(stream) ?? 0;
    if (ofStream >= QUESTIONS_PER_STREAM_MAX) {
      throw new Fault("LIMIT_REACHED", `${ofStream} encoders wait for the hook that decides about ${stream}`, {
        peer,
        hint: "Try again when they are answered.",
      });
    }
    this.#openByStream.set(stream, ofStream + 1);
    this.#open++;
    try {
      const verdict = this.#open > QUESTIONS_MAX ? OVERLOADED : await this.#verdict(message);
      this.#follow(verdict, { stream, peer }, message);
    } finally {
      this.#open--;
      const left = (this.#openByStream.get(stream) ?? 1) - 1;
      if (left > 0) this.#openByStream.set(stream, left);
      else this.#openByStream.delete(stream);
    }
  }

  /** Ends the open questions; they count as failed. */
  close(): void {
    this.#cut.abort(new Error("the server stops"));
  }

  #follow(verdict: Verdict, { stream, peer }: { stream: string; peer: string }, message: Message): void {
    if (verdict.kind !== "unusable") this.#hook.succeeded();
    if (verdict.kind === "refuse") {
      this.#refused.add();
      throw new Fault("PUBLISH_REFUSED", `a hook refused the publication of ${stream}: ${verdict.reason}`, { peer });
    }
    if (verdict.kind === "unusable") {
      const { name, settings } = this.#hook;
      const { why } = verdict;
      this.#hook.failed(why, message);
      if (settings.onFailure === "refuse") {
        this.#refused.add();
        throw new Fault(
          "HOOK_FAILED",
          `the publication of ${stream} was refused: ${name}, which decides, failed (${why})`,
          {
            peer,
            hint: "Mend the hook and try again.",
          },
        );
      }
      this.#hook.tell("warn", "hook.passed-over", { stream, address: peer, why }, "allowed without the hook's answer");
    }
    this.#allowed.add();
  }

  /** Asks within the hook's time. Never rejects. */
  async #verdict(message: Message): Promise<Verdict> {
    const options = { clock: this.#context.clock, ms: this.#hook.settings.timeoutMs, outer: this.#cut.signal };
    try {
      return await withinTime(options, (signal) => this.#asked(message, signal));
    } catch (error) {
      return { kind: "unusable", why: whyOf(error) };
    }
  }

  /** Asks, and once more where the connection failed. */
  async #asked(message: Message, signal: AbortSignal): Promise<Verdict> {
    const release = await this.#slots.take(signal);
    try {
      return verdictOf(await this.#hook.post(message, signal));
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      await this.#context.clock.sleep(AGAIN_AFTER_MS, signal);
      return verdictOf(await this.#hook.post(message, signal));
    } finally {
      release();
    }
  }
}

const OVERLOADED: Verdict = { kind: "unusable", why: `${QUESTIONS_MAX} questions wait for it` };
