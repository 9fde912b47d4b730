import type { CheckpointTable } from "#store/ports.ts";
import { formatCheckpoint, type GateCheckpoint, parseCheckpoint } from "#timeline/checkpoint.ts";
import { type GuardSurroundings, TableGuard } from "./table-guard.ts";

/** The gate's checkpoints. Never throws: a full disk costs the resumption after a crash, not the live stream. */
export interface GateCheckpoints {
  load(stream: string): GateCheckpoint | undefined;
  save(stream: string, checkpoint: GateCheckpoint): void;
  remove(stream: string): void;
}

/** Puts the gate's checkpoints into the store, and goes on when that fails. */
export function guardCheckpoints({
  table,
  ...around
}: GuardSurroundings & { readonly table: CheckpointTable }): GateCheckpoints {
  const guard = new TableGuard({ ...around, name: "checkpoint", plural: "checkpoints" });
  return {
    load: (stream) => {
      const text = guard.run({ stream }, () => table.load(stream));
      return text === undefined ? undefined : parseCheckpoint(text);
    },
    save: (stream, checkpoint) => guard.run({ stream }, () => table.save(stream, formatCheckpoint(checkpoint))),
    remove: (stream) => guard.run({ stream }, () => table.remove(stream)),
  };
}
