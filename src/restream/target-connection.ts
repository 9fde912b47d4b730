import { Fault } from "#faults/fault.ts";
import type { LinkSource } from "#link/subscription.ts";
import type { AudioCodec, TrackConfig, VideoCodec } from "#media/track.ts";
import type { RtmpPublisher } from "#protocols/rtmp/client.ts";
import type { Clock } from "#time/clock.ts";
import { metadataOf } from "./metadata.ts";
import { withParameterSets } from "./parameter-sets.ts";
import { type TargetFrame, TargetFrames } from "./target-frames.ts";

/** How long a target may take nothing of what waits for it, milliseconds. */
const STALLED_MS_MAX = 10_000;
const WATCH_EVERY_MS = 1_000;

/** What a {@link TargetConnection} needs. */
export interface TargetConnectionOptions {
  /** A connection whose server lets frames in. */
  readonly publisher: RtmpPublisher;
  readonly source: LinkSource;
  /** Name of the picture's track. */
  readonly rendition: string;
  /** The subscription's name. */
  readonly name: string;
  /** What we call ourselves. */
  readonly encoder: string;
  readonly clock: Clock;
  /** Called at most once a second, with how many groups of pictures were left out since the last call. */
  readonly onDropped: (gops: number) => void;
  /** Called with the first frame. */
  readonly onLive: () => void;
}

/** Why a connection ends that nothing was wrong with. */
const ASKED_AGAIN = new Error("the server asked us to come again");

const CODEC_NAMES: Readonly<Record<VideoCodec | AudioCodec, string>> = {
  avc: "H.264",
  hevc: "HEVC",
  av1: "AV1",
  vp9: "VP9",
  aac: "AAC",
  opus: "Opus",
  ac3: "AC-3",
  eac3: "E-AC-3",
  flac: "FLAC",
  mp3: "MP3",
};

/**
 * One connection to a target with a subscription of its own. While the network takes less than the stream has, nothing is read from the
 * subscription, whose queue then leaves out whole groups of pictures: what waits here is bounded, and nobody else waits.
 */
export class TargetConnection {
  readonly #options: TargetConnectionOptions;
  readonly #frames: TargetFrames;
  readonly #told = new Map<TrackConfig["kind"], TrackConfig>();
  #isLive = false;

  constructor(options: TargetConnectionOptions) {
    this.#options = options;
    this.#frames = new TargetFrames(options.rendition);
  }

  /** See {@link TargetFrames.droppedGops}. */
  get droppedGops(): number {
    return this.#frames.droppedGops;
  }

  /** Bytes handed to the socket. */
  get sentBytes(): number {
    return this.#options.publisher.sentBytes;
  }

  /**
   * Sends until the broadcast ends, or the server asks for another connection; both have said goodbye when it resolves.
   * @throws Fault why the connection was lost, `TARGET_STALLED`, `CODEC_UNSUPPORTED`, `RENDITION_ABSENT`, `LIMIT_REACHED`; the signal's reason.
   */
  async run(signal: AbortSignal): Promise<"over" | "again"> {
    const { publisher, source, name } = this.#options;
    const ended = new AbortController();
    const subscription = source.subscribe({ from: "live", name });
    const work = AbortSignal.any([signal, ended.signal]);
    const closed = publisher.closed.then((error) => ended.abort(error ?? ASKED_AGAIN));
    const watched = this.#watch(ended);
    try {
      for (;;) {
        for (const record of subscription.take()) {
          work.throwIfAborted();
          for (const frame of this.#frames.take(record)) {
            this.#send(frame);
            if (publisher.congested) await this.#drained(work);
          }
        }
        if (this.#frames.isOver || !(await subscription.ready({ signal: work }))) return "over";
      }
    } catch (error) {
      if (error === ASKED_AGAIN) return "again";
      throw error;
    } finally {
      subscription.close();
      await publisher.close();
      ended.abort();
      await Promise.all([closed, watched]);
    }
  }

  #send({ frame, config }: TargetFrame): void {
    const { publisher, onLive } = this.#options;
    if (this.#told.size === 0) this.#tell(this.#frames.configs, frame.dts);
    const isChanged = this.#told.get(config.kind) !== config;
    if (isChanged) this.#tell([config], frame.dts);
    if (isChanged && config.kind === "video") {
      publisher.frame({ ...frame, payload: withParameterSets(frame.payload, config) });
    } else publisher.frame(frame);
    if (!this.#isLive) onLive();
    this.#isLive = true;
  }

  /** Sends codec parameters, after the description that they belong to. @throws Fault `CODEC_UNSUPPORTED` before anything of them is sent. */
  #tell(configs: readonly TrackConfig[], atMs: number): void {
    const { publisher, encoder } = this.#options;
    const refused = configs.find(({ codec }) => !publisher.takes(codec));
    if (refused !== undefined) throw unsupported(refused);
    for (const config of configs) this.#told.set(config.kind, config);
    publisher.metadata(metadataOf(this.#told.values(), encoder));
    for (const config of configs) publisher.configure({ kind: config.kind, number: 0 }, config, atMs);
  }

  async #drained(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("ended"));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#options.publisher.drained(), promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Breaks a connection whose peer takes nothing, and tells what was left out. */
  async #watch(ended: AbortController): Promise<void> {
    const { publisher, clock, onDropped } = this.#options;
    let toldGops = 0;
    let takenBytes = 0;
    let sinceMs = clock.nowMs();
    while (!ended.signal.aborted) {
      const taken = publisher.sentBytes - publisher.waitingBytes;
      if (taken > takenBytes || publisher.waitingBytes === 0) {
        takenBytes = taken;
        sinceMs = clock.nowMs();
      } else if (clock.nowMs() - sinceMs >= STALLED_MS_MAX) {
        ended.abort(
          new Fault("TARGET_STALLED", `the target has taken nothing for ${STALLED_MS_MAX / 1000} s`, {
            hint: "See whether the network reaches it, and whether it is up.",
          }),
        );
        publisher.destroy();
      }
      await clock.sleep(WATCH_EVERY_MS, ended.signal).catch(() => undefined);
      if (this.droppedGops > toldGops) onDropped(this.droppedGops - toldGops);
      toldGops = this.droppedGops;
    }
  }
}

function unsupported({ kind, codec }: TrackConfig): Fault {
  const what = kind === "video" ? "picture" : "sound";
  return new Fault("CODEC_UNSUPPORTED", `the target does not take the ${what}'s codec, ${CODEC_NAMES[codec]}`, {
    at: codec,
    hint:
      kind === "video"
        ? "Encode H.264, or let the target have a rung of the stream's ladder."
        : "Encode AAC, or give the stream a ladder, which makes AAC of its sound.",
  });
}
