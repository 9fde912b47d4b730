import type { HealthWarning, TrackHealth } from "#link/track-health.ts";

/** How a broadcast's ladder is doing. */
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

/** What the operator should know: `givenUp` names rungs the machine was too slow for, `isGone` says that no worker is there. */
export function ladderWarnings(facts: {
  readonly givenUp: readonly string[];
  readonly isGone: boolean;
}): HealthWarning[] {
  const warnings: HealthWarning[] = [];
  if (facts.givenUp.length > 0) {
    warnings.push({
      code: "LADDER_REDUCED",
      sentence: `This machine could not encode every rung in time: ${facts.givenUp.join(" and ")} went.`,
      fix: "Choose a shorter ladder or the profile realtime, or run fewer streams on this machine.",
    });
  }
  if (facts.isGone) {
    warnings.push({
      code: "TRANSCODER_GONE",
      sentence: "The transcoder ended and is started again; viewers have the source meanwhile.",
      fix: "If it happens again, look for transcoder.worker.lost in the log.",
    });
  }
  return warnings;
}
