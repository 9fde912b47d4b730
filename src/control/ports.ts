import type { Fault } from "#faults/fault.ts";

/** What an encoder shows to be let in; a publish request of any protocol has these. */
export interface PublishCredentials {
  /** The stream's key, or its name when `key` is given. */
  readonly path: string;
  readonly key?: string;
  /** Remote address without port. */
  readonly address: string;
}

/** Ends what is on air when its right to be there ends. The gate offers it. */
export interface Expeller {
  /** Ends every session of the stream now; each encoder's connection closes with `why`. Does nothing when nobody publishes. */
  expel(stream: string, why: Fault): void;
  /** Ends the stream's broadcast now, with its sessions. Does nothing when it is not on air. */
  stop(stream: string, why: Fault): void;
}

/** Forgets what the gate remembered of a stream. */
export interface CheckpointRemover {
  /** @throws Fault `STORE_FAILED` or `DISK_FULL`. */
  remove(stream: string): void;
}
