import type { LinkSubscription } from "#link/subscription.ts";
import { BroadcastWindow } from "./broadcast-window.ts";

/** What {@link feedWindow} needs. */
export interface Feed {
  readonly subscription: LinkSubscription;
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
 * nothing ever came. Records are applied in the batches they come in, so that whatever waits for the window is woken once per batch.
 * @throws what `opened` and `changed` throw.
 */
export async function feedWindow(feed: Feed): Promise<BroadcastWindow | undefined> {
  let { window } = feed;
  const { subscription, signal } = feed;
  // Closing makes a pending `ready` answer: one listener for the whole broadcast instead of one for each wait.
  const close = (): void => subscription.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    while (!signal.aborted) {
      const versionBefore = window?.version;
      let opened = false;
      for (const record of subscription.take()) {
        if (window !== undefined) window.apply(record);
        else if (record.type === "hello") {
          window = new BroadcastWindow(record);
          opened = true;
        }
      }
      if (window !== undefined) {
        if (opened) feed.opened(window);
        if (window.version !== versionBefore) feed.changed(window);
      }
      if (!(await subscription.ready())) break;
    }
  } finally {
    signal.removeEventListener("abort", close);
    subscription.close();
  }
  return window;
}
