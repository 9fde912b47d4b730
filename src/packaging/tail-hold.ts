import type { LinkRecord } from "#link/record.ts";
import type { BroadcastWindow } from "./broadcast-window.ts";

/** Share of the part target that a segment's short last part is shown after the one before: longer than a way there and back and a download. */
const APART_SHARE = 0.8;
/** Records of one track that wait; a reader that has more of them at once gets everything. */
const HELD_RECORDS_MAX = 1024;

/** When a part of a track was shown last. */
interface Shown {
  readonly atMs: number;
  readonly batch: number;
}

/** Records of one track behind a seal that came too soon. */
interface Held {
  readonly dueMs: number;
  readonly records: LinkRecord[];
}

/**
 * Stands before a live window and keeps the end of a segment from being shown right after the part before it:
 *
 *   part 3 shown ──20 ms──▶ seal with a rest of one frame    held for most of a part target after part 3, with what follows in the track
 *   part 3 and the seal in one batch, or no rest             applied at once
 *
 * Players that load part by part take a segment for loaded when the playlist ends it between the arrival of a part and its place in the buffer,
 * and then wait for seconds without loading its rest. The request for the next playlist leaves with that for the part and is answered with it
 * where the rest is there already, so this is no rare coincidence: on a connection of 40 ms there and back every segment of sound meets it.
 * Nobody waits longer for this: the next part is a part target away.
 */
export class TailHold {
  readonly #window: BroadcastWindow;
  readonly #apartMs: number;
  readonly #shown = new Map<number, Shown>();
  readonly #held = new Map<number, Held>();
  #batch = 0;

  constructor(window: BroadcastWindow) {
    this.#window = window;
    this.#apartMs = (window.parameters.partTargetMicros * APART_SHARE) / 1000;
  }

  /** When the next of the tracks that are held is due, monotonic milliseconds; `undefined` while none is held. */
  get dueMs(): number | undefined {
    let due: number | undefined;
    for (const { dueMs } of this.#held.values()) due = Math.min(due ?? dueMs, dueMs);
    return due;
  }

  /** Applies a batch of records to the window, and what is due of earlier ones. */
  apply(records: readonly LinkRecord[], nowMs: number): void {
    this.#batch++;
    for (const [track, { dueMs }] of this.#held) if (dueMs <= nowMs) this.#release(track, nowMs);
    for (const record of records) this.#take(record, nowMs);
  }

  /** Applies everything that is held. */
  flush(nowMs: number): void {
    for (const track of this.#held.keys()) this.#release(track, nowMs);
  }

  #take(record: LinkRecord, nowMs: number): void {
    const track = trackOf(record);
    if (track === undefined) {
      this.#takeOfAll(record, nowMs);
      return;
    }
    const held = this.#held.get(track);
    if (held !== undefined) {
      held.records.push(record);
      if (held.records.length >= HELD_RECORDS_MAX) this.#release(track, nowMs);
      return;
    }
    const shown = this.#shown.get(track);
    const isHeld =
      record.type === "seal" &&
      shown !== undefined &&
      shown.batch !== this.#batch &&
      nowMs - shown.atMs < this.#apartMs &&
      this.#window.hasRest(track, record.segment);
    if (isHeld) this.#held.set(track, { dueMs: shown.atMs + this.#apartMs, records: [record] });
    else this.#applyOf(track, record, nowMs);
  }

  #takeOfAll(record: LinkRecord, nowMs: number): void {
    if (record.type === "hello" || record.type === "tracks" || record.type === "end") {
      this.flush(nowMs);
      this.#shown.clear();
    }
    this.#window.apply(record);
  }

  #applyOf(track: number, record: LinkRecord, nowMs: number): void {
    const before = this.#window.version;
    this.#window.apply(record);
    if (this.#window.version !== before) this.#shown.set(track, { atMs: nowMs, batch: this.#batch });
  }

  #release(track: number, nowMs: number): void {
    const held = this.#held.get(track);
    this.#held.delete(track);
    for (const record of held?.records ?? []) this.#applyOf(track, record, nowMs);
  }
}

/** The track that a record is about, `undefined` where it is about the broadcast. */
function trackOf(record: LinkRecord): number | undefined {
  if (record.type === "frame") return record.frame.track;
  return record.type === "seal" || record.type === "skip" ? record.track : undefined;
}
