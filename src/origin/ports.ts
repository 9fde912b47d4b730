import type { LinkSource } from "#link/subscription.ts";

/** Where the origin finds broadcasts: the router, or what stands for it in another process. */
export interface BroadcastDirectory {
  /** Broadcasts on air now. */
  broadcasts(): Iterable<LinkSource>;
  /** Calls `listener` for each broadcast that starts from now on. The answer ends it. */
  onStarted(listener: (source: LinkSource) => void): () => void;
}
