import type { Role } from "#flow/role.ts";
import type { LinkRecord } from "#link/record.ts";
import type { BroadcastDirectory, LinkSource } from "#link/subscription.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { Track, VideoConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Counter, Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { type PictureOutcome, PictureProcess } from "./picture-process.ts";
import { pictureSize, stillSize } from "./picture-size.ts";
import { KEYFRAME_BYTES_MAX, type KeyframeVerdict } from "./picture-wire.ts";
import { type Picture, type Still, Storyboard, type StoryboardSnapshot } from "./storyboard.ts";

/** A keyframe this long after the last picture makes the next one, milliseconds: every 5 s where keyframes come each second. */
const PICTURE_EVERY_MS = 4500;
/** A stream whose keyframe cost a worker waits so long for its next picture, milliseconds: others are not to suffer. */
const PAUSE_AFTER_LOSS_MS = 30_000;
/** How long the last picture stays after the end of a broadcast, milliseconds. */
const KEPT_AFTER_END_MS = 60_000;

/** Keyframes of encoders that are not on air that wait for their verdict; what comes beyond gets none. */
const JUDGED_WAITING_MAX = 8;

const NOT_DECODED: Judgement = { verdict: "unknown", why: "it was not decoded" };
const LOST = "the process that makes still pictures was lost; it is started again by itself";

/** What {@link startPictures} needs. */
export interface PicturesOptions {
  /** Where broadcasts come from: the router. */
  readonly directory: BroadcastDirectory;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** For tests: what makes the pictures in place of a {@link PictureProcess}. */
  readonly process?: PictureMaker;
}

/** What the decoder made of a keyframe that was published. */
export interface KeyframeReport {
  readonly stream: string;
  readonly timelineId: string;
  /** When the keyframe is shown, stream time in microseconds. */
  readonly atMicros: number;
  readonly verdict: "intact" | "damaged";
  /** What is wrong with it, in a few words; empty where nothing is. */
  readonly why: string;
}

/** Makes one picture at a time. */
export type PictureMaker = Pick<PictureProcess, "make" | "stop">;

/** Keeps pictures of every stream: the newest one, and smaller ones of its live window. */
export interface Pictures extends Role {
  /** The newest picture; the same object until there is a newer one. `undefined` while there is none. */
  poster(stream: string): Picture | undefined;
  /** The stills of the newest broadcast's live window; the same object until one comes or goes. `undefined` while there is none. */
  storyboard(stream: string): StoryboardSnapshot | undefined;
  /** One still by its version, while it is in the storyboard. */
  still(stream: string, version: string): Still | undefined;
  /** Calls `listener` with what became of each encoder's keyframe that was decoded for a picture. It must not throw. The answer ends it. */
  onReport(listener: (report: KeyframeReport) => void): () => void;
  /** Decodes a keyframe of an encoder that is not on air and tells whether it is whole; no picture is kept. Never rejects. */
  judge(config: VideoConfig, keyframe: Uint8Array): Promise<Judgement>;
}

/** What the decoder made of a keyframe, and why. */
export interface Judgement {
  readonly verdict: KeyframeVerdict;
  readonly why: string;
}

interface Keyframe {
  readonly config: VideoConfig;
  /** When it is shown, stream time in microseconds. */
  readonly atMicros: number;
  readonly frame: Frame;
}

/** One broadcast whose pictures are made. */
interface Subject {
  readonly stream: string;
  readonly timelineId: string;
  poster: Picture | undefined;
  /** Of its live window, once the link has said hello. */
  storyboard: Storyboard | undefined;
  /** The first picture track. */
  track: Track | undefined;
  /** The newest keyframe that waits for the worker; an older one that was not taken is given up. */
  waiting: Keyframe | undefined;
  /** Keyframes before this time are passed over, monotonic milliseconds. */
  dueMs: number;
  /** Its keyframes gave no picture, and that was told. */
  isRefused: boolean;
  /** One of its keyframes was whole: damaged ones make no picture any more. */
  hasBeenIntact: boolean;
  /** Damaged keyframes in a row. */
  damaged: number;
}

/** A keyframe of an encoder that is not on air. */
interface Judged {
  readonly config: VideoConfig;
  readonly keyframe: Uint8Array;
  readonly done: (judgement: Judgement) => void;
}

class RunningPictures implements Pictures {
  readonly closed: Promise<Error | null>;
  readonly #options: PicturesOptions;
  readonly #process: PictureMaker;
  /** The newest broadcast of each stream, ended ones for a while. */
  readonly #subjects = new Map<string, Subject>();
  readonly #onAir = new Set<Subject>();
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(report: KeyframeReport) => void>();
  readonly #judged: Judged[] = [];
  readonly #stopListening: () => void;
  readonly #removeGauge: () => void;
  readonly #resolveClosed: (error: Error | null) => void;
  readonly #made: Counter;
  readonly #failed: Counter;
  #isBusy = false;
  #jobs = 0;

