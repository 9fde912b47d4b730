import type Hls from "hls.js";
import type { FragBufferedData } from "hls.js";
import type { Engine, EngineListener, Quality } from "./engine.ts";
import { untilFirstPlaylist } from "./first-playlist.ts";
import { HLS_CONFIG } from "./hls-config.ts";
import { qualityLabels } from "./quality-label.ts";
import { serverNowMs } from "./server-time.ts";

type HlsClass = typeof Hls;

/** Latency at the live edge until the first playlist says it, milliseconds. */
const TARGET_LATENCY_MS = 1_500;
/** Given way per stall, seconds; taken back after so long without one, milliseconds. */
const GIVE_WAY_SECONDS = 0.25;
/** Most that is given way in all, seconds. */
const GIVE_WAY_SECONDS_MAX = 1.5;
const TAKE_BACK_EVERY_MS = 20_000;
/** Media errors mended in place within {@link MEDIA_ERRORS_WINDOW_MS} before the engine starts anew. */
const MEDIA_ERRORS_MAX = 2;
const MEDIA_ERRORS_WINDOW_MS = 10_000;
/** Pause before a new start, so that a broken stream is not asked for in a rush, milliseconds. */
const RESTART_PAUSE_MS = 250;

let loading: Promise<HlsClass> | undefined;

/** Fetches hls.js, once. */
export function loadHls(): Promise<HlsClass> {
  loading ??= import("hls.js").then((module) => module.default);
  return loading;
}

/** Plays through hls.js. A start is a fresh instance: nothing of a broken one is carried over. */
export class HlsEngine implements Engine {
  readonly #video: HTMLVideoElement;
  readonly #url: string;
  readonly #listener: EngineListener;
  #hls: Hls | undefined;
  #run: AbortController | undefined;
  #mediaErrorsMs: number[] = [];
  #baseSeconds: number | undefined;
  #extraSeconds = 0;
  #gaveWayMs = 0;
  /** What the viewer chose: it outlives the instance that plays. */
  #chosen = -1;

  constructor(options: { video: HTMLVideoElement; url: string; listener: EngineListener }) {
    this.#video = options.video;
    this.#url = options.url;
    this.#listener = options.listener;
  }

