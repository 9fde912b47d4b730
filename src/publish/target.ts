import { Fault } from "#faults/fault.ts";
import type { RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import { connectPublisher, type RtmpPublisher } from "#protocols/rtmp/client.ts";
import type { Clock } from "#time/clock.ts";
import { retryDelayMs } from "./backoff.ts";
import type { Feed, FeedItem } from "./feed.ts";

/** How a connection stands. */
export type TargetState = "connecting" | "publishing" | "waiting" | "refused" | "closed";

/** What one URL has got so far. */
export interface TargetStatus {
  /** Without the stream key. */
  readonly url: string;
  readonly state: TargetState;
  readonly framesSent: number;
  /** Frames left out because the network was slower than the source. */
  readonly framesDropped: number;
  readonly bytesSent: number;
  /** Times it published again after a loss. */
  readonly reconnects: number;
  readonly lastFault: Fault | undefined;
}

/** A server that let us in before may still hold the lost connection: a refusal is final only after so many in a row. */
const REFUSALS_AFTER_SUCCESS_MAX = 5;

/** What a {@link PublishTarget} needs. */
export interface TargetOptions {
  readonly url: string;
  readonly feed: Feed;
  /** How long after the source this connection sends, in milliseconds. */
  readonly delayMs: number;
  /** Waits for a slow network instead of leaving frames out. */
  readonly lossless: boolean;
  readonly metadata: EncoderMetadata;
  /** The source's tracks with their codec parameters as far as they are known; told before the first frame. */
  readonly tracks: () => Iterable<readonly [track: RawTrack, config: TrackConfig]>;
  readonly encoder: string;
  readonly ca: string | undefined;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Called when the server lets frames in. */
  readonly onPublishing: () => void;
}

/** One URL: keeps a connection to it, reads the feed and pushes what is due, from a key frame on. */
export class PublishTarget {
  readonly url: string;
  readonly #options: TargetOptions;
  readonly #stop = new AbortController();
  /** Ends an attempt to connect; a connection that stands is closed with a goodbye instead. */
  readonly #giveUp = new AbortController();
  /** Resolves when it is closed or refused for good. */
  readonly done: Promise<void>;
  #publisher: RtmpPublisher | undefined;
  #state: TargetState = "connecting";
  #cursor = 0;
  #entered = false;
  #told = new Map<RawTrack, TrackConfig>();
  #framesSent = 0;
  #framesDropped = 0;
  #bytesBefore = 0;
  #publications = 0;
  #lastFault: Fault | undefined;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.url = withoutKey(options.url);
    this.done = this.#run();
  }

  get status(): TargetStatus {
    return {
      url: this.url,
      state: this.#state,
      framesSent: this.#framesSent,
      framesDropped: this.#framesDropped,
      bytesSent: this.#bytesBefore + (this.#publisher?.sentBytes ?? 0),
      reconnects: Math.max(0, this.#publications - 1),
      lastFault: this.#lastFault,
    };
  }

  /** Nothing that was pushed to the feed waits for this connection. */
  get caughtUp(): boolean {
    return this.#state !== "publishing" || this.#cursor >= this.#options.feed.end;
  }

  /** The network is slower than the source. */
  get congested(): boolean {
    return this.#publisher?.congested ?? false;
  }

  /** Sends what is due. */
  pump(nowMs: number): void {
    const publisher = this.#publisher;
    if (publisher === undefined || this.#state !== "publishing") return;
    const { feed, delayMs, lossless } = this.#options;
    if (this.#cursor < feed.start) {
      this.#cursor = feed.start;
      this.#entered = false;
    }
    for (let item = feed.at(this.#cursor); item !== undefined; item = feed.at(this.#cursor)) {
      if (item.dueMs + delayMs > nowMs) return;
      if (lossless && publisher.congested) return;
      this.#cursor++;
      this.#send(publisher, item);
    }
  }

  /** Says goodbye and closes; resolves when the connection is gone. */
  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#publisher === undefined) this.#giveUp.abort();
    else await this.#publisher.close();
    await this.done;
  }

  /** Breaks the connection as a pulled cable would; it comes back by itself. */
  breakConnection(): void {
    this.#publisher?.destroy();
  }

  #send(publisher: RtmpPublisher, item: FeedItem): void {
    const { frame } = item;
    if (!this.#entered) {
      if (!item.entry) {
        if (this.#told.size > 0) this.#framesDropped++;
        return;
      }
      if (publisher.congested) {
        this.#framesDropped++;
        return;
      }
      this.#entered = true;
      if (this.#told.size === 0) {
        publisher.metadata(this.#options.metadata);
        for (const [track, config] of this.#options.tracks()) this.#tell(publisher, track, config, frame.dts);
      }
    } else if (publisher.congested) {
      this.#entered = false;
      this.#framesDropped++;
      this.#options.observer.event(
        "warn",
        "publish.congested",
        { url: this.url, waitingBytes: publisher.waitingBytes },
        "The network is slower than the source: frames are left out up to the next key frame.",
      );
      return;
    }
    this.#tell(publisher, frame.track, item.config, frame.dts);
    publisher.frame(frame);
    this.#framesSent++;
  }

  #tell(publisher: RtmpPublisher, track: RawTrack, config: TrackConfig, dts: number): void {
    if (this.#told.get(track) === config) return;
    this.#told.set(track, config);
    publisher.configure(track, config, dts);
  }

  async #run(): Promise<void> {
    const { clock, observer } = this.#options;
    let attempt = 0;
    let refusals = 0;
    while (!this.#stop.signal.aborted) {
      this.#state = "connecting";
      const published = this.#publications;
      const fault = await this.#publishOnce();
      if (this.#stop.signal.aborted || fault === undefined) break;
      this.#lastFault = fault;
      if (this.#publications > published) {
        attempt = 0;
        refusals = 0;
      }
      if (fault.code === "RTMP_REFUSED" || fault.code === "CONFIG_INVALID") refusals++;
      const final = fault.code === "CONFIG_INVALID" || (refusals > 0 && this.#publications === 0);
      if (final || refusals > REFUSALS_AFTER_SUCCESS_MAX) {
        this.#state = "refused";
        observer.event("error", "publish.refused", { url: this.url, code: fault.code, why: fault.message }, fault.hint);
        return;
      }
      attempt++;
      const retryMs = retryDelayMs(attempt, Math.random());
      this.#state = "waiting";
      observer.event("warn", "publish.lost", { url: this.url, code: fault.code, why: fault.message, retryMs });
      await clock.sleep(retryMs, this.#stop.signal).catch(() => undefined);
    }
    this.#state = "closed";
  }

  /** One connection from begin to end; gives why it ended, or `undefined` when we closed it. */
  async #publishOnce(): Promise<Fault | undefined> {
    const { clock, encoder, ca, feed, delayMs, observer, onPublishing } = this.#options;
    try {
      const publisher = await connectPublisher({
        url: this.#options.url,
        encoder,
        nowMs: () => clock.nowMs(),
        ...(ca === undefined ? {} : { ca }),
        // Frames that were handed over leave first; the next attempt is made at once.
        onReconnectRequest: () => void publisher.close(),
        signal: this.#giveUp.signal,
      });
      if (this.#stop.signal.aborted) {
        await publisher.close();
        return undefined;
      }
      this.#publisher = publisher;
      this.#told = new Map();
      this.#entered = false;
      this.#cursor = feed.firstAfter(clock.nowMs() - delayMs);
      this.#publications++;
      this.#state = "publishing";
      observer.event("info", "publish.started", { url: this.url, reconnects: this.#publications - 1 });
      onPublishing();
      const error = await publisher.closed;
      this.#bytesBefore += publisher.sentBytes;
      this.#publisher = undefined;
      if (error === null) return new Fault("CONNECTION_LOST", "the server asked us to come again");
      return asFault(error);
    } catch (error) {
      return asFault(error);
    }
  }
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault("CONNECTION_LOST", error instanceof Error ? error.message : String(error), { cause: error });
}

/** The URL without its last path element and query, where stream keys are. */
export function withoutKey(url: string): string {
  const plain = url.split("?", 1)[0] ?? url;
  const slash = plain.lastIndexOf("/");
  return slash > plain.indexOf("://") + 2 ? plain.slice(0, slash + 1) : plain;
}
