/** Different durations counted apart: what stamps in milliseconds can make of one rate, several times over. */
const DURATIONS_MAX = 32;
/** Durations this close to the most frequent one are the same, rounded to the clock of the encoder. */
const SAME_SHARE = 0.04;

/** Finds what most frames of a segment last, whatever single ones that are stretched or left out do to the average. */
export class UsualDuration {
  readonly #counts = new Map<number, number>();

  /** A frame of that many ticks. */
  add(ticks: number): void {
    const count = this.#counts.get(ticks);
    if (count !== undefined || this.#counts.size < DURATIONS_MAX) this.#counts.set(ticks, (count ?? 0) + 1);
  }

  /** Mean ticks of the frames that last about as long as the most frequent duration; 0 without frames. */
  get ticks(): number {
    let usual = 0;
    let most = 0;
    for (const [ticks, count] of this.#counts) if (count > most) [usual, most] = [ticks, count];
    let sum = 0;
    let frames = 0;
    for (const [ticks, count] of this.#counts) {
      if (Math.abs(ticks - usual) > usual * SAME_SHARE + 1) continue;
      sum += ticks * count;
      frames += count;
    }
    return frames === 0 ? 0 : sum / frames;
  }
}
