import type { BroadcastHealth } from "#router/health.ts";
import type { RelayHealth } from "#transcoder/index.ts";

/** The health of a broadcast with its rungs as tracks behind the source's picture, and what the transcoder warns of. */
export function withLadder(
  health: BroadcastHealth | undefined,
  ladder: RelayHealth | undefined,
): BroadcastHealth | undefined {
  if (health === undefined || ladder === undefined) return health;
  const at = health.tracks.findIndex(({ kind }) => kind === "video") + 1;
  return {
    ...health,
    tracks: [...health.tracks.slice(0, at), ...ladder.rungs, ...health.tracks.slice(at)],
    warnings: [...health.warnings, ...ladder.warnings],
  };
}
