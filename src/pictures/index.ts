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
import { KEYFRAME_BYTES_MAX } from "./picture-wire.ts";
import { type Picture, type Still, Storyboard, type StoryboardSnapshot } from "./storyboard.ts";

/** A keyframe this long after the last picture makes the next one, milliseconds: every 5 s where keyframes come each second. */
const PICTURE_EVERY_MS = 4500;
/** A stream whose keyframe cost a worker waits so long for its next picture, milliseconds: others are not to suffer. */
const PAUSE_AFTER_LOSS_MS = 30_000;
/** How long the last picture stays after the end of a broadcast, milliseconds. */
const KEPT_AFTER_END_MS = 60_000;

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
    for (;;) {
      let next: Subject | undefined;
      for (const subject of this.#onAir)
        if (subject.waiting !== undefined && subject.dueMs < (next?.dueMs ?? Number.POSITIVE_INFINITY)) next = subject;
      if (next?.waiting === undefined || this.#abort.signal.aborted) break;
      const { waiting } = next;
      next.waiting = undefined;
      await this.#make(next, waiting);
    }
    this.#isBusy = false;
  }

  async #make(subject: Subject, keyframe: Keyframe): Promise<void> {
    const { config, frame } = keyframe;
    subject.dueMs = this.#options.clock.nowMs() + PICTURE_EVERY_MS;
    const { codec, record } = config;
    const job = { id: ++this.#jobs >>> 0, codec, record, keyframe: frame.payload, ...pictureSize(config) };
    const outcome = await this.#process.make(job);
    if (outcome.kind === "picture") this.#keepPicture(subject, keyframe, outcome);
    // What the end of the broadcast, or ours, cut short is nobody's fault.
    else if (this.#onAir.has(subject) && !this.#abort.signal.aborted) this.#tellFailure(subject, outcome);
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

  #tellFailure(subject: Subject, { kind, why }: PictureOutcome & { kind: "lost" | "none" }): void {
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