  start(): void {
    if (this.#hls !== undefined) this.#listener.freeze();
    this.#release();
    const run = new AbortController();
    this.#run = run;
    void this.#begin(run.signal).catch((error: unknown) => {
      if (!run.signal.aborted) throw error;
    });
  }

  stop(): void {
    this.#release();
  }

  #release(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#hls?.destroy();
    this.#hls = undefined;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const unreachable = (): void => this.#listener.unreachable();
    const asking = untilFirstPlaylist(this.#url, { signal, unreachable });
    const Hls = await loadHls();
    signal.throwIfAborted();
    const hls = new Hls({ ...HLS_CONFIG });
    this.#hls = hls;
    this.#listen(hls, Hls, signal);
    // The media source opens while the first playlist is waited for: a tenth of a second less when it is there.
    hls.attachMedia(this.#video);
    const first = await asking;
    signal.throwIfAborted();
    if (first.type === "there") {
      hls.loadSource(this.#url);
      return;
    }
    this.#release();
    this.#listener.full(first.retryAfterSeconds);
  }

  #listen(hls: Hls, { Events, ErrorTypes, ErrorDetails }: HlsClass, signal: AbortSignal): void {
    hls.on(Events.MANIFEST_PARSED, () => {
      if (this.#chosen >= 0 && this.#chosen < hls.levels.length) hls.nextLevel = this.#chosen;
      this.#listener.changed();
    });
    hls.on(Events.LEVEL_SWITCHED, () => this.#listener.changed());
    let run: number | undefined;
    hls.on(Events.FRAG_CHANGED, (_, { frag }) => {
      if (run !== undefined && frag.cc !== run) this.#listener.turned();
      run = frag.cc;
    });
    hls.on(Events.FRAG_BUFFERED, (_, data) => passOver(hls, data));
    let lastSn: number | undefined;
    hls.on(Events.LEVEL_LOADED, (_, { details }) => {
      if (lastSn === undefined && !details.live) {
        // What is left of an earlier broadcast: the one that was announced has no playlist yet.
        this.#restart(signal);
        return;
      }
      if (lastSn !== undefined && (details.startSN > lastSn || details.endSN < lastSn - 1)) {
        // Nothing joins this playlist to the one before: the server began anew.
        this.#restart(signal);
        return;
      }
      lastSn = details.endSN;
      this.#baseSeconds = details.partHoldBack || details.holdBack || details.targetduration * 3;
      this.#takeBack(hls);
    });
    hls.on(Events.MEDIA_ENDED, () => this.#listener.ended());
    hls.on(Events.ERROR, (_, error) => {
      if (error.details === ErrorDetails.BUFFER_STALLED_ERROR) this.#giveWay(hls);
      if (!error.fatal) return;
      if (
        error.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ||
        error.details === ErrorDetails.BUFFER_ADD_CODEC_ERROR
      ) {
        this.#release();
        this.#listener.undecodable();
      } else if (error.response?.code === 503) {
        this.#release();
        this.#listener.full(5);
      } else if (error.type === ErrorTypes.MEDIA_ERROR && this.#mayMend()) hls.recoverMediaError();
      else this.#restart(signal);
    });
  }

  #mayMend(): boolean {
    const nowMs = performance.now();
    this.#mediaErrorsMs = [...this.#mediaErrorsMs.filter((ms) => nowMs - ms < MEDIA_ERRORS_WINDOW_MS), nowMs];
    return this.#mediaErrorsMs.length <= MEDIA_ERRORS_MAX;
  }

  #restart(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listener.freeze();
    this.#release();
    const run = new AbortController();
    this.#run = run;
    const timer = setTimeout(() => this.start(), RESTART_PAUSE_MS);
    run.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  /** A stall says that this connection needs more air. */
  #giveWay(hls: Hls): void {
    this.#gaveWayMs = performance.now();
    this.#extraSeconds = Math.min(GIVE_WAY_SECONDS_MAX, this.#extraSeconds + GIVE_WAY_SECONDS);
    this.#applyTarget(hls);
  }

  #takeBack(hls: Hls): void {
    if (this.#extraSeconds === 0 || performance.now() - this.#gaveWayMs < TAKE_BACK_EVERY_MS) return;
    this.#gaveWayMs = performance.now();
    this.#extraSeconds = Math.max(0, this.#extraSeconds - GIVE_WAY_SECONDS);
    this.#applyTarget(hls);
  }

  #applyTarget(hls: Hls): void {
    if (this.#baseSeconds !== undefined) hls.targetLatency = this.#baseSeconds + this.#extraSeconds;
  }

  goLive(): void {
    const position = this.#hls?.liveSyncPosition;
    if (position === null || position === undefined) this.start();
    else this.#video.currentTime = position;
  }

  latencyMs(): number | undefined {
    const date = this.#hls?.playingDate;
    return date === null || date === undefined ? undefined : serverNowMs() - date.getTime();
  }

  targetLatencyMs(): number {
    return this.#baseSeconds === undefined ? TARGET_LATENCY_MS : (this.#baseSeconds + this.#extraSeconds) * 1000;
  }

  livePosition(): number | undefined {
    return this.#hls?.liveSyncPosition ?? undefined;
  }

  dateMsAt(position: number): number | undefined {
    const fragments = this.#hls?.latestLevelDetails?.fragments ?? [];
    const fragment = fragments.findLast(({ start }) => start <= position) ?? fragments[0];
    const dateMs = fragment?.programDateTime ?? undefined;
    return fragment === undefined || dateMs === undefined ? undefined : dateMs + (position - fragment.start) * 1000;
  }

  qualities(): readonly Quality[] {
    const { videoWidth, videoHeight } = this.#video;
    const labels = qualityLabels(this.#hls?.levels ?? [], Math.min(videoWidth, videoHeight));
    return labels.map((label, index) => ({ index, label }));
  }

  chosen(): number {
    return this.#chosen;
  }

  playing(): number {
    return this.#hls?.currentLevel ?? -1;
  }

  choose(index: number): void {
    this.#chosen = index;
    if (this.#hls !== undefined) this.#hls.nextLevel = index;
    this.#listener.changed();
  }
}

/**
 * After a change in the middle of a segment its first parts are never needed. hls.js would wait for them at the segment's end, for seconds, where the
 * last picture ends a microsecond before the segment does: they count as left out from now on.
 */
function passOver(hls: Hls, { frag, part }: FragBufferedData): void {
  if (part === null) return;
  const kind: string = frag.type;
  const details = kind === "audio" ? hls.audioTracks[hls.audioTrack]?.details : hls.levels[frag.level]?.details;
  for (const other of details?.partList ?? [])
    if (other.fragment.sn === frag.sn && other.index < part.index && !other.loaded) other.gap = true;
}
