import type { Engine } from "./engine.ts";

/** A viewer goes no nearer to the oldest picture than this, seconds: it leaves while it is asked for. */
const START_MARGIN_SECONDS = 1;

/** What a viewer can go back to, on the video's own time line, seconds. */
export interface SeekRange {
  readonly start: number;
  /** The live edge. */
  readonly live: number;
  /** Of the picture that is seen; between the two. */
  readonly position: number;
}

/** Reads it; `undefined` while nothing is known. */
export function readSeekRange(video: HTMLVideoElement, engine: Engine | undefined): SeekRange | undefined {
  const { seekable, currentTime } = video;
  if (seekable.length === 0) return undefined;
  const live = engine?.livePosition() ?? seekable.end(seekable.length - 1);
  const start = Math.min(live, seekable.start(0) + START_MARGIN_SECONDS);
  return { start, live, position: Math.min(live, Math.max(start, currentTime)) };
}
