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

/** A picture of a stream. */
export interface Picture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  /** Another picture has another version. Letters, digits and dashes. */
  readonly version: string;
}

/** A small picture of a moment of a live window. Its version is the timeline's id, a segment number and a frame's number, with dashes between. */
export interface Still extends Picture {
  /** The moment, stream time in microseconds. */
  readonly atMicros: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** The stills of a live window. */
export interface StoryboardSnapshot {
  readonly timelineId: string;
  /** Where the manifest of the broadcast counts from, stream time in microseconds. */
  readonly originMicros: number;
  /** Oldest first, at least one. A still stands for the time up to the next one. */
  readonly stills: readonly Still[];
}

/** Where the edge finds still pictures. */
export interface PictureSource {
  /** The newest picture of a stream, the same object until there is a newer one; `undefined` while there is none. */
  poster(stream: string): Picture | undefined;
  /** The stills of a stream, the same object until one comes or goes; `undefined` while there is none. */
  storyboard(stream: string): StoryboardSnapshot | undefined;
  /** One of the {@link storyboard}'s stills by its version. */
  still(stream: string, version: string): Still | undefined;
}
