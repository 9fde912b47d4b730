import type { LinkSubscription } from "#link/subscription.ts";
import type { Clock } from "#time/clock.ts";
import { BroadcastWindow } from "./broadcast-window.ts";
import { TailHold } from "./tail-hold.ts";

/** What {@link feedWindow} needs. */
export interface Feed {
  readonly subscription: LinkSubscription;
  readonly clock: Clock;
  /** Ends the feeding; the window stays as it is. */
  readonly signal: AbortSignal;
  /** The window of an earlier subscription to the same broadcast, to go on with; absent for a new one. */
  readonly window?: BroadcastWindow;
  /** Hears of the window once the first record has made it. */
  opened(window: BroadcastWindow): void;
  /** Hears, synchronously and once for each batch of records, that the window's version has grown. */
  changed(window: BroadcastWindow): void;
}

/**
 * Feeds a live window from a link subscription until the subscription is over or the signal aborts; resolves with the window, `undefined` when
 * nothing ever came. Records are applied in the batches they come in, so that whatever waits for the window is woken once per batch; the ends of
 * segments may wait for a moment, see {@link TailHold}.
 * @throws what `opened` and `changed` throw.
 */
export async function feedWindow(feed: Feed): Promise<BroadcastWindow | undefined> {
  let { window } = feed;
  let hold = window === undefined ? undefined : new TailHold(window);
  const { subscription, signal, clock } = feed;
  const wake = new WakeUp(subscription, clock);
  // Closing makes a pending `ready` answer: one listener for the whole broadcast instead of one for each wait.
  const close = (): void => subscription.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    for (let isOpen = true; isOpen && !signal.aborted; ) {
      isOpen = await wake.next(hold?.dueMs);
      const versionBefore = window?.version;
      let opened = false;
      let records = isOpen ? subscription.take() : [];
      if (window === undefined) {
        const first = records.findIndex(({ type }) => type === "hello");
        const hello = records[first];
        if (hello?.type !== "hello") continue;
        window = new BroadcastWindow(hello);
        hold = new TailHold(window);
        records = records.slice(first + 1);
        opened = true;
      }
      hold?.apply(records, clock.nowMs());
      if (!isOpen) hold?.flush(clock.nowMs());
      if (opened) feed.opened(window);
      if (window.version !== versionBefore) feed.changed(window);
    }
  } finally {
    signal.removeEventListener("abort", close);
    subscription.close();
  }
  return window;
}

/** Waits for a subscription, or for a time before that. */
class WakeUp {
  readonly #subscription: LinkSubscription;
  readonly #clock: Clock;
  #ready: Promise<boolean> | undefined;
  #sleep: { readonly dueMs: number; readonly isOver: Promise<void> } | undefined;

  constructor(subscription: LinkSubscription, clock: Clock) {
    this.#subscription = subscription;
    this.#clock = clock;
  }

  /** Resolves when there are records or it is `dueMs`; `false` when the subscription is over. */
  async next(dueMs: number | undefined): Promise<boolean> {
    this.#ready ??= this.#subscription.ready();
    const isReady = await (dueMs === undefined ? this.#ready : Promise.race([this.#ready, this.#until(dueMs)]));
    if (isReady === undefined) this.#sleep = undefined;
    else this.#ready = undefined;
    return isReady ?? true;
  }

  /** One timer for each time, however often records come before it. */
  #until(dueMs: number): Promise<void> {
    if (this.#sleep?.dueMs !== dueMs) {
      const leftMs = Math.max(0, dueMs - this.#clock.nowMs());
      this.#sleep = { dueMs, isOver: this.#clock.sleep(leftMs) };
    }
    return this.#sleep.isOver;
  }
}
