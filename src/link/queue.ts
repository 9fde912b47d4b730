import { Notifier } from "#flow/notifier.ts";
import type { CutRecord, LinkRecord } from "./record.ts";
import type { LinkSubscription } from "./subscription.ts";

/** Frames one subscriber may lag: 4 s of 60 fps and its sound. Full: it loses everything up to the next cut and is told with `skip`. */
export const SUBSCRIBER_QUEUE_FRAMES_MAX = 512;
/** Bytes one subscriber may lag. Full: the same. */
export const SUBSCRIBER_QUEUE_BYTES_MAX = 67_108_864;
/** Cuts kept for a subscriber that reads nothing. Full: it is closed. */
export const SUBSCRIBER_QUEUE_CUTS_MAX = 256;

/** First frame a track lost. */
interface Lost {
  readonly segment: number;
  readonly index: number;
}

/**
 * One subscriber's bounded queue. The gate pushes and never waits.
 *
 *   keeping up ─full─▶ lagging (frames and seals are dropped, cuts kept) ─next cut─▶ skip per track ─▶ keeping up
 */
export class SubscriberQueue implements LinkSubscription {
  readonly name: string;
  /** Times this subscriber lost frames. */
  lags = 0;
  readonly #wake: Notifier = new Notifier();
  readonly #onClose: (queue: SubscriberQueue) => void;
  #records: LinkRecord[] = [];
  #frames = 0;
  #bytes = 0;
  #cuts = 0;
  #over = false;
  #lost: Map<number, Lost> | undefined;
  /** After a lag: frames of earlier segments are of no use any more. */
  #fromSegment = Number.NEGATIVE_INFINITY;

  constructor(name: string, first: readonly LinkRecord[], onClose: (queue: SubscriberQueue) => void) {
    this.name = name;
    this.#onClose = onClose;
    this.#records = [...first];
  }

  /** Puts a record at the end. */
  push(record: LinkRecord): void {
    if (this.#over) return;
    if (record.type === "frame") this.#pushFrame(record);
    else if (record.type === "cut") this.#pushCut(record);
    else if (record.type === "seal") {
      if (this.#lost === undefined && record.segment >= this.#fromSegment) this.#records.push(record);
    } else this.#records.push(record);
    if (record.type === "end") this.#over = true;
    this.#wake.notify();
  }

  take(): LinkRecord[] {
    const records = this.#records;
    this.#records = [];
    this.#frames = 0;
    this.#bytes = 0;
    this.#cuts = 0;
    return records;
  }

  async ready(options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#records.length > 0) return true;
    if (this.#over) return false;
    if (signal === undefined) await this.#wake.next();
    else await this.#nextOrAborted(signal);
    return this.#records.length > 0 || !this.#over;
  }

  close(): void {
    if (!this.#over) this.#records = [];
    this.#over = true;
    this.#onClose(this);
    this.#wake.notify();
  }

  async #nextOrAborted(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.#wake.next(), promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #pushFrame(record: LinkRecord & { type: "frame" }): void {
    const { track, segment, index, payload } = record.frame;
    if (this.#lost !== undefined) {
      if (!this.#lost.has(track)) this.#lost.set(track, { segment, index });
      return;
    }
    if (segment < this.#fromSegment) return;
    if (this.#frames >= SUBSCRIBER_QUEUE_FRAMES_MAX || this.#bytes + payload.byteLength > SUBSCRIBER_QUEUE_BYTES_MAX) {
      const lost = this.#lag();
      if (!lost.has(track)) lost.set(track, { segment, index });
      return;
    }
    this.#frames++;
    this.#bytes += payload.byteLength;
    this.#records.push(record);
  }

  /** Drops what is queued but for what the subscriber must know; remembers where each track's loss begins. */
  #lag(): Map<number, Lost> {
    this.lags++;
    const lost = new Map<number, Lost>();
    const kept: LinkRecord[] = [];
    for (const record of this.#records) {
      if (record.type === "frame") {
        const { track, segment, index } = record.frame;
        if (!lost.has(track)) lost.set(track, { segment, index });
      } else if (record.type !== "seal") kept.push(record);
    }
    this.#records = kept;
    this.#frames = 0;
    this.#bytes = 0;
    this.#lost = lost;
    return lost;
  }

  #pushCut(record: CutRecord): void {
    if (++this.#cuts > SUBSCRIBER_QUEUE_CUTS_MAX) {
      this.#records = [];
      this.close();
      return;
    }
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost !== undefined) {
      this.#fromSegment = record.segment;
      for (const [track, { segment, index }] of lost) {
        this.#records.push({ type: "skip", track, fromSegment: segment, fromIndex: index, why: "lagged" });
      }
    }
    this.#records.push(record);
  }
}
