import type { LinkRecord } from "./record.ts";

/** Where a subscription begins. `window`: the oldest whole segment the upstream still has. `live`: the newest segment, from its index 0. */
export type SubscribeFrom = "live" | "window";

/** What a subscriber says of itself. */
export interface SubscribeOptions {
  readonly from: SubscribeFrom;
  /** Who it is, for logs and metrics: `edge`, `restream:youtube`. */
  readonly name: string;
}

/**
 * One reader of a broadcast. Records arrive in a bounded queue by the gate's synchronous run; the reader drains it in batches:
 *
 *   for (;;) { for (const record of subscription.take()) …; if (!(await subscription.ready({ signal }))) break; }
 *
 * A reader that falls behind by more than the bound loses whole GOPs and finds a `skip` record in their place.
 */
export interface LinkSubscription {
  /** Every record waiting now, oldest first; empty when there is none. Ownership passes to the caller. */
  take(): LinkRecord[];
  /** Resolves `true` when {@link take} has something, `false` when the subscription is over and drained. Rejects when the signal aborts. */
  ready(options?: { signal?: AbortSignal }): Promise<boolean>;
  /** Idempotent. Ends this subscription only. */
  close(): void;
}

/** A broadcast that can be subscribed to: the link's in-process form, and what an HTTP link client will offer likewise. */
export interface LinkSource {
  readonly stream: string;
  readonly timelineId: string;
  subscribe(options: SubscribeOptions): LinkSubscription;
}

/** Where broadcasts are found: the router, the transcoder, or what stands for one of them in another process. */
export interface BroadcastDirectory {
  /** Broadcasts on air now. */
  broadcasts(): Iterable<LinkSource>;
  /** Calls `listener` for each broadcast that starts from now on. The answer ends it. */
  onStarted(listener: (source: LinkSource) => void): () => void;
}
