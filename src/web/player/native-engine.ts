import type { Engine, EngineListener, Quality } from "./engine.ts";
import { untilFirstPlaylist } from "./first-playlist.ts";
import { serverNowMs } from "./server-time.ts";

/** A Safari video element knows the date of its time line's origin (`EXT-X-PROGRAM-DATE-TIME`). */
type DatedVideo = HTMLVideoElement & { getStartDate?: () => Date };

/** Distance Safari keeps from the live edge with 500 ms parts, milliseconds; it does not say. */
const TARGET_LATENCY_MS = 2_500;
const RESTART_PAUSE_MS = 500;

/** Plays through the browser itself: Safari before ManagedMediaSource. It chooses the quality alone. */
export class NativeEngine implements Engine {
  readonly #video: DatedVideo;
  readonly #url: string;
  readonly #listener: EngineListener;
  #run: AbortController | undefined;

  constructor(options: { video: HTMLVideoElement; url: string; listener: EngineListener }) {
    this.#video = options.video;
    this.#url = options.url;
    this.#listener = options.listener;
  }

  start(): void {
    this.stop();
    const run = new AbortController();
    this.#run = run;
    const { signal } = run;
    const video = this.#video;
    video.addEventListener("ended", () => this.#listener.ended(), { signal });
    video.addEventListener(
      "error",
      () => {
        this.#listener.freeze();
        const timer = setTimeout(() => this.start(), RESTART_PAUSE_MS);
        signal.addEventListener("abort", () => clearTimeout(timer));
      },
      { signal },
    );
    untilFirstPlaylist(this.#url, { signal, unreachable: () => this.#listener.unreachable() }).then(
      (first) => {
        if (signal.aborted) return;
        if (first.type === "full") {
          this.#listener.full(first.retryAfterSeconds);
          return;
        }
        video.src = this.#url;
      },
      () => undefined,
    );
  }

  stop(): void {
    if (this.#run === undefined) return;
    this.#run.abort();
    this.#run = undefined;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  livePosition(): number | undefined {
    const { seekable } = this.#video;
    return seekable.length === 0 ? undefined : seekable.end(seekable.length - 1) - TARGET_LATENCY_MS / 1000;
  }

  goLive(): void {
    const position = this.livePosition();
    if (position === undefined) this.start();
    else this.#video.currentTime = position;
  }

  dateMsAt(position: number): number | undefined {
    const startMs = this.#video.getStartDate?.().getTime();
    return startMs === undefined || Number.isNaN(startMs) ? undefined : startMs + position * 1000;
  }

  latencyMs(): number | undefined {
    const dateMs = this.dateMsAt(this.#video.currentTime);
    return dateMs === undefined ? undefined : serverNowMs() - dateMs;
  }

  targetLatencyMs(): number {
    return TARGET_LATENCY_MS;
  }

  qualities(): readonly Quality[] {
    return [];
  }

  chosen(): number {
    return -1;
  }

  playing(): number {
    return -1;
  }

  choose(): void {
    // The browser chooses.
  }
}
