import type { Chunk } from "./chunk.ts";

/** Different frame durations that are counted apart. */
const DURATIONS_MAX = 512;
/** Durations this close to the most frequent one are the same, rounded to the timescale. */
const SAME_SHARE = 0.04;

/**
 * Measures the frame rate a track is made for: from its usual frame duration, so that a picture that is held for a while
 * does not count as a low frame rate.
 */
export class FrameRateMeter {
  readonly #counts = new Map<number, number>();
  #frames = 0;

  add(chunks: readonly Chunk[]): void {
    for (const { samples } of chunks) {
      for (const { duration } of samples) {
        this.#frames++;
        const count = this.#counts.get(duration);
        if (count !== undefined || this.#counts.size < DURATIONS_MAX) this.#counts.set(duration, (count ?? 0) + 1);
      }
    }
  }

  /** Frames per second; `undefined` before there are twenty. */
  rate(timescale: number): number | undefined {
    if (this.#frames < 20) return undefined;
    let usual = 0;
    let most = 0;
    for (const [duration, count] of this.#counts) if (count > most) [usual, most] = [duration, count];
    let ticks = 0;
    let frames = 0;
    for (const [duration, count] of this.#counts) {
      if (Math.abs(duration - usual) > usual * SAME_SHARE + 1) continue;
      ticks += duration * count;
      frames += count;
    }
    return ticks === 0 ? undefined : (frames * timescale) / ticks;
  }
}
