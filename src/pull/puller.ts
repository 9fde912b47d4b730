/**
 * One stream's pull, for as long as its source is the same.
 *
 *   connecting ─first frame at the gate─▶ live ─fault─▶ waiting ─back-off─▶ connecting
 *        └──────────────fault───────────────────────────▶┘
 *   live ─end of a file that does not loop─▶ ended
 */
import type { EncoderRecord, EncoderTrack } from "#codecs/encoder-wire.ts";
import { TrackNormaliser } from "#codecs/track-normaliser.ts";
import { Fault } from "#faults/fault.ts";
import type { RawTrack } from "#media/frame.ts";
import type { PublishSink } from "#media/publish.ts";
import { pullPlace } from "#media/pull-source.ts";
import type { TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { WayOut } from "./connection.ts";
import { type Opening, openingOf } from "./opening.ts";
import type { PullGate, PullSpec } from "./ports.ts";
import { PullProcess } from "./pull-process.ts";
import { retryDelayMs } from "./retry-delay.ts";

/** So long on air that the next failure counts as the first, milliseconds. */
const STEADY_MS = 30_000;
/** Times of sessions begin here, milliseconds: a track may begin a little before the one that began the source. */
const FIRST_STAMP_MS = 10_000;
const STAMP_MODULUS: number = 2 ** 32;
/** Stands for a source that is kept but cannot be read. */
const UNREADABLE = "an address that cannot be read";

/** How a pull stands. */
export interface PullStatus {
  readonly state: "connecting" | "live" | "waiting" | "ended";
  /** The source without its secrets. */
  readonly place: string;
  /** It begins again at its end. */
  readonly loop: boolean;
  readonly managedBy: PullSpec["managedBy"];
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Failures one after another. */
  readonly failures: number;
  /** When it is tried again, milliseconds since the Unix epoch; `null` when it is not waiting. */
  readonly nextTryMs: number | null;
  /** The last failure, also when it has been overcome; `null` before the first one. */
  readonly lastProblem: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
    /** Milliseconds since the Unix epoch. */
    readonly atMs: number;
  } | null;
}

/** What a {@link Puller} needs. */
export interface PullerOptions {
  readonly spec: PullSpec;
  readonly gate: PullGate;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly way: WayOut;
  readonly allowPrivate: boolean;
  /** 0 to 1, for the pauses between attempts. */
  readonly random: () => number;
  readonly attempted: () => void;
  /** Called with each connection that is refused or fails. */
  readonly refused: (fault: Fault) => void;
  readonly failed: () => void;
}

interface PulledTrack {
  readonly raw: RawTrack;
  readonly normaliser: TrackNormaliser;
  told: TrackConfig | undefined;
}

function rawTracks(tracks: readonly EncoderTrack[]): PulledTrack[] {
  const counts = { video: 0, audio: 0 };
  return tracks.map(({ kind, codec }) => ({
    raw: { kind, number: counts[kind]++ },
    normaliser: new TrackNormaliser(codec),
    told: undefined,
  }));
}

function stampOf(micros: number): number {
  const stamp = (Math.round(micros / 1000) + FIRST_STAMP_MS) % STAMP_MODULUS;
  return stamp < 0 ? stamp + STAMP_MODULUS : stamp;
}

/** Fetches one source again and again, and publishes what comes. */
export class Puller {
  readonly #options: PullerOptions;
  readonly #stop = new AbortController();
  readonly #place: string;
  readonly #done: Promise<void>;
  #process: PullProcess | undefined;
  #tracks: PulledTrack[] = [];
  #sink: PublishSink | undefined;
  #state: PullStatus["state"] = "connecting";
  #sinceMs: number;
  #failures = 0;
  #problem: { readonly fault: Fault; readonly atMs: number } | undefined;
  #nextTryMs: number | undefined;

  constructor(options: PullerOptions) {
    this.#options = options;
    const { source } = options.spec;
    this.#place = source === undefined ? UNREADABLE : pullPlace(source);
    this.#sinceMs = options.clock.wallMs();
    this.#done = this.#run();
  }

  get status(): PullStatus {
    const { spec } = this.#options;
    const { fault, atMs = 0 } = this.#problem ?? {};
    return {
      state: this.#state,
      place: this.#place,
      loop: spec.loop,
      managedBy: spec.managedBy,
      sinceMs: this.#sinceMs,
      failures: this.#failures,
      nextTryMs: this.#nextTryMs ?? null,
      lastProblem:
        fault === undefined ? null : { code: fault.code, message: fault.message, hint: fault.hint ?? null, atMs },
    };
  }

  /** What it fetches. */
  get spec(): PullSpec {
    return this.#options.spec;
  }

