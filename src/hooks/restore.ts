import type { StreamEvent } from "#link/stream-event.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { Deliveries } from "./deliveries.ts";
import { renamedKeys } from "./hook-key.ts";
import type { Outbox } from "./outbox.ts";
import { MESSAGE_AGE_MS_MAX } from "./retry-schedule.ts";
import { parseStored } from "./stored-message.ts";

/** Messages that are read at a time. */
const PAGE_MESSAGES_MAX = 500;

/** Queues of a hook, and whether it wants a type of message. */
interface RestoredHook {
  readonly key: string;
  readonly deliveries: Deliveries;
  readonly wants: (type: StreamEvent["type"]) => boolean;
}

/** What {@link restore} needs. */
interface RestoreOptions {
  readonly outbox: Outbox;
  /** In the configuration's order. */
  readonly hooks: readonly RestoredHook[];
  readonly clock: Clock;
  readonly observer: Observer;
}

/**
 * Queues again what waited when the process before ended, in its order; before any event of this process. An age that the wall clock makes
 * negative counts as none: the clock was set back meanwhile.
 */
export function restore({ outbox, hooks, clock, observer }: RestoreOptions): void {
  const keys = hooks.map(({ key }) => key);
  const before = outbox.attempt((table) => table.hooks());
  // Whose a message is cannot be told then: all stay for the next start.
  if (before === undefined) return;
  const renamed = renamedKeys(before, keys);
  const [byKey, counts] = [new Map(hooks.map((hook) => [hook.key, hook])), { damaged: 0, forgotten: 0 }];
  const [wallMs, nowMs] = [clock.wallMs(), clock.nowMs()];
  for (let after = 0; ; ) {
    const page = outbox.attempt((table) => table.page(after, PAGE_MESSAGES_MAX)) ?? [];
    for (const { row, hook: key, happenedMs, body } of page) {
      after = row;
      const ageMs = Math.max(0, wallMs - happenedMs);
      const message = parseStored(body, nowMs - ageMs);
      const hook = byKey.get(renamed.get(key) ?? key);
      if (message !== undefined && hook?.wants(message.type) === true) {
        hook.deliveries.restore({ hook: hook.key, message, row }, ageMs < MESSAGE_AGE_MS_MAX);
        continue;
      }
      if (message === undefined) counts.damaged++;
      else counts.forgotten++;
      outbox.discard(row);
    }
    if (page.length < PAGE_MESSAGES_MAX) break;
  }
  // After the messages are read under their old names: this may fail where reading does not.
  outbox.attempt((table) => table.enrol(keys, renamed));
  for (const { deliveries } of hooks) deliveries.tellRestored();
  const { damaged, forgotten } = counts;
  if (damaged > 0) {
    const text = "messages to hooks were damaged where they were stored: they were dropped";
    observer.event("error", "hook.store.damaged", { messages: damaged }, text);
  }
  if (forgotten > 0) {
    const text = "messages that no hook of the configuration wants any more were forgotten";
    observer.event("warn", "hook.forgotten", { messages: forgotten }, text);
  }
}
