import { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import type { RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import { type Observer, silentObserver } from "#observe/event.ts";
import { parseRtmpUrl } from "#protocols/rtmp/rtmp-url.ts";
import type { Clock } from "#time/clock.ts";
import { systemClock } from "#time/system-clock.ts";
import type { EncoderRecord, EncoderTrack } from "#codecs/encoder-wire.ts";
import { Feed } from "./feed.ts";
import { type PublishSource, settingsOf } from "./source.ts";
import { SourceProcess } from "./source-process.ts";
import { PublishTarget, type TargetStatus } from "./target.ts";
import { TrackNormaliser } from "#codecs/track-normaliser.ts";

/** URLs one publisher may push to. */
export const PUBLISH_URLS_MAX = 2000;
/** From this many URLs on their key frames are spread over time, as those of many broadcasters are. */
const STAGGER_URLS_MIN = 8;
/** Over how long they are spread: the default distance of key frames. */
const STAGGER_MS = 2000;
/** How far a file is read ahead of its time, in milliseconds. */
const READ_AHEAD_MS = 1000;
const PUMP_MS = 10;
const DEFAULT_ENCODER = "Grandstand";

/** What {@link startPublisher} takes. */
export interface PublisherOptions {
  readonly source: PublishSource;
  /** `rtmp://` or `rtmps://` URLs; all get the same frames. */
  readonly urls: readonly string[];
  readonly observer?: Observer;
  readonly clock?: Clock;
  /** Closes the publisher. */
  readonly signal?: AbortSignal;
  /** Timestamp of the first frame in milliseconds, for tests of the 32-bit wrap. Default 0. */
  readonly timestampStartMs?: number;
  /**
   * Over how many milliseconds the URLs' sending times are spread: the last one sends so much later than the first. Default 0 below
   * 8 URLs, else 2,000.
   */
  readonly staggerMs?: number;
  /** False: a file goes as fast as the servers take it. Default true. */
  readonly realtime?: boolean;
  /** What we call ourselves to the server. */
  readonly encoder?: string;
  /** Certificate authorities in PEM that are trusted beside the usual ones. */
  readonly ca?: string;
}

/** What a publisher has done so far. */
export interface PublisherStatistics {
  readonly tracks: readonly EncoderTrack[];
  /** Frames the source gave. */
  readonly frames: number;
  /** Sums over all URLs. */
  readonly framesSent: number;
  readonly framesDropped: number;
  readonly bytesSent: number;
  readonly reconnects: number;
  /** URLs that take frames at the moment. */
  readonly publishing: number;
  readonly targets: readonly TargetStatus[];
}

/** A running test broadcaster. */
export interface Publisher extends Role {
  readonly statistics: PublisherStatistics;
  /** Breaks the connection to the URL of this place in the list as a pulled cable would; it comes back by itself. */
  breakConnection(index: number): void;
}

/**
 * Starts the source in a process of its own and pushes it to every URL in real time; resolves when the source has begun, while connections are
 * still being made. A lost connection is made again, a refused one is not. `closed` resolves with `null` after {@link Publisher.close} or
 * at the end of the file, else with the Fault of the source, or of the servers once all of them have refused.
 * @throws Fault `CONFIG_INVALID`, `MEDIA_UNREADABLE`, `CODEC_UNSUPPORTED`.
 */
export async function startPublisher(options: PublisherOptions): Promise<Publisher> {
  if (options.urls.length < 1 || options.urls.length > PUBLISH_URLS_MAX) {
    throw new Fault("CONFIG_INVALID", `${options.urls.length} URLs to publish to`, {
      at: "urls",
      hint: `give 1 to ${PUBLISH_URLS_MAX} RTMP URLs`,
    });
  }
  for (const url of options.urls) parseRtmpUrl(url);
  const broadcaster = new Broadcaster(options);
  await broadcaster.started;
  return broadcaster;
}

interface SourceTrack {
  readonly raw: RawTrack;
  readonly normaliser: TrackNormaliser;
}

class Broadcaster implements Publisher {
  readonly #options: PublisherOptions;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #process: SourceProcess;
  readonly #feed = new Feed();
  readonly #started = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #staggerMs: number;
  readonly #publishing = Promise.withResolvers<void>();
  readonly #realtime: boolean;
  readonly closed: Promise<Error | null>;
  #targets: PublishTarget[] = [];
  #tracks: SourceTrack[] = [];
  #told: readonly EncoderTrack[] = [];
  #frames = 0;
  #originMs: number | undefined;
  #ended = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#observer = options.observer ?? silentObserver;
    this.#staggerMs = options.staggerMs ?? (options.urls.length < STAGGER_URLS_MIN ? 0 : STAGGER_MS);
    this.#realtime = (options.realtime ?? true) || options.source.kind === "test";
    this.#process = new SourceProcess(settingsOf(options.source));
    this.closed = this.#run();
    // A start that failed is told by `started` as well.
    this.#started.promise.catch(() => undefined);
    const onAbort = (): void => void this.close();
    if (options.signal?.aborted === true) onAbort();
    else options.signal?.addEventListener("abort", onAbort, { once: true });
  }

  get started(): Promise<void> {
    return this.#started.promise;
  }

  get statistics(): PublisherStatistics {
    const targets = this.#targets.map((target) => target.status);
    const sum = (of: (status: TargetStatus) => number): number =>
      targets.reduce((total, status) => total + of(status), 0);
    return {
      tracks: this.#told,
      frames: this.#frames,
      framesSent: sum((status) => status.framesSent),
      framesDropped: sum((status) => status.framesDropped),
      bytesSent: sum((status) => status.bytesSent),
      reconnects: sum((status) => status.reconnects),
      publishing: sum((status) => (status.state === "publishing" ? 1 : 0)),
      targets,
    };
  }

  breakConnection(index: number): void {
    this.#targets[index]?.breakConnection();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.closed;
  }

  async #run(): Promise<Error | null> {
    try {
      const pumping = this.#pump();
      await Promise.race([this.#read(), aborted(this.#stop.signal), this.#allRefused()]);
      await this.#finishSending();
      this.#stop.abort();
      await pumping;
      this.#started.reject(new Fault("CONNECTION_LOST", "closed before the source began"));
      return null;
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      this.#started.reject(fault);
      return fault;
    } finally {
      this.#stop.abort();
      await Promise.all([this.#process.stop(), ...this.#targets.map((target) => target.close())]);
    }
  }

  /** Reads the source up to its end. */
  async #read(): Promise<void> {
    for await (const records of this.#process.records()) {
      for (const record of records) {
        // A file begins when somebody takes its first frame; the picture of a live source is lost until then.
        if (record.kind === "frame" && this.#frames === 0 && this.#options.source.kind === "file") {
          await this.#publishing.promise;
        }
        this.#take(record);
      }
      if (this.#options.source.kind === "file") await this.#holdBack();
      else for (const target of this.#targets) target.pump(this.#clock.nowMs());
    }
    this.#ended = true;
  }

  #take(record: EncoderRecord): void {
    if (record.kind === "tracks") this.#open(record.tracks);
    else if (record.kind === "config") this.#tracks[record.track]?.normaliser.configure(record.config);
    else if (record.kind === "frame") this.#frame(record);
  }

  #open(tracks: readonly EncoderTrack[]): void {
    this.#told = tracks;
    const counts = { video: 0, audio: 0 };
    this.#tracks = tracks.map(({ kind, codec }) => ({
      raw: { kind, number: counts[kind]++ },
      normaliser: new TrackNormaliser(codec),
    }));
    const { urls, encoder = DEFAULT_ENCODER, ca } = this.#options;
    const metadata = metadataOf(tracks, encoder);
    this.#targets = urls.map(
      (url, i) =>
        new PublishTarget({
          url,
          feed: this.#feed,
          lossless: !this.#realtime,
          delayMs: urls.length > 1 ? (this.#staggerMs * i) / (urls.length - 1) : 0,
          metadata,
          tracks: () => this.#configured(),
          encoder,
          ca,
          clock: this.#clock,
          observer: this.#observer,
          onPublishing: () => {
            this.#publishing.resolve();
            // One connection begins with a key frame at once, as an encoder's start does; many would disturb each other.
            if (urls.length === 1) this.#process.requestKeyframe();
          },
        }),
    );
    this.#started.resolve();
  }

  *#configured(): Generator<readonly [RawTrack, TrackConfig]> {
    for (const { raw, normaliser } of this.#tracks) {
      if (normaliser.config !== undefined) yield [raw, normaliser.config];
    }
  }

  #frame(record: Extract<EncoderRecord, { kind: "frame" }>): void {
    const track = this.#tracks[record.track];
    const payload = track?.normaliser.sample(record.payload);
    const config = track?.normaliser.config;
    if (track === undefined || payload === undefined || config === undefined) return;
    this.#frames++;
    const dtsMs = Math.round(record.dtsMicros / 1000);
    const ptsMs = Math.round((record.dtsMicros + record.ptsOffsetMicros) / 1000);
    const nowMs = this.#clock.nowMs();
    this.#originMs ??= nowMs - dtsMs;
    const paced = this.#options.source.kind === "file" && this.#realtime;
    const hasVideo = this.#told.some((told) => told.kind === "video");
    this.#feed.push({
      dueMs: paced ? this.#originMs + dtsMs : nowMs,
      entry: track.raw.kind === "video" ? record.keyframe && track.raw.number === 0 : !hasVideo,
      config,
      frame: {
        track: track.raw,
        dts: ((this.#options.timestampStartMs ?? 0) + dtsMs) % 2 ** 32,
        ptsOffset: track.raw.kind === "video" ? ptsMs - dtsMs : 0,
        keyframe: track.raw.kind === "audio" || record.keyframe,
        payload,
      },
    });
  }

  /** Does not read on while the file is ahead of its time, or, where it has none, while a server cannot follow. */
  async #holdBack(): Promise<void> {
    for (;;) {
      const last = this.#feed.at(this.#feed.end - 1);
      const ahead = last !== undefined && last.dueMs > this.#clock.nowMs() + READ_AHEAD_MS;
      const unsent = !this.#realtime && this.#targets.some((target) => !target.caughtUp);
      if (!ahead && !unsent) return;
      await this.#clock.sleep(PUMP_MS, this.#stop.signal);
    }
  }

  /** Gives every connection what is due, until the end. */
  async #pump(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const nowMs = this.#clock.nowMs();
      for (const target of this.#targets) target.pump(nowMs);
      if (this.#realtime && !this.#ended) this.#feed.forgetBefore(nowMs - this.#staggerMs - READ_AHEAD_MS);
      await this.#clock.sleep(PUMP_MS, this.#stop.signal).catch(() => undefined);
    }
  }

  /** After the end of a file: what was read leaves at its time. */
  async #finishSending(): Promise<void> {
    if (!this.#ended) return;
    const last = this.#feed.at(this.#feed.end - 1);
    const untilMs = (last?.dueMs ?? 0) + this.#staggerMs;
    while (!this.#stop.signal.aborted) {
      const late = this.#clock.nowMs() > untilMs;
      if (late && this.#targets.every((target) => target.caughtUp)) return;
      await this.#clock.sleep(PUMP_MS, this.#stop.signal).catch(() => undefined);
    }
  }

  /** Rejects with a refusal once there is no URL left to publish to. */
  async #allRefused(): Promise<void> {
    await this.started;
    await Promise.all(this.#targets.map((target) => target.done));
    const refused = this.#targets.find((target) => target.status.state === "refused");
    if (refused?.status.lastFault !== undefined) throw refused.status.lastFault;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** `onMetaData` as encoders send it: the best picture's facts, bitrates in kbit/s, codecs by their FLV numbers where they have one. */
function metadataOf(tracks: readonly EncoderTrack[], encoder: string): EncoderMetadata {
  const values: Record<string, string | number | boolean> = { encoder };
  for (const track of tracks) {
    if (track.kind === "video") {
      if (values["width"] !== undefined) continue;
      values["width"] = track.width ?? 0;
      values["height"] = track.height ?? 0;
      if (track.frameRate !== undefined) values["framerate"] = track.frameRate;
      if (track.bitrate > 0) values["videodatarate"] = track.bitrate / 1000;
      if (track.codec === "h264") values["videocodecid"] = 7;
    } else {
      values["audiosamplerate"] = track.sampleRate ?? 0;
      values["audiosamplesize"] = 16;
      values["stereo"] = (track.channels ?? 2) > 1;
      if (track.bitrate > 0) values["audiodatarate"] = track.bitrate / 1000;
      if (track.codec === "aac") values["audiocodecid"] = 10;
    }
  }
  return values;
}
