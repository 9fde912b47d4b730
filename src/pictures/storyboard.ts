import type { HelloRecord } from "#link/record.ts";
import type { PictureSize } from "./picture-size.ts";

/** Stills kept of a broadcast: a window of an hour with one every 4.5 s has 800. The oldest goes first. */
export const STILLS_MAX = 900;
/** Bytes of stills kept of a broadcast: with the most of them 9 kB each, three times what a busy picture takes. The oldest goes first. */
export const STILLS_BYTES_MAX: number = 8 * 1024 * 1024;

/** A WebP with the name of the keyframe it was made of. */
export interface Picture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: "image/webp";
  /** Timeline, segment and frame, with dashes between: another picture, another version. */
  readonly version: string;
}

/** A small picture of a moment of the live window. */
export interface Still extends Picture, PictureSize {
  /** When the keyframe it was made of is shown, stream time in microseconds. */
  readonly atMicros: number;
}

/** The stills of a broadcast as they are now. */
export interface StoryboardSnapshot {
  readonly timelineId: string;
  /** As {@link HelloRecord.originMicros}. */
  readonly originMicros: number;
  /** Oldest first. A still stands for the time up to the next one. */
  readonly stills: readonly Still[];
}

/**
 * The stills of a broadcast's live window, oldest first. The first one may be older than the window: it stands for the window's first moments.
 *
 *       window ├──────────────────────────────┤
 *     │still    │still    │still    │still          each until the next
 */
export class Storyboard {
  readonly #timelineId: string;
  readonly #originMicros: number;
  readonly #windowMicros: number;
  /** By version, oldest first. */
  readonly #stills = new Map<string, Still>();
  #sizeBytes = 0;
  #newest: Still | undefined;
  #snapshot: StoryboardSnapshot | undefined;

  constructor({
    timelineId,
    originMicros,
    windowMicros,
  }: Pick<HelloRecord, "timelineId" | "originMicros" | "windowMicros">) {
    this.#timelineId = timelineId;
    this.#originMicros = originMicros;
    this.#windowMicros = windowMicros;
  }

  /** Bytes of all stills. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** How far back stills are kept, microseconds. */
  get windowMicros(): number {
    return this.#windowMicros;
  }

  /** Takes the newest still; one that is not newer than the last is left out. */
  add(still: Still): void {
    if (still.atMicros <= (this.#newest?.atMicros ?? Number.NEGATIVE_INFINITY)) return;
    this.#newest = still;
    this.#stills.set(still.version, still);
    this.#sizeBytes += still.bytes.byteLength;
    this.#snapshot = undefined;
    for (const [version, oldest] of this.#stills) {
      if (this.#stills.size <= STILLS_MAX && this.#sizeBytes <= STILLS_BYTES_MAX) break;
      this.#drop(version, oldest);
    }
  }

  /** The broadcast has come to `nowMicros`: what stands only for moments that have left the window goes. */
  advance(nowMicros: number): void {
    let before: Still | undefined;
    for (const still of this.#stills.values()) {
      if (still.atMicros > nowMicros - this.#windowMicros) break;
      if (before !== undefined) this.#drop(before.version, before);
      before = still;
    }
  }

  #drop(version: string, still: Still): void {
    this.#stills.delete(version);
    this.#sizeBytes -= still.bytes.byteLength;
    this.#snapshot = undefined;
  }

  /** The still of that version, while it is kept. */
  find(version: string): Still | undefined {
    return this.#stills.get(version);
  }

  /** All stills; the same object until one comes or goes, `undefined` while there is none. */
  snapshot(): StoryboardSnapshot | undefined {
    if (this.#stills.size === 0) return undefined;
    this.#snapshot ??= {
      timelineId: this.#timelineId,
      originMicros: this.#originMicros,
      stills: [...this.#stills.values()],
    };
    return this.#snapshot;
  }
}
