/**
 * The prepared picture of a broadcast and when it is shown.
 *
 *   formats of the encoder on air are known ─▶ a slate is made for each picture, beside everything else
 *   nobody delivers ─▶ the slate plays at the pace of real time, as if a further encoder sent it
 *
 * The gate cannot tell it from an encoder: parameters of its own begin a segment with a discontinuity, and so do the encoder's when it is back.
 */
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { Slate, SlateMaker, SlateRequest } from "#media/slate.ts";
import type { AudioConfig, TrackConfig, VideoConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import { sameConfig } from "#timeline/checkpoint.ts";
import { samplesOf } from "#timeline/frame-length.ts";
import type { AnnouncedTrack } from "#timeline/timeline.ts";
import type { Rational } from "#time/ticks.ts";

/** How long after a slate could not be made the next attempt is, milliseconds. */
const RETRY_MS = 30_000;

/** A picture of the broadcast as its encoder sends it. */
export interface SlatePicture {
  readonly raw: RawTrack;
  readonly config: VideoConfig;
  readonly frameRate: Rational;
  /** A keyframe of it, where one is known. */
  readonly keyframe: Uint8Array | undefined;
}

/** A sound of the broadcast. */
export interface SlateSound {
  readonly raw: RawTrack;
  readonly config: AudioConfig;
}

/** What a slate must look like. */
export interface SlateFormat {
  /** One at least. */
  readonly pictures: readonly SlatePicture[];
  readonly sounds: readonly SlateSound[];
}

/** Where a slate plays: the gate of its broadcast. */
export interface SlateGate {
  openSession(nowMs: number): void;
  describe(values: EncoderMetadata): void;
  configure(raw: RawTrack, config: TrackConfig, nowMs: number): void;
  frame(frame: RawFrame, nowMs: number, wallMs: number): void;
}

/** One track of a slate that plays. */
interface Loop {
  readonly raw: RawTrack;
  readonly frames: readonly { readonly payload: Uint8Array; readonly keyframe: boolean }[];
  /** When frame `count` begins, milliseconds since the start. */
  readonly startMs: (count: number) => number;
  count: number;
}

interface Made {
  readonly format: SlateFormat;
  readonly slates: readonly { readonly raw: RawTrack; readonly slate: Slate }[];
}

/** Makes and plays the slate of one broadcast. */
export class SlatePlayer {
  readonly #maker: SlateMaker;
  readonly #gate: SlateGate;
  readonly #observer: Observer;
  readonly #texts: Pick<SlateRequest, "stream" | "file" | "title" | "words">;
  readonly #stop = new AbortController();
  #wanted: SlateFormat | undefined;
  #made: Made | undefined;
  readonly #leadMs: number;
  #retryMs = Number.NEGATIVE_INFINITY;
  #isMaking = false;
  #startedMs = 0;
  #loops: Loop[] | undefined;

  constructor(options: {
    readonly maker: SlateMaker;
    readonly gate: SlateGate;
    readonly observer: Observer;
    readonly texts: Pick<SlateRequest, "stream" | "file" | "title" | "words">;
    /** How much of it goes out at once when it begins, milliseconds: a part, so that players have something to play. */
    readonly leadMs: number;
  }) {
    this.#leadMs = options.leadMs;
    this.#maker = options.maker;
    this.#gate = options.gate;
    this.#observer = options.observer;
    this.#texts = options.texts;
  }

  /** A slate is on air. */
  get plays(): boolean {
    return this.#loops !== undefined;
  }

  /** There is one. It may be in a format of before: better than none. */
  get isReady(): boolean {
    return this.#made !== undefined;
  }

  /** Has a slate of this format made, unless there is one or it is being made. */
  prepare(format: SlateFormat, nowMs: number): void {
    if (this.#wanted === undefined || !sameFormat(this.#wanted, format)) {
      this.#wanted = format;
      this.#retryMs = Number.NEGATIVE_INFINITY;
    }
    const isMade = this.#made?.format === this.#wanted;
    if (isMade || this.#isMaking || nowMs < this.#retryMs || this.#stop.signal.aborted) return;
    void this.#make(this.#wanted, nowMs);
  }

  /** Goes on air. Does nothing when none is ready. */
  start(nowMs: number, wallMs: number): void {
    const made = this.#made;
    if (made === undefined || this.plays) return;
    const gate = this.#gate;
    gate.openSession(nowMs);
    const loops: Loop[] = [];
    for (const { raw, slate } of made.slates) {
      const { num, den } = slate.frameRate;
      if (raw.number === 0) gate.describe({ framerate: num / den });
      gate.configure(raw, slate.video, nowMs);
      loops.push({ raw, frames: slate.pictures, startMs: (count) => (count * 1000 * den) / num, count: 0 });
    }
    for (const { raw, config } of made.format.sounds) {
      gate.configure(raw, config, nowMs);
      const sound = raw.number === 0 ? made.slates[0]?.slate.sound : undefined;
      if (sound !== undefined) loops.push(soundLoop(raw, sound));
    }
    this.#startedMs = nowMs - this.#leadMs;
    this.#loops = loops;
    this.tick(nowMs, wallMs);
  }

  /** Plays what is due. */
  tick(nowMs: number, wallMs: number): void {
    const loops = this.#loops;
    if (loops === undefined) return;
    const playedMs = nowMs - this.#startedMs;
    for (;;) {
      let next: Loop | undefined;
      for (const loop of loops)
        if (next === undefined || loop.startMs(loop.count) < next.startMs(next.count)) next = loop;
      if (next === undefined || next.startMs(next.count) > playedMs) return;
      this.#play(next, nowMs, wallMs);
    }
  }

  /** An encoder takes its place. */
  pause(): void {
    this.#loops = undefined;
  }

  /** The broadcast is over. */
  close(): void {
    this.pause();
    this.#stop.abort(new Error("the broadcast is over"));
  }

  #play(loop: Loop, nowMs: number, wallMs: number): void {
    const { raw, frames, count } = loop;
    const frame = frames[count % frames.length];
    loop.count++;
    if (frame === undefined) return;
    const dts = Math.round(loop.startMs(count)) >>> 0;
    const { payload, keyframe } = frame;
    this.#gate.frame({ track: raw, dts, ptsOffset: 0, keyframe, payload }, nowMs, wallMs);
  }

  async #make(format: SlateFormat, nowMs: number): Promise<void> {
    this.#isMaking = true;
    const { stream, file } = this.#texts;
    try {
      // A clip takes its time: a card stands by until it is there.
      if (file !== undefined && this.#made === undefined) this.#made = await this.#ask(format, undefined);
      const made = await this.#ask(format, file);
      this.#made = made;
      let bytes = 0;
      for (const { slate } of made.slates) for (const { payload } of slate.pictures) bytes += payload.byteLength;
      this.#observer.event("info", "slate.made", { stream, pictures: made.slates.length, bytes }, "a slate stands by");
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#retryMs = nowMs + RETRY_MS;
      const text = "no slate: while no encoder delivers, the last picture is held";
      this.#observer.event("warn", "slate.failed", { stream, error: String(error) }, text);
    } finally {
      this.#isMaking = false;
    }
  }

  /** One slate for each picture. @throws what the maker does. */
  async #ask(format: SlateFormat, file: string | undefined): Promise<Made> {
    const slates = await Promise.all(
      format.pictures.map(async ({ raw, config, frameRate, keyframe }) => {
        const request: SlateRequest = {
          ...this.#texts,
          file,
          video: config,
          frameRate,
          audio: raw.number === 0 ? format.sounds[0]?.config : undefined,
          background: keyframe === undefined ? undefined : { config, payload: keyframe },
        };
        return { raw, slate: await this.#maker.make(request, this.#stop.signal) };
      }),
    );
    return { format, slates };
  }
}

function soundLoop(raw: RawTrack, { config, frames }: NonNullable<Slate["sound"]>): Loop {
  const before: number[] = [];
  let loopSamples = 0;
  for (const payload of frames) {
    before.push(loopSamples);
    loopSamples += samplesOf(config, payload);
  }
  const startMs = (count: number): number => {
    const loops = Math.floor(count / frames.length);
    return ((loops * loopSamples + (before[count % frames.length] ?? 0)) * 1000) / config.sampleRate;
  };
  return { raw, frames: frames.map((payload) => ({ payload, keyframe: true })), startMs, count: 0 };
}

function sameFormat(a: SlateFormat, b: SlateFormat): boolean {
  return sameTracks(a.pictures, b.pictures) && sameTracks(a.sounds, b.sounds);
}

function sameTracks(a: readonly AnnouncedTrack[], b: readonly AnnouncedTrack[]): boolean {
  const isSame = ({ raw, config }: AnnouncedTrack, other: AnnouncedTrack | undefined): boolean =>
    other !== undefined && other.raw.number === raw.number && sameConfig(config, other.config);
  return a.length === b.length && a.every((track, at) => isSame(track, b[at]));
}
