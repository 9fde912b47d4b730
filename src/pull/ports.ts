import type { PublishSink } from "#media/publish.ts";

/** Where a pull's frames come from, for those who look at the broadcast. */
export interface PullOrigin {
  /** The source's host, or `file`. */
  readonly address: string;
  /** The source without its secrets. */
  readonly place: string;
}

/** Lets a pull onto its stream's gate, as an encoder with a valid key is let in. */
export interface PullGate {
  /** @throws Fault `STREAM_UNKNOWN`, `STREAM_BUSY` while an encoder publishes to a stream that takes one at a time, `LIMIT_REACHED`. */
  admit(stream: string, origin: PullOrigin): PublishSink;
}
