import type { AirLog } from "./air-log.ts";
import type { AirtimeStore } from "./ports.ts";

/** How long after a change was stored the next one is, milliseconds: encoders that come and go all the time cost no more than that. */
const SAVE_EVERY_MS = 1000;
/** How long after one that could not be stored another try is made, milliseconds: each may wait for a lock. */
const RETRY_MS = 10_000;

/** Stores the time line of one broadcast when it changes, beside the path of the frames. */
export class AirLogSaver {
  readonly #stream: string;
  readonly #timelineId: string;
  readonly #log: AirLog;
  readonly #store: AirtimeStore;
  #savedChanges = 0;
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly stream: string;
    readonly timelineId: string;
    readonly log: AirLog;
    readonly store: AirtimeStore;
  }) {
    this.#stream = options.stream;
    this.#timelineId = options.timelineId;
    this.#log = options.log;
    this.#store = options.store;
  }

  /** Called some times a second. */
  tick(nowMs: number): void {
    if (this.#log.changes !== this.#savedChanges && nowMs >= this.#dueMs) this.#save(nowMs);
  }

  /** The broadcast is over. One that never began leaves what is there of the one before. */
  close(nowMs: number): void {
    if (this.#log.changes > 0) this.#save(nowMs);
  }

  #save(nowMs: number): void {
    const { changes } = this.#log;
    const airtime = this.#log.airtime(nowMs);
    const isSaved = this.#store.save({ stream: this.#stream, timelineId: this.#timelineId, airtime });
    if (isSaved) this.#savedChanges = changes;
    this.#dueMs = nowMs + (isSaved ? SAVE_EVERY_MS : RETRY_MS);
  }
}
