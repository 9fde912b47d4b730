/** Requests are counted over this long, milliseconds: several playlists of every viewer. */
const INTERVAL_MS = 10_000;

/**
 * How many watch a broadcast, judged by how often the playlist of its first track is asked for: a viewer asks once per part when blocking, once
 * per segment otherwise. No state per viewer, so a cache in front hides its viewers.
 */
export class ViewerEstimate {
  #viewers = 0;
  #weightMs = 0;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Viewers in the last whole interval of ten seconds; 0 during the first one. */
  get viewers(): number {
    return this.#viewers;
  }

  /** A playlist was asked for that its reader asks for every `everyMs`. */
  asked(everyMs: number): void {
    this.#weightMs += everyMs;
  }

  /** Called now and then: closes the interval when it is over. */
  tick(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < INTERVAL_MS) return;
    this.#viewers = Math.round(this.#weightMs / elapsedMs);
    this.#weightMs = 0;
    this.#sinceMs = nowMs;
  }
}
