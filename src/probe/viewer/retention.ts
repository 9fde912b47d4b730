import { allParts, listedSeconds, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { ask, pause, type Watch } from "./watch.ts";

/** Removed things that wait for their last permitted request. */
const RETENTION_SAMPLES_MAX = 256;
/** A removed thing is asked for this long before its time is over, in milliseconds. */
const BEFORE_DEADLINE_MS = 500;
const POLL_MS = 100;

interface Sample {
  readonly kind: "retained-segment" | "retained-part";
  readonly url: string;
  readonly dueMs: number;
}

/** Samples segments and parts that left the playlist, just before the server may forget them (§6.2.2). */
export class RetentionWatch {
  readonly #watch: Watch;
  readonly #url: string;
  readonly #firstSeen = new Map<number, number>();
  #samples: Sample[] = [];
  #longestS = 0;
  #previous: MediaPlaylist | undefined;

  constructor(watch: Watch, url: string) {
    this.#watch = watch;
    this.#url = url;
  }

  /** A new version of the playlist. */
  update(playlist: MediaPlaylist, atMs: number): void {
    const previous = this.#previous;
    this.#previous = playlist;
    this.#longestS = Math.max(this.#longestS, listedSeconds(playlist));
    if (previous === undefined) return;
    const known = new Set(previous.segments.map((segment) => segment.msn));
    for (const { msn } of playlist.segments) if (!known.has(msn)) this.#firstSeen.set(msn, atMs);
    for (const segment of previous.segments) {
      if (segment.msn >= playlist.mediaSequence || segment.gap || segment.byteRange !== undefined) continue;
      const firstMs = this.#firstSeen.get(segment.msn);
      this.#firstSeen.delete(segment.msn);
      if (firstMs === undefined) continue;
      const deadlineMs = firstMs + (segment.durationS + this.#longestS) * 1000;
      if (deadlineMs - atMs > BEFORE_DEADLINE_MS) this.#add("retained-segment", segment.uri, deadlineMs);
    }
    const listed = new Set(allParts(playlist).map((part) => part.uri));
    for (const part of allParts(previous)) {
      // One part of each segment is sample enough.
      if (part.index !== 0 || part.gap || part.byteRange !== undefined || listed.has(part.uri)) continue;
      this.#add("retained-part", part.uri, atMs + 3000 * playlist.targetDurationS);
    }
  }

  #add(kind: Sample["kind"], uri: string, deadlineMs: number): void {
    if (this.#samples.length >= RETENTION_SAMPLES_MAX) return;
    this.#samples.push({ kind, url: new URL(uri, this.#url).href, dueMs: deadlineMs - BEFORE_DEADLINE_MS });
  }

  /** Asks for what is due until the watch ends. */
  async run(): Promise<void> {
    while (await pause(this.#watch, POLL_MS)) {
      const nowMs = this.#watch.clock.nowMs();
      const due = this.#samples.filter((sample) => sample.dueMs <= nowMs);
      if (due.length === 0) continue;
      this.#samples = this.#samples.filter((sample) => sample.dueMs > nowMs);
      for (const sample of due) {
        // Too late through a busy machine of our own: asking now would prove nothing.
        if (nowMs - sample.dueMs > BEFORE_DEADLINE_MS / 2) continue;
        await ask(this.#watch, sample.kind, sample.url, { keepBody: false });
      }
    }
  }
}
