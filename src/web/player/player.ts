import { batch, type Signal, signal } from "@preact/signals";
import type { LiveStream } from "#web/wire.ts";
import type { Engine, Quality } from "./engine.ts";
import { HlsEngine, loadHls } from "./hls-engine.ts";
import { LiveWatch } from "./live-watch.ts";
import { NativeEngine } from "./native-engine.ts";
import { type Phase, type PhaseEvent, step, wantsMedia, wantsStatus } from "./phase.ts";
import { readSeekRange, type SeekRange } from "./seek-range.ts";
import { learnServerTime } from "./server-time.ts";

/** How often the picture is looked at, milliseconds. */
const LOOK_EVERY_MS = 250;
/** A picture that stands still for so long is called reconnecting, milliseconds. */
const STALLED_AFTER_MS = 1_200;
/** Standing still although the server goes on: jump to the live edge, then begin anew, milliseconds. */
const JUMP_AFTER_MS = 4_000;
const RESTART_AFTER_MS = 9_000;
/** Further behind than this beyond the target, not by the viewer's will, is jumped over, milliseconds. */
const DRIFT_MS_MAX = 3_000;
/** Beyond the target by this much the page offers to go live: soon where the viewer went back, late where a slow machine wavers, milliseconds. */
const BEHIND_BY_CHOICE_MS = 1_000;
const BEHIND_MS = 3_000;
/** This near to the target a viewer is live again, however he came there, milliseconds. */
const LIVE_AGAIN_MS = 400;

/** Fewer new pictures a second than this, and the server may be showing the last one again and again. */
const PICTURES_PER_SECOND_MIN = 6;

/** How the page wants to begin. */
export interface PlayerOptions {
  readonly stream: LiveStream;
  readonly autoplay: boolean;
  readonly muted: boolean;
}

/** The player behind the controls: one video element, one engine, and what the viewer should know, as signals. */
export class Player {
  readonly video: HTMLVideoElement;
  readonly stream: Signal<LiveStream>;
  readonly phase: Signal<Phase>;
  readonly paused: Signal<boolean> = signal(true);
  readonly muted: Signal<boolean> = signal(true);
  readonly volume: Signal<number> = signal(1);
  /** The browser waits for a tap before it plays. */
  readonly needsTap: Signal<boolean> = signal(false);
  /** Sound was never asked for: offer it. */
  readonly offersSound: Signal<boolean> = signal(true);
  readonly latencyMs: Signal<number | undefined> = signal(undefined);
  readonly behindMs: Signal<number> = signal(0);
  /** What can be gone back to; `undefined` while nothing is known. */
  readonly range: Signal<SeekRange | undefined> = signal(undefined);
  readonly qualities: Signal<readonly Quality[]> = signal([]);
  readonly chosen: Signal<number> = signal(-1);
  readonly playingQuality: Signal<number> = signal(-1);
  readonly stalls: Signal<number> = signal(0);
  /** Time goes on, the picture does not: the server bridges a gap. */
  readonly isStill: Signal<boolean> = signal(false);
  readonly unsupported: Signal<"player" | "codec" | undefined> = signal(undefined);
  /** The last picture, kept while the element may lose it. */
  readonly frozen: HTMLCanvasElement = document.createElement("canvas");
  readonly isFrozen: Signal<boolean> = signal(false);
  /** The element shows a still picture of the stream. */
  readonly hasPoster: Signal<boolean> = signal(false);
  #engine: Engine | undefined;
  readonly #watch: LiveWatch;
  readonly #autoplay: boolean;
  #wasPlayed = false;
  #lastTime = 0;
  #movedMs = 0;
  #jumpedMs = 0;
  #behindByChoice = false;
  /** What the viewer wants, whatever the element is doing just now. */
  #wantsPlay = true;
  #fullTimer = 0;
  /** What the server said last, while it is being asked. */
  #said: PhaseEvent | undefined;
  #pictures = 0;
  #countedMs = 0;

