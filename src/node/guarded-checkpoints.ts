import { Fault } from "#faults/fault.ts";
import { formatCheckpoint, type GateCheckpoint, parseCheckpoint } from "#timeline/checkpoint.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { CheckpointTable } from "#store/ports.ts";
import type { Clock } from "#time/clock.ts";

/** One line a minute says that checkpoints cannot be written, milliseconds. */
const TELL_EVERY_MS = 60_000;

/** The gate's checkpoints. Never throws: a full disk costs the resumption after a crash, not the live stream. */
export interface GateCheckpoints {
  load(stream: string): GateCheckpoint | undefined;
  save(stream: string, checkpoint: GateCheckpoint): void;
  remove(stream: string): void;
}

/** Puts the gate's checkpoints into the store, and goes on when that fails. */
export function guardCheckpoints(options: {
  readonly table: CheckpointTable;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}): GateCheckpoints {
  const { table, clock, observer, metrics } = options;
  const failures = metrics.counter(
    "grandstand_checkpoint_failures_total",
    "Checkpoints that could not be written or read.",
  );
  let toldMs = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  const guard = <T>(stream: string, work: () => T): T | undefined => {
    try {
      const result = work();
      if (isFailing) observer.event("info", "store.checkpoint.recovered", { stream }, "checkpoints are written again");
      isFailing = false;
      return result;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      failures.add();
      const nowMs = clock.nowMs();
      if (!isFailing || nowMs - toldMs >= TELL_EVERY_MS) {
        toldMs = nowMs;
        const fields = { stream, code: error.code, hint: error.hint };
        observer.event("error", "store.checkpoint.failed", fields, `${error.message}; the stream goes on`);
      }
      isFailing = true;
      return undefined;
    }
  };
  return {
    load: (stream) => {
      const text = guard(stream, () => table.load(stream));
      return text === undefined ? undefined : parseCheckpoint(text);
    },
    save: (stream, checkpoint) => guard(stream, () => table.save(stream, formatCheckpoint(checkpoint))),
    remove: (stream) => guard(stream, () => table.remove(stream)),
  };
}
