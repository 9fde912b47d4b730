/**
 * One target of one stream, broadcast after broadcast.
 *
 *   waiting ─broadcast─▶ connecting ─first frame─▶ live ─end of the broadcast─▶ waiting
 *                          ▲    │ said no           │ lost
 *                          │    ▼                   ▼
 *                          └─ refused ◀─said no─ retrying      (back after a pause; refused for good after some times in a row)
 *
 *   any ─not enabled─▶ stopped
 */
import { Fault } from "#faults/fault.ts";
import type { LinkRecord } from "#link/record.ts";
import type { BroadcastDirectory, LinkSource } from "#link/subscription.ts";
import type { Track } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import { connectPublisher, type RtmpPublisher } from "#protocols/rtmp/client.ts";
import type { Clock } from "#time/clock.ts";
import { chooseTracks } from "./chosen-tracks.ts";
import { inPlainWords } from "./plain-words.ts";
import type { RestreamTarget, TargetProblem, TargetState, TargetStatus } from "./ports.ts";
import { RETRY_MS_MIN, retryDelayMs } from "./retry-delay.ts";
import { TargetConnection } from "./target-connection.ts";
import { withoutKey } from "./without-key.ts";

/** Refusals in a row after which a target is left alone until it is changed or the next broadcast: a server may hold a lost connection for a while. */
const REFUSALS_MAX = 5;
/** A connection that lasted so long was a good one, milliseconds: pauses begin anew. */
const STEADY_MS = 10_000;
/** How often a pause looks whether the broadcast is still on, milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** Says "no" for now or for good; trying again at once is no use. */
const REFUSALS: ReadonlySet<string> = new Set(["RTMP_REFUSED", "CODEC_UNSUPPORTED", "CONFIG_INVALID"]);

/** What a {@link TargetRun} needs. */
export interface TargetRunOptions {
  readonly stream: string;
  readonly target: RestreamTarget;
  readonly directory: BroadcastDirectory;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly encoder: string;
  readonly ca: string | undefined;
}

/** Keeps a target supplied while its stream is on air. */
export class TargetRun {
  readonly target: RestreamTarget;
  readonly #options: TargetRunOptions;
  #running: Promise<void> = Promise.resolve();
  #stop: AbortController | undefined;
  #connection: TargetConnection | undefined;
  #state: TargetState = "stopped";
  #sinceMs: number;
  #nextTryMs: number | undefined;
  #lastProblem: TargetProblem | undefined;
  /** What was said of a codec that the server did not take; `at` names the codec. */
  #unsupported: Fault | undefined;
  #sentBytes = 0;
  #droppedGops = 0;
  #reconnects = 0;
  /** In this broadcast. */
  #wasConnected = false;

  constructor(options: TargetRunOptions) {
    this.target = options.target;
    this.#options = options;
    this.#sinceMs = options.clock.wallMs();
  }

  get status(): TargetStatus {
    return {
      id: this.target.id,
      state: this.#state,
      sinceMs: this.#sinceMs,
      nextTryMs: this.#nextTryMs,
      lastProblem: this.#lastProblem,
      sentBytes: this.#sentBytes + (this.#connection?.sentBytes ?? 0),
      reconnects: this.#reconnects,
      droppedGops: this.#droppedGops + (this.#connection?.droppedGops ?? 0),
    };
  }

