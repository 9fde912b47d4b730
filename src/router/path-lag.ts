/** How late frames may be without a path being called late, milliseconds; for so long a gap is held open where the encoder makes some itself. */
const GAP_WAIT_MS = 300;
/** How far a path may lag and lose nothing, milliseconds. */
export const LAG_MS_MAX = 3000;

/** A longer gap was no path's fault, and nobody fills it any more, milliseconds. */
export const GAP_MS_MAX: number = GAP_WAIT_MS + LAG_MS_MAX;

/** How a path that is merged is doing. Times in milliseconds. */
export interface PathState {
  readonly offset: number;
  /** Last own stamp by track, on the first path's clock. */
  readonly last: Map<number, number>;
  /** Tracks on which it has given what comes after everything sent. */
  readonly current: Set<number>;
  /** How much later than another path it gave what both have, milliseconds. */
  lagMs: number;
  /** Another path gave something that this one has not given yet. */
  owes: boolean;
  arrivedMs: number;
  /** The same of the tracks that lead. */
  ledMs: number;
  different: number;
}

/** A path that is merged from now on; `offset` is added to its stamps. */
export function pathState(offset: number, nowMs: number): PathState {
  const times = { lagMs: 0, arrivedMs: nowMs, ledMs: nowMs };
  return { offset, last: new Map(), current: new Set(), ...times, owes: false, different: 0 };
}

/** How late a path may be with what it owes: as late as it was, or, once it falls silent, as late as any may be. After that nothing is expected. */
export function expectedLagMs({ lagMs, ledMs }: PathState, nowMs: number): number {
  const silentMs = nowMs - ledMs;
  if (silentMs <= GAP_WAIT_MS) return lagMs;
  return silentMs <= GAP_MS_MAX ? LAG_MS_MAX : 0;
}

/** How long a gap is held open for a path that has not passed it yet. */
export function gapWaitMs(path: PathState, isUneven: boolean, nowMs: number): number {
  if (!isUneven) return nowMs - path.ledMs <= GAP_MS_MAX ? GAP_MS_MAX : 0;
  return path.lagMs <= GAP_WAIT_MS && nowMs - path.arrivedMs <= GAP_WAIT_MS ? GAP_WAIT_MS : 0;
}