  /** Process id of the worker, while there is one. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Ends the session and the worker; resolves when both are gone. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#process?.stop();
    await this.#done;
  }

  #enter(state: PullStatus["state"]): void {
    this.#state = state;
    this.#nextTryMs = undefined;
    this.#sinceMs = this.#options.clock.wallMs();
  }

  async #run(): Promise<void> {
    const { clock, observer, spec, random } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#enter("connecting");
      const startMs = clock.nowMs();
      const fault = await this.#attempt();
      if (signal.aborted) return;
      if (fault === undefined) {
        this.#enter("ended");
        observer.event("info", "pull.ended", { stream: spec.stream, place: this.#place }, "the file is at its end");
        return;
      }
      this.#failures = clock.nowMs() - startMs >= STEADY_MS ? 1 : this.#failures + 1;
      this.#problem = { fault, atMs: clock.wallMs() };
      const delayMs = Math.round(retryDelayMs(this.#failures, random()));
      this.#enter("waiting");
      this.#nextTryMs = clock.wallMs() + delayMs;
      this.#tell(fault, delayMs);
      // Aborted: the pull closes.
      await clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  #tell(fault: Fault, retryMs: number): void {
    const { observer, spec } = this.#options;
    this.#options.failed();
    const { code, hint, cause } = fault;
    const stack = code === "INTERNAL" && cause instanceof Error ? cause.stack : undefined;
    const fields = { stream: spec.stream, place: this.#place, code, hint, failures: this.#failures, retryMs, stack };
    observer.event(code === "INTERNAL" ? "error" : "warn", "pull.failed", fields, fault.message);
  }

  /** Pulls once. Gives why it ended, or nothing at the end of a file. */
  async #attempt(): Promise<Fault | undefined> {
    const { clock, spec, attempted } = this.#options;
    attempted();
    let opening: Opening | undefined;
    let untrusted: Fault | undefined;
    const refused = (fault: Fault): void => {
      if (fault.code === "PULL_UNTRUSTED") untrusted = fault;
      this.#options.refused(fault);
    };
    try {
      const { source, loop } = spec;
      if (source === undefined) {
        throw new Fault("CONFIG_INVALID", "the address of the source cannot be read any more", {
          hint: "Set the stream's source again.",
        });
      }
      opening = await openingOf({ ...this.#options, source, loop, refused });
      if (this.#stop.signal.aborted) return undefined;
      this.#process = new PullProcess({ ...opening, clock });
      await this.#read(this.#process);
      if (source.kind === "file") {
        this.#end("finished");
        return undefined;
      }
      throw new Fault("PULL_FAILED", `${this.#place} ended its stream`, { peer: this.#place });
    } catch (error) {
      // The reader only sees a connection that breaks.
      if (error instanceof Fault) return (this.#sink === undefined ? untrusted : undefined) ?? error;
      return new Fault("INTERNAL", `a bug ended the pull of ${this.#place}`, { cause: error });
    } finally {
      this.#end("lost");
      await this.#process?.stop();
      this.#process = undefined;
      await opening?.close();
    }
  }

  async #read(process: PullProcess): Promise<void> {
    const { clock } = this.#options;
    for await (const records of process.records()) {
      const nowMs = clock.nowMs();
      for (const record of records) {
        this.#checkExpelled();
        if (record.kind === "tracks") this.#tracks = rawTracks(record.tracks);
        else if (record.kind === "config") this.#tracks[record.track]?.normaliser.configure(record.config);
        else if (record.kind === "frame") this.#frame(record, nowMs);
      }
    }
    this.#checkExpelled();
  }

  #checkExpelled(): void {
    const expelled = this.#sink?.expelled;
    if (expelled?.aborted !== true) return;
    const reason: unknown = expelled.reason;
    throw reason instanceof Fault ? reason : new Fault("BROADCAST_STOPPED", "the broadcast was ended here");
  }

  #frame(record: Extract<EncoderRecord, { kind: "frame" }>, nowMs: number): void {
    const track = this.#tracks[record.track];
    const payload = track?.normaliser.sample(record.payload);
    const config = track?.normaliser.config;
    if (track === undefined || payload === undefined || config === undefined) return;
    this.#sink ??= this.#admit();
    if (track.told !== config) {
      track.told = config;
      this.#sink.configure(track.raw, config, nowMs);
    }
    const isVideo = track.raw.kind === "video";
    const stamp = stampOf(record.dtsMicros);
    const ptsOffset =
      Math.round((record.dtsMicros + record.ptsOffsetMicros) / 1000) - Math.round(record.dtsMicros / 1000);
    const keyframe = !isVideo || record.keyframe;
    this.#sink.frame({ track: track.raw, dts: stamp, ptsOffset: isVideo ? ptsOffset : 0, keyframe, payload }, nowMs);
  }

  #admit(): PublishSink {
    const { gate, observer, spec, clock } = this.#options;
    const { source, stream } = spec;
    const address = source?.kind === "url" ? source.host : "file";
    const sink = gate.admit(stream, { address, place: this.#place });
    this.#enter("live");
    observer.event("info", "pull.live", { stream, place: this.#place }, "a source is pulled");
    // All configurations first: a broadcast begins with every track it has.
    for (const track of this.#tracks) {
      const { config } = track.normaliser;
      if (config === undefined) continue;
      track.told = config;
      sink.configure(track.raw, config, clock.nowMs());
    }
    return sink;
  }

  #end(why: "finished" | "lost"): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#tracks = [];
    sink?.end(why, this.#options.clock.nowMs());
  }
}
