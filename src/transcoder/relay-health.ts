import { type HealthWarning, type TrackHealth, trackHealth } from "#link/track-health.ts";
import type { RungLane } from "./rung-lane.ts";

/** How one track's rungs are doing. */
export interface LadderHealth {
  /** Rungs that are or were on air. */
  readonly lanes: readonly RungLane[];
  /** How far the rungs are behind the source, microseconds. */
  readonly behindMicros: number;
  /** Workers lost so far. */
  readonly lost: number;
  /** Workers that are there. */
  readonly workers: number;
  /** Names of rungs for which this machine had no room. */
  readonly refused: readonly string[];
  /** Names of rungs that this machine was too slow for. */
  readonly givenUp: readonly string[];
  /** No worker is there though rungs are wanted. */
  readonly isGone: boolean;
}

/** How a broadcast's ladders are doing. */
export interface RelayHealth {
  readonly stream: string;
  readonly rungs: readonly TrackHealth[];
  /** How far the rungs are behind the source, microseconds. */
  readonly behindMicros: number;
  /** Workers lost so far. */
  readonly lost: number;
  /** Workers that are there. */
  readonly workers: number;
  readonly warnings: readonly HealthWarning[];
}

/** The health of all ladders of a broadcast together. */
export function relayHealth(stream: string, ladders: readonly LadderHealth[]): RelayHealth {
  return {
    stream,
    rungs: ladders.flatMap(({ lanes }) => lanes.map(({ track, meter }) => trackHealth(track, meter))),
    behindMicros: Math.max(0, ...ladders.map(({ behindMicros }) => behindMicros)),
    lost: ladders.reduce((sum, { lost }) => sum + lost, 0),
    workers: ladders.reduce((sum, { workers }) => sum + workers, 0),
    warnings: warningsOf({
      refused: ladders.flatMap(({ refused }) => refused),
      givenUp: ladders.flatMap(({ givenUp }) => givenUp),
      isGone: ladders.some(({ isGone }) => isGone),
    }),
  };
}

function warningsOf({
  refused,
  givenUp,
  isGone,
}: Pick<LadderHealth, "refused" | "givenUp" | "isGone">): HealthWarning[] {
  const warnings: HealthWarning[] = [];
  if (refused.length > 0) {
    warnings.push({
      code: "LADDER_FULL",
      sentence: `This machine has no room to encode ${refused.join(" and ")} now: it makes as much as it can.`,
      fix: "The rungs come by themselves when there is room. For more: a shorter ladder, the profile realtime, or another machine.",
    });
  }
  if (givenUp.length > 0) {
    warnings.push({
      code: "LADDER_REDUCED",
      sentence: `This machine could not encode every rung in time: ${givenUp.join(" and ")} went for a while.`,
      fix: "It is tried again by itself. For good: a shorter ladder, the profile realtime, or fewer streams on this machine.",
    });
  }
  if (isGone) {
    warnings.push({
      code: "TRANSCODER_GONE",
      sentence: "The transcoder ended and is started again; viewers have the source meanwhile.",
      fix: "If it happens again, look for transcoder.worker.lost in the log.",
    });
  }
  return warnings;
}
