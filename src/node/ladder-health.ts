import type { BroadcastHealth } from "#router/health.ts";
import type { RelayHealth } from "#transcoder/index.ts";

/** The health of a broadcast with its rungs as tracks, each kind behind the source's first, and what the transcoder warns of. */
export function withLadder(
  health: BroadcastHealth | undefined,
  ladder: RelayHealth | undefined,
): BroadcastHealth | undefined {
  if (health === undefined || ladder === undefined) return health;
  const seen = new Set<string>();
  const tracks = health.tracks.flatMap((track) => {
    const isFirst = !seen.has(track.kind);
    seen.add(track.kind);
    return isFirst ? [track, ...ladder.rungs.filter(({ kind }) => kind === track.kind)] : [track];
  });
  return {
    ...health,
    tracks,
    warnings: [...health.warnings, ...ladder.warnings],
  };
}
