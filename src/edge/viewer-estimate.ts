/** Requests are counted over this long, milliseconds: several playlists of every viewer. */
const INTERVAL_MS = 10_000;

/** What a request for a playlist says of viewers. */
export interface Watching {
  /** `all`: the request stands for picture and sound. */
  readonly medium: "video" | "audio" | "all";
  /** How often whoever reads this playlist asks for it, milliseconds. */
  readonly everyMs: number;
}

/**
 * How many watch a broadcast, judged by how often its playlists are asked for: a viewer follows one picture and one sound, or a sound alone, and
 * asks once per part when blocking, once per segment otherwise. No state per viewer, so a cache in front hides its viewers.
 */
export class ViewerEstimate {
  #viewers = 0;
  #videoMs = 0;
  #audioMs = 0;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Viewers in the last whole interval of ten seconds; 0 during the first one. */
  get viewers(): number {
    return this.#viewers;
  }

  /** A playlist was asked for. */
  asked({ medium, everyMs }: Watching): void {
    if (medium !== "audio") this.#videoMs += everyMs;
    if (medium !== "video") this.#audioMs += everyMs;
  }

  /** Called now and then: closes the interval when it is over. */
  tick(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < INTERVAL_MS) return;
    // Who sees hears too, and who only hears is beside them: of the two counts the larger one holds all.
    this.#viewers = Math.round(Math.max(this.#videoMs, this.#audioMs) / elapsedMs);
    this.#videoMs = 0;
    this.#audioMs = 0;
    this.#sinceMs = nowMs;
  }
}