  /** Supplies the target with a broadcast; what was before is ended. */
  begin(source: LinkSource): void {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#set("connecting");
    this.#unsupported = undefined;
    this.#running = this.#running
      .then(() => this.#supply(source, stop.signal))
      .catch((error: unknown) => void this.#faultOf(error, stop.signal));
  }

  /** Enabled while nothing of its stream is on air. */
  wait(): void {
    if (this.#stop === undefined) this.#set("waiting");
  }

  /** Ends its connection with a goodbye; resolves when nothing of it is left. {@link begin} takes it up again. */
  async pause(): Promise<void> {
    this.#stop?.abort();
    this.#stop = undefined;
    if (this.#state !== "stopped") this.#tell("info", "restream.stopped");
    this.#set("stopped");
    await this.#running;
  }

  #set(state: TargetState, nextTryMs?: number): void {
    if (state !== this.#state) this.#sinceMs = this.#options.clock.wallMs();
    this.#state = state;
    this.#nextTryMs = nextTryMs;
  }

  #tell(level: "info" | "warn" | "error", name: string, more: Record<string, string | number> = {}): void {
    const { stream, target, observer } = this.#options;
    observer.event(level, name, { stream, target: target.name, ...more });
  }

  #isOnAir(source: LinkSource): boolean {
    for (const one of this.#options.directory.broadcasts()) if (one === source) return true;
    return false;
  }

  /** One broadcast, with as many connections as it takes. */
  async #supply(source: LinkSource, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let attempt = 0;
    let refusals = 0;
    this.#wasConnected = false;
    while (!signal.aborted && this.#isOnAir(source)) {
      this.#set("connecting");
      const startMs = clock.nowMs();
      const fault = await this.#connectOnce(source, signal);
      if (signal.aborted) return;
      if (fault === "over") break;
      if (fault === "again") {
        await this.#sleep(RETRY_MS_MIN, source, signal);
        continue;
      }
      if (clock.nowMs() - startMs >= STEADY_MS && !REFUSALS.has(fault.code)) attempt = 0;
      attempt++;
      refusals = REFUSALS.has(fault.code) ? refusals + 1 : 0;
      this.#remember(fault);
      const { code, message } = this.#lastProblem ?? fault;
      if (refusals >= REFUSALS_MAX && code !== "CODEC_UNSUPPORTED") {
        this.#set("refused");
        this.#tell("error", "restream.refused", { code, why: message });
        return;
      }
      const retryMs = Math.round(retryDelayMs(attempt, Math.random()));
      this.#set(refusals > 0 ? "refused" : "retrying", clock.wallMs() + retryMs);
      this.#tell("warn", "restream.lost", { code, why: message, retryMs });
      await this.#sleep(retryMs, source, signal);
    }
    if (!signal.aborted) this.#set("waiting");
  }

  async #sleep(ms: number, source: LinkSource, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + ms;
    for (let leftMs = ms; leftMs > 0 && !signal.aborted && this.#isOnAir(source); leftMs = untilMs - clock.nowMs()) {
      await clock.sleep(Math.min(leftMs, LOOK_EVERY_MS), signal).catch(() => undefined);
    }
  }

  #remember(fault: Fault): void {
    const key = this.target.key ?? "";
    this.#lastProblem = {
      code: fault.code,
      message: withoutKey(fault.message, key),
      hint: fault.hint === undefined ? undefined : withoutKey(fault.hint, key),
      atMs: this.#options.clock.wallMs(),
    };
  }

  /** One connection from begin to end; gives why it ended. */
  async #connectOnce(source: LinkSource, signal: AbortSignal): Promise<Fault | "over" | "again"> {
    const { stream, target, clock, encoder } = this.#options;
    try {
      const { video, audio } = chooseTracks(tracksOf(source), target.rendition);
      // A server that does not take a codec is not asked again until it is another one.
      const unsupported = this.#unsupported;
      if (unsupported !== undefined && [video, audio].some((track) => track?.config.codec === unsupported.at)) {
        return unsupported;
      }
      const publisher = await this.#connect(signal);
      if (this.#wasConnected) this.#reconnects++;
      this.#wasConnected = true;
      const connection = new TargetConnection({
        publisher,
        source,
        rendition: target.rendition,
        name: `restream:${stream}/${target.id}`,
        encoder,
        clock,
        onDropped: (gops) => this.#tell("warn", "restream.lagged", { gops }),
        onLive: () => {
          if (signal.aborted) return;
          this.#set("live");
          this.#tell("info", "restream.live", { reconnects: this.#reconnects });
        },
      });
      this.#connection = connection;
      try {
        return await connection.run(signal);
      } finally {
        this.#sentBytes += connection.sentBytes;
        this.#droppedGops += connection.droppedGops;
        this.#connection = undefined;
      }
    } catch (error) {
      const fault = this.#faultOf(error, signal);
      if (fault.code === "CODEC_UNSUPPORTED") this.#unsupported = fault;
      return fault;
    }
  }

  async #connect(signal: AbortSignal): Promise<RtmpPublisher> {
    const { target, clock, encoder, ca } = this.#options;
    // A connection that stands ends with a goodbye, one that is being made ends at once.
    const giveUp = new AbortController();
    const onAbort = (): void => giveUp.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      let publisher: RtmpPublisher | undefined;
      publisher = await connectPublisher({
        url: publishUrl(target),
        encoder,
        nowMs: () => clock.nowMs(),
        onReconnectRequest: () => void publisher?.close(),
        signal: giveUp.signal,
        ...(ca === undefined ? {} : { ca }),
      });
      return publisher;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #faultOf(error: unknown, signal: AbortSignal): Fault {
    if (error instanceof Fault) return inPlainWords(error);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    // A stop is no news; anything else is a bug, and only this target's connection ends.
    if (!signal.aborted) {
      this.#tell("error", "restream.failed", { error: withoutKey(text, this.target.key ?? "") });
    }
    return new Fault("INTERNAL", "a bug ended the connection to the target", { cause: error });
  }
}

function publishUrl({ url, key }: RestreamTarget): string {
  if (key === undefined) {
    throw new Fault("CONFIG_INVALID", "the target's key cannot be read any more", {
      hint: "Give the target its key again.",
    });
  }
  return `${url.replace(/\/+$/, "")}/${key}`;
}

/** The tracks that the newest segment has. */
function tracksOf(source: LinkSource): readonly Track[] {
  const subscription = source.subscribe({ from: "live", name: "restream" });
  let tracks: readonly Track[] = [];
  const isAbout = (record: LinkRecord): record is LinkRecord & { readonly tracks: readonly Track[] } =>
    record.type === "hello" || record.type === "tracks";
  for (const record of subscription.take()) if (isAbout(record)) tracks = record.tracks;
  subscription.close();
  return tracks;
}