  constructor(options: PicturesOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const { directory, metrics, clock, observer } = options;
    const lostIdle = (why: string): void => observer.event("warn", "pictures.worker.lost", { why }, LOST);
    this.#process = options.process ?? new PictureProcess(clock, { lostIdle });
    this.#made = metrics.counter("grandstand_pictures_made_total", "Still pictures made of keyframes.");
    this.#failed = metrics.counter("grandstand_pictures_failed_total", "Keyframes that no still picture came of.");
    this.#removeGauge = metrics.gauge("grandstand_pictures_kept_bytes", "Bytes of still pictures kept.", () => {
      let sum = 0;
      for (const { poster, storyboard } of this.#subjects.values())
        sum += (poster?.bytes.byteLength ?? 0) + (storyboard?.sizeBytes ?? 0);
      return sum;
    });
    this.#stopListening = directory.onStarted((source) => this.#follow(source));
    for (const source of directory.broadcasts()) this.#follow(source);
  }

  poster(stream: string): Picture | undefined {
    return this.#subjects.get(stream)?.poster;
  }

  storyboard(stream: string): StoryboardSnapshot | undefined {
    return this.#subjects.get(stream)?.storyboard?.snapshot();
  }

  still(stream: string, version: string): Still | undefined {
    return this.#subjects.get(stream)?.storyboard?.find(version);
  }

  onReport(listener: (report: KeyframeReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  judge(config: VideoConfig, keyframe: Uint8Array): Promise<Judgement> {
    const isRoom = this.#judged.length < JUDGED_WAITING_MAX && keyframe.byteLength <= KEYFRAME_BYTES_MAX;
    // The worker rests while nothing is on air.
    if (!isRoom || this.#onAir.size === 0) return Promise.resolve(NOT_DECODED);
    const { promise, resolve } = Promise.withResolvers<Judgement>();
    this.#judged.push({ config, keyframe, done: resolve });
    if (!this.#isBusy) this.#track(this.#work());
    return promise;
  }

  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) {
      this.#stopListening();
      this.#abort.abort(new Error("the pictures close"));
    }
    await this.#process.stop();
    await Promise.all(this.#running);
    this.#removeGauge();
    this.#resolveClosed(null);
  }

  #follow(source: LinkSource): void {
    if (this.#abort.signal.aborted) return;
    this.#track(this.#keep(source));
  }

  #track(work: Promise<void>): void {
    const run = work.finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** One broadcast from its start until its last picture is given up. */
  async #keep(source: LinkSource): Promise<void> {
    const { observer } = this.#options;
    const { stream, timelineId } = source;
    const subject: Subject = {
      stream,
      timelineId,
      // The last broadcast's is better than none.
      poster: this.#subjects.get(stream)?.poster,
      storyboard: undefined,
      track: undefined,
      waiting: undefined,
      dueMs: 0,
      isRefused: false,
      hasBeenIntact: false,
      damaged: 0,
    };
    this.#subjects.set(stream, subject);
    this.#onAir.add(subject);
    try {
      const isRemoved = await this.#read(source, subject);
      this.#leave(subject);
      if (!isRemoved) await this.#outlast(subject);
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        observer.event("error", "pictures.failed", { stream, error: text }, `${stream} has no more pictures`);
      }
    } finally {
      this.#leave(subject);
      if (this.#subjects.get(stream) === subject) this.#subjects.delete(stream);
    }
  }

  /** Keeps what there is after the end: the picture for a while, stills as long as the live window can be watched. */
  async #outlast(subject: Subject): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#abort;
    await clock.sleep(KEPT_AFTER_END_MS, signal);
    subject.poster = undefined;
    const windowMs = (subject.storyboard?.windowMicros ?? 0) / 1000;
    if (windowMs > KEPT_AFTER_END_MS) await clock.sleep(windowMs - KEPT_AFTER_END_MS, signal);
  }

  /** Reads a broadcast to its end; `true` when the stream was removed. */
  async #read(source: LinkSource, subject: Subject): Promise<boolean> {
    const { signal } = this.#abort;
    const subscription = source.subscribe({ from: "live", name: "pictures" });
    let isRemoved = false;
    try {
      do {
        for (const record of subscription.take()) {
          this.#take(record, subject);
          isRemoved ||= record.type === "end" && record.why === "removed";
        }
      } while (await subscription.ready({ signal }));
    } finally {
      subscription.close();
    }
    return isRemoved;
  }

  /** No further keyframes of it are taken. The worker rests while nothing is on air. */
  #leave(subject: Subject): void {
    subject.waiting = undefined;
    if (this.#onAir.delete(subject) && this.#onAir.size === 0) this.#track(this.#process.stop());
  }

  #take(record: LinkRecord, subject: Subject): void {
    if (record.type === "hello") subject.storyboard ??= new Storyboard(record);
    if (record.type === "hello" || record.type === "tracks") subject.track = videoOf(record.tracks);
    else if (record.type === "cut") subject.storyboard?.advance(record.startMicros);
    else if (record.type === "frame") this.#takeFrame(record.frame, subject);
  }

  #takeFrame(frame: Frame, subject: Subject): void {
    const { track } = subject;
    if (frame.track !== track?.id || track.config.kind !== "video" || (frame.flags & FrameFlag.KEY) === 0) return;
    if (frame.payload.byteLength > KEYFRAME_BYTES_MAX || this.#options.clock.nowMs() < subject.dueMs) return;
    const atMicros = ticksToMicros(frame.dts + frame.ptsOffset, track.timescale);
    subject.waiting = { config: track.config, atMicros, frame };
    if (!this.#isBusy) this.#track(this.#work());
  }

  /** Has pictures made, one after the other, until no keyframe waits. The stream that waits longest for a picture comes first. */
  async #work(): Promise<void> {
    this.#isBusy = true;
    while (!this.#abort.signal.aborted) {
      const judged = this.#judged.shift();
      if (judged !== undefined) await this.#judge(judged);
      let next: Subject | undefined;
      for (const subject of this.#onAir)
        if (subject.waiting !== undefined && subject.dueMs < (next?.dueMs ?? Number.POSITIVE_INFINITY)) next = subject;
      if (next?.waiting !== undefined && !this.#abort.signal.aborted) {
        const { waiting } = next;
        next.waiting = undefined;
        await this.#make(next, waiting);
      } else if (this.#judged.length === 0) break;
    }
    for (const { done } of this.#judged.splice(0)) done(NOT_DECODED);
    this.#isBusy = false;
  }

  async #make(subject: Subject, keyframe: Keyframe): Promise<void> {
    const { config, frame } = keyframe;
    const { signal } = this.#abort;
    subject.dueMs = this.#options.clock.nowMs() + PICTURE_EVERY_MS;
    const { codec, record } = config;
    const job = { id: this.#nextId, codec, record, keyframe: frame.payload, ...pictureSize(config) };
    const outcome = await this.#process.make(job);
    if (outcome.kind !== "lost") this.#note(subject, keyframe, outcome);
    const isGood = outcome.kind === "picture" && (outcome.verdict !== "damaged" || !subject.hasBeenIntact);
    if (isGood) this.#keepPicture(subject, keyframe, outcome);
    // What the end of the broadcast, or ours, cut short is nobody's fault.
    else if (this.#onAir.has(subject) && !signal.aborted) this.#tellFailure(subject, outcome);
  }

  /** Tells whether the keyframe was whole. After the first one that was not, the next is decoded at once; a held picture says nothing new. */
  #note(subject: Subject, { frame, atMicros }: Keyframe, { verdict, why }: Judgement): void {
    if (verdict === "unknown" || (frame.flags & FrameFlag.SLATE) !== 0) return;
    subject.hasBeenIntact ||= verdict === "intact";
    subject.damaged = verdict === "damaged" ? subject.damaged + 1 : 0;
    if (subject.damaged === 1) subject.dueMs = this.#options.clock.nowMs();
    const { stream, timelineId } = subject;
    for (const listener of this.#listeners) listener({ stream, timelineId, atMicros, verdict, why });
  }

  async #judge({ config, keyframe, done }: Judged): Promise<void> {
    const { codec, record } = config;
    const outcome = await this.#process.make({ id: this.#nextId, codec, record, keyframe, width: 0, height: 0 });
    done(outcome.kind === "lost" ? { verdict: "unknown", why: outcome.why } : outcome);
  }

  get #nextId(): number {
    return ++this.#jobs >>> 0;
  }

  #keepPicture(subject: Subject, keyframe: Keyframe, { bytes, still }: PictureOutcome & { kind: "picture" }): void {
    const { config, frame, atMicros } = keyframe;
    this.#made.add();
    subject.isRefused = false;
    const named = {
      contentType: "image/webp",
      version: `${subject.timelineId}-${frame.segment}-${frame.index}`,
    } as const;
    subject.poster = { bytes, ...named };
    subject.storyboard?.add({ bytes: still, ...named, atMicros, ...stillSize(pictureSize(config)) });
  }

  #tellFailure(subject: Subject, { kind, why }: PictureOutcome): void {
    const { clock, observer } = this.#options;
    const { stream } = subject;
    this.#failed.add();
    if (kind === "lost") {
      subject.dueMs = clock.nowMs() + PAUSE_AFTER_LOSS_MS;
      observer.event("warn", "pictures.worker.lost", { stream, why }, LOST);
    } else if (!subject.isRefused) {
      subject.isRefused = true;
      const message = `no still picture comes of the keyframes of ${stream}; the last one stays`;
      observer.event("warn", "pictures.keyframe.refused", { stream, why }, message);
    }
  }
}

/** The first picture track. */
function videoOf(tracks: readonly Track[]): Track | undefined {
  return tracks.find(({ config }) => config.kind === "video");
}

/** Starts the pictures: of every broadcast of the directory one is made of a keyframe about every five seconds, large and small. */
export function startPictures(options: PicturesOptions): Promise<Pictures> {
  return Promise.try(() => new RunningPictures(options));
}
