import { availableParallelism } from "node:os";
import type { Role } from "#flow/role.ts";
import type { LiveBroadcast } from "#link/live-broadcast.ts";
import type { BroadcastDirectory, LinkSource } from "#link/subscription.ts";
import type { Ladder } from "#media/ladder.ts";
import type { TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import { EncodingCapacity } from "./capacity.ts";
import { Relay } from "./relay.ts";
import type { RelayHealth } from "./relay-health.ts";
import type { Encoding } from "./rung.ts";

export type { RelayHealth } from "./relay-health.ts";

/** How pictures are transcoded. */
export interface LadderSettings {
  /** A stream's ladder, asked for at the beginning of each broadcast. */
  readonly ladderOf: (stream: string) => Ladder;
  readonly encoding: Encoding;
  /** Workers of each broadcast that encode the same at the same time, so that the loss of one costs viewers nothing. */
  readonly redundancy: number;
  /** Megapixels of rungs a second that this machine may encode; measured where it is left out. */
  readonly megapixelsPerSecond?: number | undefined;
}

/** What {@link startTranscoder} needs. */
export interface TranscoderOptions {
  /** Where broadcasts come from: the router. */
  readonly directory: BroadcastDirectory;
  readonly settings: LadderSettings;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}

/** Gives every broadcast of another directory, with its ladder. */
export interface Transcoder extends Role, BroadcastDirectory {
  /** How the ladder of a stream is doing; `undefined` where it has none. */
  health(stream: string): RelayHealth | undefined;
}

class RunningTranscoder implements Transcoder {
  readonly closed: Promise<Error | null>;
  readonly #options: TranscoderOptions;
  readonly #capacity: EncodingCapacity;
  readonly #relays = new Set<Relay>();
  /** Broadcasts that have a relay, or had one. */
  readonly #relayed = new WeakSet<LinkSource>();
  readonly #running = new Set<Promise<void>>();
  readonly #listeners = new Set<(source: LinkSource) => void>();
  readonly #known = new Map<string, readonly TrackConfig[]>();
  readonly #abort = new AbortController();
  readonly #stopListening: () => void;
  readonly #removeGauges: (() => void)[];
  readonly #resolveClosed: (error: Error | null) => void;

  constructor(options: TranscoderOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const { directory, metrics, settings } = options;
    this.#capacity = new EncodingCapacity({
      processors: availableParallelism(),
      megapixelsPerSecond: settings.megapixelsPerSecond,
    });
    const each = (): RelayHealth[] => [...this.#relays].map(({ health }) => health);
    this.#removeGauges = [
      metrics.gauge("grandstand_transcoder_workers", "Transcoder processes.", () =>
        each().reduce((sum, { workers }) => sum + workers, 0),
      ),
      metrics.gauge("grandstand_transcoder_workers_lost", "Transcoder processes that ended unexpectedly.", () =>
        each().reduce((sum, { lost }) => sum + lost, 0),
      ),
      metrics.gauge(
        "grandstand_transcoder_behind_seconds",
        "How far the slowest transcoder process is behind its source.",
        () => Math.max(0, ...each().map(({ behindMicros }) => behindMicros)) / 1_000_000,
      ),
      ...(["used", "free"] as const).map((state) =>
        metrics.gauge(
          "grandstand_transcoder_megapixels_per_second",
          "Megapixels of rungs a second that this machine encodes or has promised to, and those it could encode beside.",
          () => Math.round(this.#capacity[state] * 10) / 10,
          { state },
        ),
      ),
    ];
    this.#stopListening = directory.onStarted((source) => this.#follow(source));
    for (const source of directory.broadcasts()) this.#follow(source);
  }

  *broadcasts(): Iterable<LinkSource> {
    for (const source of this.#options.directory.broadcasts()) if (!this.#relayed.has(source)) yield source;
    for (const { live } of this.#relays) if (live !== undefined) yield live;
  }

  onStarted(listener: (source: LinkSource) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  health(stream: string): RelayHealth | undefined {
    for (const { health } of this.#relays) if (health.stream === stream) return health;
    return undefined;
  }

  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) {
      this.#stopListening();
      // The broadcasts have ended before: what is left is to let their workers go.
      this.#abort.abort(new Error("the transcoder closes"));
    }
    await Promise.all(this.#running);
    for (const remove of this.#removeGauges.splice(0)) remove();
    this.#resolveClosed(null);
  }

  #follow(source: LinkSource): void {
    const { settings, clock, observer } = this.#options;
    const ladder = settings.ladderOf(source.stream);
    if (ladder === "off") {
      this.#announce(source);
      return;
    }
    this.#relayed.add(source);
    const relay = new Relay({
      source,
      ladder,
      encoding: settings.encoding,
      redundancy: settings.redundancy,
      capacity: this.#capacity,
      knownConfigs: this.#known,
      clock,
      observer,
      started: (live: LiveBroadcast) => this.#announce(live),
    });
    this.#relays.add(relay);
    const run = relay
      .run(this.#abort.signal)
      .catch((error: unknown) => this.#fail(source, relay, error))
      .finally(() => {
        this.#relays.delete(relay);
        this.#running.delete(run);
      });
    this.#running.add(run);
  }

  #announce(source: LinkSource): void {
    for (const listener of this.#listeners) listener(source);
  }

  /** A bug of ours: this broadcast's ladder ends, others go on. */
  #fail(source: LinkSource, relay: Relay, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.observer.event("error", "transcoder.failed", { stream: source.stream, error: text });
    if (relay.live === undefined) this.#announce(source);
    else relay.live.publish({ type: "end", why: "stopped" });
  }
}

/** Starts the transcoder: every broadcast of the directory goes on with its rungs beside it. */
export function startTranscoder(options: TranscoderOptions): Promise<Transcoder> {
  return Promise.try(() => new RunningTranscoder(options));
}
