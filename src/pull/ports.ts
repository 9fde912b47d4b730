import type { PublishSink } from "#media/publish.ts";
import type { PullSource } from "#media/pull-source.ts";

/** Where a pull's frames come from, for those who look at the broadcast. */
export interface PullOrigin {
  /** The source's host, or `file`. */
  readonly address: string;
  /** The source without its secrets. */
  readonly place: string;
}

/** A stream that is fetched from elsewhere. */
export interface PullSpec {
  readonly stream: string;
  /** Absent where it is kept but cannot be read. */
  readonly source: PullSource | undefined;
  /** What has an end begins again there: a file, also one of the web. */
  readonly loop: boolean;
  /** Who decides about it: the configuration file, or an operator by hand. */
  readonly managedBy: "file" | "platform";
}

/** Where it is found what to fetch: the catalogue. */
export interface PullDirectory {
  pulls(): Iterable<PullSpec>;
  pullOf(stream: string): PullSpec | undefined;
  /** Calls `listener` after each change of a stream's source. The answer ends it. */
  onChange(listener: (stream: string) => void): () => void;
}

/** Lets a pull onto its stream's gate, as an encoder with a valid key is let in. */
export interface PullGate {
  /** @throws Fault `STREAM_UNKNOWN`, `STREAM_BUSY` while an encoder publishes to a stream that takes one at a time, `LIMIT_REACHED`. */
  admit(stream: string, origin: PullOrigin): PublishSink;
}
