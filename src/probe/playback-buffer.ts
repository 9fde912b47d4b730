/** A gap this small in the arithmetic of a buffer is no stall, in milliseconds. */
const STALL_MS_MIN = 5;

/**
 * The model of a player: it starts at a media time as soon as every track has it, plays in real time, stalls when a track runs dry
 * and goes on when `resumeS` seconds are there again. Driven by arrivals alone, so it needs no timer.
 *
 *   waiting ──data at start──▶ playing ◀──resumeS ahead── stalled
 *                                 └───────track dry──────────▲
 */
export class PlaybackBuffer {
  readonly #resumeS: number;
  readonly #ends = new Map<string, number | undefined>();
  #state: "waiting" | "playing" | "stalled" = "waiting";
  #startS: number | undefined;
  /** Media time `#positionS` was, is or will be shown at `#sinceMs`. */
  #positionS = 0;
  #sinceMs = 0;
  #startedAtMs: number | undefined;
  #stalls = 0;
  #stalledMs = 0;

  constructor(options: { tracks: readonly string[]; resumeS: number }) {
    this.#resumeS = options.resumeS;
    for (const track of options.tracks) this.#ends.set(track, undefined);
  }

  get state(): "waiting" | "playing" | "stalled" {
    return this.#state;
  }
  /** When the first frame was shown, in monotonic milliseconds. */
  get startedAtMs(): number | undefined {
    return this.#startedAtMs;
  }
  get stallCount(): number {
    return this.#stalls;
  }

  /** Tracks become known late, from the first manifest. Only before anything was appended. */
  setTracks(tracks: readonly string[]): void {
    this.#ends.clear();
    for (const track of tracks) this.#ends.set(track, undefined);
  }

  /** Where playback begins, in seconds of media time. Only the first call counts. */
  startAt(mediaS: number): void {
    this.#startS ??= mediaS;
  }

  /** Media time every track has reached; `undefined` while one has nothing. */
  #edgeS(): number | undefined {
    let edge = Number.POSITIVE_INFINITY;
    for (const end of this.#ends.values()) {
      if (end === undefined) return undefined;
      edge = Math.min(edge, end);
    }
    return edge;
  }

  /** A track has media up to `endS` seconds since `atMs`. */
  append(track: string, endS: number, atMs: number): void {
    this.#settle(atMs);
    const before = this.#ends.get(track);
    this.#ends.set(track, before === undefined ? endS : Math.max(before, endS));
    const edge = this.#edgeS();
    if (edge === undefined) return;
    if (this.#state === "waiting" && this.#startS !== undefined && edge > this.#startS) {
      this.#state = "playing";
      this.#positionS = this.#startS;
      this.#sinceMs = atMs;
      this.#startedAtMs = atMs;
    } else if (this.#state === "stalled" && edge >= this.#positionS + this.#resumeS) {
      this.#stalledMs += atMs - this.#sinceMs;
      this.#state = "playing";
      this.#sinceMs = atMs;
    }
  }

  /** Lets time pass up to `atMs`: what would have been played by then is played. */
  #settle(atMs: number): void {
    const edge = this.#edgeS();
    if (this.#state !== "playing" || edge === undefined) return;
    const dryAtMs = this.#sinceMs + (edge - this.#positionS) * 1000;
    if (atMs <= dryAtMs + STALL_MS_MIN) return;
    this.#state = "stalled";
    this.#stalls++;
    this.#positionS = edge;
    this.#sinceMs = dryAtMs;
  }

  /** The presentation is over: running dry from now on is its end, not a stall. */
  end(atMs: number): void {
    this.#settle(atMs);
    if (this.#state === "stalled") this.#stalledMs += Math.max(0, atMs - this.#sinceMs);
    this.#state = "waiting";
    this.#startS = undefined;
  }

  /** Milliseconds stalled until `atMs`, a stall that lasts included. */
  stallMs(atMs: number): number {
    this.#settle(atMs);
    return this.#stalledMs + (this.#state === "stalled" ? Math.max(0, atMs - this.#sinceMs) : 0);
  }

  /** Media time shown at `atMs`, in seconds; `undefined` before the start. */
  positionS(atMs: number): number | undefined {
    if (this.#state === "waiting") return undefined;
    this.#settle(atMs);
    return this.#state === "playing" ? this.#positionS + (atMs - this.#sinceMs) / 1000 : this.#positionS;
  }

  /** Milliseconds of media ahead of the position at `atMs`. */
  bufferMs(atMs: number): number {
    const edge = this.#edgeS();
    const position = this.positionS(atMs);
    return edge === undefined || position === undefined ? 0 : Math.max(0, (edge - position) * 1000);
  }
}