  constructor(video: HTMLVideoElement, options: PlayerOptions) {
    this.video = video;
    this.#autoplay = options.autoplay;
    this.stream = signal(options.stream);
    this.phase = signal<Phase>("before");
    video.muted = options.muted;
    video.playsInline = true;
    video.disablePictureInPicture = false;
    this.frozen.className = "stage-frozen";
    this.frozen.hidden = true;
    this.#listenToVideo();
    this.#watch = new LiveWatch(options.stream.name, {
      state: (stream) => {
        this.stream.value = stream;
        // The next broadcast may be in a format that can be played.
        if (stream.state === "offline" && this.unsupported.value === "codec") this.unsupported.value = undefined;
        this.#said = { type: "status", state: stream.state, hasEnded: stream.endedMs !== null };
        this.#tell(this.#said);
        // The picture that stands still is the last one there will be.
        if (stream.state === "offline" && this.isStill.value) this.#tell({ type: "ended" });
      },
      missing: () => this.#tell({ type: "missing" }),
      unreachable: () => this.#tell({ type: "unreachable" }),
    });
    window.setInterval(() => this.#look(), LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", () => this.#visible());
    window.addEventListener("online", () => this.#watchOrNot());
  }

  /** Chooses how to play, and begins. */
  async open(): Promise<void> {
    this.#watch.start();
    const { state, endedMs } = this.stream.value;
    const Hls = await loadHls();
    const url = `/live/${encodeURIComponent(this.stream.value.name)}/index.m3u8`;
    const listener = {
      ended: () => this.#tell({ type: "ended" }),
      full: (seconds: number) => this.#full(seconds),
      unreachable: () => this.#tell({ type: "unreachable" }),
      undecodable: () => {
        this.unsupported.value = "codec";
      },
      changed: () => this.#readQualities(),
      turned: () => this.#watch.startSoon(),
      freeze: () => this.#freeze(),
    } as const;
    if (Hls.isSupported()) this.#engine = new HlsEngine({ video: this.video, url, listener });
    else if (this.video.canPlayType("application/vnd.apple.mpegurl") !== "") {
      this.#engine = new NativeEngine({ video: this.video, url, listener });
    } else {
      this.unsupported.value = "player";
      return;
    }
    if (!this.#autoplay) this.needsTap.value = true;
    if (wantsMedia(this.phase.value)) this.#startMedia();
    else this.#tell({ type: "status", state, hasEnded: endedMs !== null });
  }

  get engine(): Engine | undefined {
    return this.#engine;
  }

  #startMedia(): void {
    this.#movedMs = performance.now();
    void learnServerTime();
    if (!this.needsTap.value || this.#wasPlayed) this.#engine?.start();
  }

  #tell(event: PhaseEvent): void {
    const before = this.phase.value;
    const after = step(before, event);
    if (after !== before) this.#enter(after, before);
    this.#watchOrNot();
    // What the server said while the picture still moved counts from now on.
    if (after === "reconnecting" && before === "playing" && this.#said !== undefined) this.#tell(this.#said);
  }

  #enter(after: Phase, before: Phase): void {
    if (after !== "playing") this.isStill.value = false;
    if (after === "reconnecting" || after === "over") this.#freeze();
    // Standing still at the end of a broadcast is no stall.
    if (after === "over" && before === "reconnecting") this.stalls.value--;
    this.phase.value = after;
    const [had, wants] = [wantsMedia(before), wantsMedia(after)];
    if (wants && !had) this.#startMedia();
    if (!wants && had) this.#engine?.stop();
    if (after === "playing") this.#unfreeze();
  }

  /** While pictures move, nobody needs to be asked. */
  #watchOrNot(): void {
    const { state } = this.stream.value;
    const isDoubtful = this.isStill.value || state === "interrupted" || state === "slate";
    if (wantsStatus(this.phase.value) || isDoubtful) {
      this.#watch.start();
      return;
    }
    this.#watch.stop();
    this.#said = undefined;
  }

  #full(seconds: number): void {
    this.#tell({ type: "full" });
    window.clearTimeout(this.#fullTimer);
    // Spread the returning crowd over the time the server asks for.
    this.#fullTimer = window.setTimeout(() => this.#tell({ type: "retry" }), seconds * 1000 * (1 + Math.random()));
  }

  #listenToVideo(): void {
    const { video } = this;
    for (const name of ["play", "pause", "volumechange"]) video.addEventListener(name, () => this.#readVideo());
    video.addEventListener("resize", () => this.#readQualities());
    video.addEventListener("loadstart", () => {
      if (this.#wantsPlay && !this.needsTap.value) void this.#play();
    });
    this.#readVideo();
  }

  #readVideo(): void {
    const { video } = this;
    batch(() => {
      this.paused.value = video.paused;
      this.muted.value = video.muted || video.volume === 0;
      this.volume.value = video.volume;
    });
  }

  #readQualities(): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    batch(() => {
      this.qualities.value = engine.qualities();
      this.chosen.value = engine.chosen();
      this.playingQuality.value = engine.playing();
    });
  }

  /** Looks whether the picture moves and where it is. */
  #look(): void {
    const engine = this.#engine;
    const { video } = this;
    const nowMs = performance.now();
    const time = video.currentTime;
    const hasMoved = time > this.#lastTime && !video.paused && video.readyState >= 2;
    if (time !== this.#lastTime) this.#lastTime = time;
    if (engine === undefined || !wantsMedia(this.phase.value)) {
      this.latencyMs.value = undefined;
      this.range.value = undefined;
      return;
    }
    this.range.value = readSeekRange(video, engine);
    if (video.paused || this.needsTap.value) {
      this.#movedMs = nowMs;
      this.#readLatency(engine);
      return;
    }
    if (hasMoved) {
      this.#movedMs = nowMs;
      this.#wasPlayed = true;
      this.#tell({ type: "playing" });
      this.#readLatency(engine);
      this.#holdTheEdge(engine, nowMs);
      this.#countPictures(nowMs);
      return;
    }
    this.#notMoving(engine, nowMs - this.#movedMs, nowMs);
  }

  #notMoving(engine: Engine, stillMs: number, nowMs: number): void {
    if (stillMs > STALLED_AFTER_MS && this.phase.value === "playing") {
      this.stalls.value++;
      this.#tell({ type: "stalled" });
    }
    if (this.phase.value !== "reconnecting") return;
    const live = engine.livePosition();
    if (stillMs > RESTART_AFTER_MS) {
      this.#movedMs = nowMs;
      this.#freeze();
      engine.start();
    } else if (stillMs > JUMP_AFTER_MS && nowMs - this.#jumpedMs > JUMP_AFTER_MS) {
      this.#jumpedMs = nowMs;
      if (live !== undefined && live > this.video.currentTime + 0.5) this.video.currentTime = live;
    }
  }

  #countPictures(nowMs: number): void {
    if (nowMs - this.#countedMs < 1000 || this.video.videoWidth === 0 || document.hidden) return;
    const pictures = this.video.getVideoPlaybackQuality().totalVideoFrames;
    const perSecond = ((pictures - this.#pictures) * 1000) / (nowMs - this.#countedMs);
    const wasCounting = nowMs - this.#countedMs < 2000;
    this.#pictures = pictures;
    this.#countedMs = nowMs;
    const isStill = wasCounting && perSecond < PICTURES_PER_SECOND_MIN;
    if (isStill === this.isStill.value) return;
    this.isStill.value = isStill;
    this.#watchOrNot();
  }

  #readLatency(engine: Engine): void {
    const latencyMs = engine.latencyMs();
    const beyondMs = latencyMs === undefined ? 0 : latencyMs - engine.targetLatencyMs();
    if (beyondMs < LIVE_AGAIN_MS && !this.video.paused) this.#behindByChoice = false;
    batch(() => {
      this.latencyMs.value = latencyMs;
      this.behindMs.value = beyondMs > (this.#behindByChoice ? BEHIND_BY_CHOICE_MS : BEHIND_MS) ? beyondMs : 0;
    });
  }

  /** A viewer who did not choose to be behind is brought back. */
  #holdTheEdge(engine: Engine, nowMs: number): void {
    const live = engine.livePosition();
    if (this.#behindByChoice || live === undefined || nowMs - this.#jumpedMs < JUMP_AFTER_MS) return;
    if ((live - this.video.currentTime) * 1000 < DRIFT_MS_MAX) return;
    this.#jumpedMs = nowMs;
    this.video.currentTime = live;
  }

  #freeze(): void {
    const { video, frozen } = this;
    if (video.videoWidth === 0 || video.readyState < 2) return;
    frozen.width = video.videoWidth;
    frozen.height = video.videoHeight;
    frozen.getContext("2d")?.drawImage(video, 0, 0);
    frozen.hidden = false;
    this.isFrozen.value = true;
  }

  #unfreeze(): void {
    this.frozen.hidden = true;
    this.isFrozen.value = false;
  }

  #visible(): void {
    if (document.hidden) return;
    // Browsers stop what is hidden; what happened meanwhile is no stall.
    this.#movedMs = performance.now();
    this.#watchOrNot();
  }

  /** Plays or pauses. A viewer who pauses stays where he is. */
  toggle(): void {
    if (this.needsTap.value) {
      this.tap();
      return;
    }
    this.#wantsPlay = this.video.paused;
    if (this.#wantsPlay) void this.#play();
    else {
      this.#behindByChoice = true;
      this.video.pause();
    }
  }

  async #play(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.needsTap.value = true;
    }
  }

  /** The tap the browser waited for: where the page wanted to begin by itself it brings the sound too. */
  tap(): void {
    this.needsTap.value = false;
    this.#wasPlayed = true;
    this.#wantsPlay = true;
    if (this.#autoplay) this.setMuted(false);
    if (wantsMedia(this.phase.value) && this.video.readyState === 0) this.#engine?.start();
    void this.#play();
  }

  setMuted(muted: boolean): void {
    this.offersSound.value = false;
    if (!muted && this.video.volume === 0) this.video.volume = 0.5;
    this.video.muted = muted;
    // The element tells later; the next key press must know already.
    this.#readVideo();
  }

  setVolume(volume: number): void {
    this.offersSound.value = false;
    this.video.volume = Math.min(1, Math.max(0, volume));
    this.video.muted = this.video.volume === 0;
    this.#readVideo();
  }

  goLive(): void {
    this.#behindByChoice = false;
    this.#wantsPlay = true;
    this.#jumpedMs = performance.now();
    this.#engine?.goLive();
    if (this.video.paused) void this.#play();
  }

  /** Moves within what the server still has. */
  seekBy(seconds: number): void {
    this.seekTo(this.video.currentTime + seconds);
  }

  /** Goes to a position on the video's own time line, or as near to it as the server still has, seconds. */
  seekTo(position: number): void {
    const range = readSeekRange(this.video, this.#engine);
    if (range === undefined) return;
    if (position >= range.live) {
      this.goLive();
      return;
    }
    this.#behindByChoice = true;
    // Loading what is there takes its moment: no stall.
    this.#movedMs = performance.now();
    this.video.currentTime = Math.max(range.start, position);
    this.range.value = readSeekRange(this.video, this.#engine);
  }

  choose(index: number): void {
    this.#engine?.choose(index);
    this.#readQualities();
  }
}
