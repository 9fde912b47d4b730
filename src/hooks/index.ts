import type { Role } from "#flow/role.ts";
import type { BroadcastEvent, PublishRequestedEvent, StreamEvent } from "#link/stream-event.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import { Decisions } from "./decisions.ts";
import { Deliveries } from "./deliveries.ts";
import type { HookSettings } from "./hook-settings.ts";
import type { HookStatus } from "./hook-status.ts";
import { hookKeys } from "./hook-key.ts";
import { type Message, messageOf } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { MessageTable } from "./ports.ts";
import { restore } from "./restore.ts";
import { type HookContext, Webhook } from "./webhook.ts";

/** How long pending messages may still be sent when the server stops, milliseconds. */
const CLOSE_MS = { min: 500, max: 2000 } as const;

/** What {@link startHooks} needs. */
export interface HooksOptions {
  readonly hooks: readonly HookSettings[];
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** From 0 up to 1, for the delays between attempts; the machine's own unless given. */
  readonly random?: () => number;
  /** Where messages that were not taken yet outlive the process; without it they wait in memory only. */
  readonly messages?: MessageTable;
}

/** Tells other programs what happens to streams, and asks them who may publish. What waits when it ends goes on at the next start. */
export interface Hooks extends Role {
  /** Whether any hook decides about publications. */
  readonly decides: boolean;
  /** Resolves when every hook that decides allows it. @throws Fault `PUBLISH_REFUSED`, `HOOK_FAILED`, `LIMIT_REACHED`. */
  decide(request: PublishRequestedEvent): Promise<void>;
  /** How each hook stands, in the configuration's order. */
  statuses(): readonly HookStatus[];
  /** Queues an event for the hooks that want it, in order for each stream. Never throws, never waits. */
  tell(event: BroadcastEvent): void;
}

function wants({ settings }: Webhook, type: StreamEvent["type"]): boolean {
  return settings.events.some((wanted) => wanted === type);
}

class RunningHooks implements Hooks {
  readonly closed: Promise<Error | null>;
  readonly #context: HookContext;
  readonly #deliveries: readonly (readonly [Webhook, Deliveries])[];
  readonly #decisions: ReadonlyMap<Webhook, Decisions>;
  readonly #outbox: Outbox;
  readonly #resolveClosed: (error: null) => void;
  #closing: Promise<void> | undefined;

  constructor({ hooks, clock, observer, metrics, random = Math.random, messages }: HooksOptions) {
    const context = { clock, observer, metrics, random };
    this.#context = context;
    const webhooks = hooks.map((settings, position) => new Webhook(settings, position, context));
    this.#outbox = new Outbox({ table: messages, clock, observer, metrics });
    const keys = hookKeys(hooks.map(({ url }) => url));
    const deliveriesOf = (hook: Webhook, position: number): Deliveries =>
      new Deliveries(hook, keys[position] ?? "", this.#outbox, context);
    this.#deliveries = webhooks.map((hook, position) => [hook, deliveriesOf(hook, position)] as const);
    const deciding = webhooks.filter((hook) => wants(hook, "stream.publish-requested"));
    this.#decisions = new Map(deciding.map((hook) => [hook, new Decisions(hook, context)]));
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const restored = this.#deliveries.map(([hook, deliveries], position) => ({
      key: keys[position] ?? "",
      deliveries,
      wants: (type: StreamEvent["type"]) => wants(hook, type),
    }));
    if (messages !== undefined) restore({ outbox: this.#outbox, hooks: restored, clock, observer });
  }

  get decides(): boolean {
    return this.#decisions.size > 0;
  }

  async decide(request: PublishRequestedEvent): Promise<void> {
    if (!this.decides) return;
    const message = this.#message(request);
    await Promise.all([...this.#decisions.values()].map((decisions) => decisions.ask(request, message)));
  }

  statuses(): readonly HookStatus[] {
    return this.#deliveries.map(([hook, deliveries]) => {
      const decided = this.#decisions.get(hook)?.figures ?? { allowed: 0, refused: 0 };
      return { ...hook.status, ...deliveries.figures, ...decided };
    });
  }

  tell(event: BroadcastEvent): void {
    let message: Message | undefined;
    for (const [hook, deliveries] of this.#deliveries) {
      if (!wants(hook, event.type)) continue;
      message ??= this.#message(event);
      deliveries.push(message);
    }
  }

  close({ deadlineMs = CLOSE_MS.max }: { deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(Math.min(Math.max(deadlineMs, CLOSE_MS.min), CLOSE_MS.max));
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    for (const decisions of this.#decisions.values()) decisions.close();
    // A lane may end at a message only where it is stored.
    this.#outbox.flush();
    await Promise.all(this.#deliveries.map(([, deliveries]) => deliveries.close(graceMs)));
    this.#outbox.close();
    for (const [, deliveries] of this.#deliveries) deliveries.tellLeft();
    this.#resolveClosed(null);
  }

  #message(event: StreamEvent): Message {
    const { clock } = this.#context;
    return messageOf(event, { wallMs: clock.wallMs(), nowMs: clock.nowMs() });
  }
}

/** Starts the hooks of the configuration; there may be none. */
export function startHooks(options: HooksOptions): Promise<Hooks> {
  return Promise.try(() => new RunningHooks(options));
}
