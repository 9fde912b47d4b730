import type { BroadcastWindow } from "#packaging/broadcast-window.ts";

/** A broadcast's live window with a wake-up for those who serve it. */
export class OpenWindow {
  readonly stream: string;
  readonly timelineId: string;
  readonly window: BroadcastWindow;
  #changedAtMs: number;
  #gone = false;
  readonly #listeners = new Set<() => void>();

  constructor(options: { stream: string; window: BroadcastWindow; nowMs: number }) {
    this.stream = options.stream;
    this.window = options.window;
    this.timelineId = options.window.timelineId;
    this.#changedAtMs = options.nowMs;
  }

  /** Monotonic time of the last change, milliseconds. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }

  /** The window is not kept any more: it is time to forget it. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls `listener` right after each batch of records that changed the window, and once when it is {@link gone}. The answer ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** For the origin: the window has changed. */
  changed(nowMs: number): void {
    this.#changedAtMs = nowMs;
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        // Whoever fails ends this window; the others must still hear that it is gone.
        this.#listeners.delete(listener);
        throw error;
      }
    }
  }

  /** For the origin: the window is dropped. */
  drop(nowMs: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.changed(nowMs);
    this.#listeners.clear();
  }
}
