import type { BroadcastWindow } from "#packaging/broadcast-window.ts";

/** A live window the edge can serve from. */
export interface ServedWindow {
  readonly stream: string;
  readonly window: BroadcastWindow;
  /** Monotonic time of the window's last change, milliseconds. */
  readonly changedAtMs: number;
  /** The window is not kept any more. */
  readonly gone: boolean;
  /** Calls `listener` synchronously after each batch of records that changed the window, and once when it is {@link gone}. The answer ends it. */
  onChange(listener: () => void): () => void;
}

/** Where the edge finds live windows: an origin in this process, or links to one elsewhere. */
export interface WindowSource {
  /** Every window kept of a stream, newest broadcast first; empty for a stream that is not on air. Called for each request: must be quick. */
  windows(stream: string): readonly ServedWindow[];
}

/** A still picture of a stream. */
export interface Poster {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  /** Another picture has another version. Letters, digits and dashes. */
  readonly version: string;
}

/** Where the edge finds still pictures. */
export interface PosterSource {
  /** The newest one, the same object until there is a newer one; `undefined` while there is none. */
  poster(stream: string): Poster | undefined;
}
