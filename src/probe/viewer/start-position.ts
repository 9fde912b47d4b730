import { listedSeconds, openSeconds, type MediaPlaylist } from "#probe/hls/media-playlist.ts";

/** Where a player that joins begins: the first thing it fetches, and how far into it playback starts. */
export interface StartPosition {
  readonly msn: number;
  /** -1: the whole segment. */
  readonly part: number;
  /** Seconds from the beginning of that item to the start of playback. */
  readonly offsetS: number;
}

interface Candidate extends StartPosition {
  readonly startS: number;
  readonly independent: boolean;
}

/**
 * The start a strict player chooses (§6.3.3, §4.4.3.8): PART-HOLD-BACK from the end in low-latency mode, HOLD-BACK or three target
 * durations otherwise, and the last item at or before that point at which a decoder can begin.
 */
export function startPosition(playlist: MediaPlaylist, lowLatency: boolean): StartPosition | undefined {
  const control = playlist.serverControl;
  const holdBackS = lowLatency
    ? (control?.partHoldBackS ?? 3 * (playlist.partTargetS ?? 0))
    : (control?.holdBackS ?? 3 * playlist.targetDurationS);
  const endS = listedSeconds(playlist) + (lowLatency ? openSeconds(playlist) : 0);
  const targetS = Math.max(0, endS - holdBackS);
  let startS = 0;
  let best: Candidate | undefined;
  const consider = (candidate: Candidate): void => {
    if (candidate.independent && (best === undefined || candidate.startS <= targetS)) best = candidate;
  };
  for (const segment of playlist.segments) {
    const whole = { msn: segment.msn, part: -1, startS, offsetS: 0, independent: !segment.gap };
    if (!lowLatency || segment.parts.length === 0) {
      consider(whole);
      startS += segment.durationS;
      continue;
    }
    for (const part of segment.parts) {
      consider({ msn: part.msn, part: part.index, startS, offsetS: 0, independent: part.independent && !part.gap });
      startS += part.durationS;
    }
  }
  for (const part of lowLatency ? playlist.openParts : []) {
    consider({ msn: part.msn, part: part.index, startS, offsetS: 0, independent: part.independent && !part.gap });
    startS += part.durationS;
  }
  return best === undefined ? undefined : { ...best, offsetS: Math.max(0, targetS - best.startS) };
}
