import type { FaultCode } from "#faults/codes.ts";

/** Another server that gets a stream, as its operator wants it. */
export interface RestreamTarget {
  /** Names the target for ever; says nothing about it. */
  readonly id: string;
  /** What people call it; unique among the stream's targets. */
  readonly name: string;
  /** `rtmp://` or `rtmps://`, without the key. */
  readonly url: string;
  /** The key that opens it; absent where the stored one cannot be read. Never shown. */
  readonly key: string | undefined;
  /** Name of the picture's track: `source`, or a rung. */
  readonly rendition: string;
  readonly enabled: boolean;
}

/** Where targets are found: the catalogue. */
export interface TargetDirectory {
  /** The stream's targets in the order they were added; quick, for it is asked at the beginning of each broadcast. */
  targetsOf(stream: string): readonly RestreamTarget[];
  /** Calls `listener` after each change of a stream's targets. The answer ends it. */
  onChange(listener: (stream: string) => void): () => void;
}

/**
 * How a target stands. `waiting`: nothing of the stream is on air. `connecting`: asking the server, or waiting for the first frame.
 * `live`: frames are on their way. `retrying`: lost, and tried again soon. `refused`: the server said no. `stopped`: not enabled.
 */
export type TargetState = "waiting" | "connecting" | "live" | "retrying" | "refused" | "stopped";

/** Why a target was not reached, in words without its key. */
export interface TargetProblem {
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

/** What a target has got so far. */
export interface TargetStatus {
  readonly id: string;
  readonly state: TargetState;
  /** Since when it stands so, milliseconds since the Unix epoch. */
  readonly sinceMs: number | undefined;
  /** When it is tried again, milliseconds since the Unix epoch; absent when it is not. */
  readonly nextTryMs: number | undefined;
  /** The last one, also when it has been overcome. */
  readonly lastProblem: TargetProblem | undefined;
  /** Bytes handed to its connections. */
  readonly sentBytes: number;
  /** Connections made anew after a loss. */
  readonly reconnects: number;
  /** Groups of pictures left out, whole, because it took less than the stream has. */
  readonly droppedGops: number;
}
