import type { RawFrame } from "#media/frame.ts";
import type { TrackConfig } from "#media/track.ts";

/** A frame ready to be pushed. */
export interface FeedItem {
  /** When it is to leave, on the monotonic clock. */
  readonly dueMs: number;
  /** A connection may begin here: a video key frame, or any frame of a source without picture. */
  readonly entry: boolean;
  /** Codec parameters that hold for this frame. */
  readonly config: TrackConfig;
  readonly frame: RawFrame;
}

/** Frames kept at most: 30 s of 60 pictures and 47 access units of sound a second. */
export const FEED_ITEMS_MAX = 3200;
/** Bytes kept at most. */
export const FEED_BYTES_MAX: number = 256 * 1024 * 1024;

/**
 * The frames of the source in the order they leave, each with a number that never changes; connections read it at their own pace and delay.
 * The oldest go when nobody can need them any more, and in any case when the bounds are reached.
 */
export class Feed {
  #items: FeedItem[] = [];
  #firstNumber = 0;
  #sizeBytes = 0;

  /** Number of the next frame to come. */
  get end(): number {
    return this.#firstNumber + this.#items.length;
  }

  /** Number of the oldest frame that is still here. */
  get start(): number {
    return this.#firstNumber;
  }

  at(number: number): FeedItem | undefined {
    return this.#items[number - this.#firstNumber];
  }

  push(item: FeedItem): void {
    this.#items.push(item);
    this.#sizeBytes += item.frame.payload.byteLength;
    while (this.#items.length > FEED_ITEMS_MAX || (this.#sizeBytes > FEED_BYTES_MAX && this.#items.length > 1)) {
      this.#dropOldest(1);
    }
  }

  /** Number of the first frame due later than `ms`. */
  firstAfter(ms: number): number {
    const index = this.#items.findIndex((item) => item.dueMs > ms);
    return index < 0 ? this.end : this.#firstNumber + index;
  }

  /** Lets go what was due before `ms`. */
  forgetBefore(ms: number): void {
    let count = 0;
    while (count < this.#items.length && (this.#items[count]?.dueMs ?? ms) < ms) count++;
    if (count > 0) this.#dropOldest(count);
  }

  #dropOldest(count: number): void {
    for (const item of this.#items.splice(0, count)) this.#sizeBytes -= item.frame.payload.byteLength;
    this.#firstNumber += count;
  }
}
