import { Notifier } from "#flow/notifier.ts";
import { FrameFlag } from "#media/frame.ts";
import type { CutRecord, LinkRecord } from "./record.ts";
import type { LinkSubscription } from "./subscription.ts";

/** Frames one subscriber may lag: 4 s of 60 fps and its sound. Full: each track loses whole GOPs and is told with `skip`. */
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

const INDEPENDENT_START = FrameFlag.CUT | FrameFlag.INDEPENDENT;

/**
 * One subscriber's bounded queue. The gate pushes and never waits.
 *
 *   keeping up ─full─▶ every track has lost what was queued, and loses more
 *   a track that loses ─first frame of a segment that can be decoded by itself─▶ `skip`, and on from there
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
  /** The last record is a `head` that a newer one replaces. */
  #endsWithHead = false;
  /** Where each track's loss begins, while it loses. */
  readonly #lost = new Map<number, Lost>();

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
    else if (record.type === "head") this.#pushHead(record);
    else if (record.type !== "seal" || !this.#lost.has(record.track)) this.#add(record);
    if (record.type === "end") this.#over = true;
    this.#wake.notify();
  }

  take(): LinkRecord[] {
    const records = this.#records;
    this.#records = [];
    this.#frames = 0;
    this.#bytes = 0;
    this.#cuts = 0;
    this.#endsWithHead = false;
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

  #add(record: LinkRecord): void {
    this.#records.push(record);
    this.#endsWithHead = false;
  }

  #pushFrame(record: LinkRecord & { type: "frame" }): void {
    const { track, segment, index, flags, payload } = record.frame;
    if (this.#lost.size > 0) {
      const lost = this.#lost.get(track);
      if (lost !== undefined) {
        if ((flags & INDEPENDENT_START) !== INDEPENDENT_START) return;
        this.#lost.delete(track);
        this.#add({ type: "skip", track, fromSegment: lost.segment, fromIndex: lost.index, why: "lagged" });
      }
    }
    if (this.#frames >= SUBSCRIBER_QUEUE_FRAMES_MAX || this.#bytes + payload.byteLength > SUBSCRIBER_QUEUE_BYTES_MAX) {
      this.#lag();
      if (!this.#lost.has(track)) this.#lost.set(track, { segment, index });
      return;
    }
    this.#frames++;
    this.#bytes += payload.byteLength;
    this.#add(record);
  }

  /** Drops the queued frames and seals; remembers where each track's loss begins. Losses that were not read yet go on. */
  #lag(): void {
    this.lags++;
    const kept: LinkRecord[] = [];
    for (const record of this.#records) {
      if (record.type === "frame") this.#lose(record.frame.track, record.frame.segment, record.frame.index);
      else if (record.type === "skip") this.#lose(record.track, record.fromSegment, record.fromIndex);
      else if (record.type === "seal") this.#lose(record.track, record.segment, record.frameCount);
      else kept.push(record);
    }
    this.#records = kept;
    this.#endsWithHead = kept.at(-1)?.type === "head";
    this.#frames = 0;
    this.#bytes = 0;
  }

  #lose(track: number, segment: number, index: number): void {
    if (!this.#lost.has(track)) this.#lost.set(track, { segment, index });
  }

  #pushHead(record: LinkRecord & { type: "head" }): void {
    if (this.#endsWithHead) this.#records.pop();
    this.#add(record);
    this.#endsWithHead = true;
  }

  #pushCut(record: CutRecord): void {
    if (++this.#cuts > SUBSCRIBER_QUEUE_CUTS_MAX) {
      this.#records = [];
      this.close();
      return;
    }
    this.#add(record);
  }
}
