import { randomBytes } from "node:crypto";
import { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import type { LiveBroadcast } from "#link/live-broadcast.ts";
import type { BroadcastEvent } from "#link/stream-event.ts";
import type { PublishRequest, PublishSink } from "#media/publish.ts";
import type { Airtime } from "./air-log.ts";
import { LastAirtimes } from "./air-log-memory.ts";
import { Broadcast } from "./broadcast.ts";
import type { BroadcastHealth } from "./health.ts";
import type { BroadcastSettings, KeyframeJudgement, RouterPorts } from "./ports.ts";

/** How often time moves on at the gates, milliseconds. */
const TICK_MS = 100;
/** Fence of the only router there is: leases come with several. */
const FENCE = 1;

/** The gate of every stream. */
export interface Router extends Role {
  /** Lets an encoder in. Its broadcast goes on, or begins with its first keyframe. @throws Fault `STREAM_BUSY`. */
  openSession(settings: BroadcastSettings, request: PublishRequest): PublishSink;
  /** Broadcasts on air. */
  broadcasts(): Iterable<LiveBroadcast>;
  find(stream: string): LiveBroadcast | undefined;
  /** Calls `listener` for each broadcast that starts from now on. The answer ends it. */
  onStarted(listener: (live: LiveBroadcast) => void): () => void;
  /** Calls `listener` when a broadcast starts, is interrupted, goes on or ends. The answer ends it. */
  onChange(listener: () => void): () => void;
  /** Calls `listener` with the stream of each broadcast that ends, live or not. The answer ends it. */
  onEnded(listener: (stream: string) => void): () => void;
  /** Calls `listener` with what happens to streams, in order. It must not throw: it runs in the path of the frames. The answer ends it. */
  onEvent(listener: (event: BroadcastEvent) => void): () => void;
  /** Names of the streams on air, interrupted ones included. */
  onAir(): readonly string[];
  health(stream: string): BroadcastHealth | undefined;
  /** Who was on air in the stream's last broadcast that is over, or that a process before this left; `undefined` where none is known. */
  lastAirtime(stream: string): Airtime | undefined;
  /** Forgets the stream's time line. */
  forget(stream: string): void;
  /** Takes what a decoder said of a keyframe that a broadcast published, which is shown at `atMicros` of its stream time. */
  judged(report: KeyframeReport): void;
  /** Puts an encoder session on air at its next keyframe, by its id in the stream's health. @throws Fault `SESSION_UNKNOWN`. */
  switchTo(stream: string, session: number): void;
  /** From now on the stream is on air also without an encoder, with its slate. */
  keepOnAir(settings: BroadcastSettings): void;
  /** Ends that; a broadcast without an encoder waits for one as long as its grace says. */
  letGo(stream: string): void;
  /** Throws the stream's encoders out. Does nothing when nobody publishes. */
  expel(stream: string, why: Fault): void;
  /** Ends a broadcast at once. */
  stop(stream: string, why: Fault): void;
}

/** What a decoder said of a keyframe of a broadcast. */
export interface KeyframeReport extends KeyframeJudgement {
  readonly stream: string;
  readonly timelineId: string;
  /** When the keyframe is shown, stream time in microseconds. */
  readonly atMicros: number;
}

class RunningRouter implements Router {
  readonly closed: Promise<Error | null>;
  readonly #ports: RouterPorts;
  readonly #byStream = new Map<string, Broadcast>();
  readonly #lastAirtimes: LastAirtimes;
  readonly #startListeners = new Set<(live: LiveBroadcast) => void>();
  readonly #endListeners = new Set<(stream: string) => void>();
  readonly #changeListeners = new Set<() => void>();
  readonly #eventListeners = new Set<(event: BroadcastEvent) => void>();
  readonly #stop = new AbortController();
  readonly #resolveClosed: (error: Error | null) => void;
  readonly #removeGauges: (() => void)[];

  constructor(ports: RouterPorts) {
    this.#ports = ports;
    this.#lastAirtimes = new LastAirtimes(ports);
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const { metrics } = ports;
    this.#removeGauges = [
      metrics.gauge(
        "grandstand_router_broadcasts",
        "Broadcasts on air, interrupted ones included.",
        () => this.onAir().length,
      ),
      metrics.gauge("grandstand_router_ring_bytes", "Bytes of frames kept for subscribers that come late.", () =>
        [...this.broadcasts()].reduce((sum, live) => sum + live.ringBytes, 0),
      ),
    ];
    void this.#run();
  }

  openSession(settings: BroadcastSettings, request: PublishRequest): PublishSink {
    return (this.#byStream.get(settings.stream) ?? this.#create(settings)).open(request);
  }

  *broadcasts(): Iterable<LiveBroadcast> {
    for (const { live } of this.#byStream.values()) if (live !== undefined) yield live;
  }

  find(stream: string): LiveBroadcast | undefined {
    return this.#byStream.get(stream)?.live;
  }

  onStarted(listener: (live: LiveBroadcast) => void): () => void {
    this.#startListeners.add(listener);
    return () => this.#startListeners.delete(listener);
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onEnded(listener: (stream: string) => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  onEvent(listener: (event: BroadcastEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onAir(): readonly string[] {
    return [...this.#byStream.values()].filter(({ live }) => live !== undefined).map(({ stream }) => stream);
  }

  health(stream: string): BroadcastHealth | undefined {
    const broadcast = this.#byStream.get(stream);
    return broadcast?.live === undefined ? undefined : broadcast.health;
  }

  lastAirtime(stream: string): Airtime | undefined {
    return this.#lastAirtimes.of(stream)?.airtime;
  }

  forget(stream: string): void {
    this.#lastAirtimes.forget(stream);
  }

  expel(stream: string, why: Fault): void {
    this.#byStream.get(stream)?.expel(why);
  }

  keepOnAir(settings: BroadcastSettings): void {
    if (this.#stop.signal.aborted) return;
    (this.#byStream.get(settings.stream) ?? this.#create(settings)).keep(true);
  }

  letGo(stream: string): void {
    this.#byStream.get(stream)?.keep(false);
  }

  judged({ stream, timelineId, atMicros, ...judgement }: KeyframeReport): void {
    const broadcast = this.#byStream.get(stream);
    if (broadcast?.live?.timelineId !== timelineId) return;
    try {
      broadcast.judged(atMicros, judgement);
    } catch (error) {
      broadcast.fail(error);
    }
  }

  switchTo(stream: string, session: number): void {
    const broadcast = this.#byStream.get(stream);
    if (broadcast === undefined) {
      throw new Fault("SESSION_UNKNOWN", `${stream} has no encoder session`, { hint: "No encoder is connected." });
    }
    broadcast.switchTo(session);
  }

  stop(stream: string, why: Fault): void {
    this.#byStream.get(stream)?.end("removed", why);
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error("the router closes"));
    for (const broadcast of [...this.#byStream.values()]) broadcast.end("shutdown");
    for (const remove of this.#removeGauges.splice(0)) remove();
    this.#resolveClosed(null);
  }

  #create(settings: BroadcastSettings): Broadcast {
    const broadcast: Broadcast = new Broadcast({
      settings,
      ports: this.#ports,
      timelineId: randomBytes(8).toString("hex"),
      fence: FENCE,
      before: this.#lastAirtimes.of(settings.stream),
      events: {
        started: (live) => {
          this.#ports.observer.event("info", "broadcast.started", { stream: live.stream, timelineId: live.timelineId });
          for (const listener of this.#startListeners) listener(live);
          this.#changed();
        },
        changed: () => this.#changed(),
        happened: (event) => {
          for (const listener of this.#eventListeners) listener(event);
        },
        ended: () => {
          if (this.#byStream.get(settings.stream) === broadcast) this.#byStream.delete(settings.stream);
          this.#keepAirtime(broadcast);
          this.#changed();
          for (const listener of this.#endListeners) listener(settings.stream);
        },
      },
    });
    this.#byStream.set(settings.stream, broadcast);
    return broadcast;
  }

  #keepAirtime({ stream, live, airtime }: Broadcast): void {
    if (live === undefined) return;
    const { timelineId } = live;
    this.#lastAirtimes.keep({ stream, timelineId, airtime }, (name) => this.#byStream.get(name)?.live !== undefined);
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }

  async #run(): Promise<void> {
    const { clock } = this.#ports;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await clock.sleep(TICK_MS, signal);
      } catch {
        // Aborted: the router closes.
        return;
      }
      const nowMs = clock.nowMs();
      for (const broadcast of [...this.#byStream.values()]) this.#tick(broadcast, nowMs);
    }
  }

  /** A bug in one broadcast ends that broadcast, not the others. */
  #tick(broadcast: Broadcast, nowMs: number): void {
    try {
      broadcast.tick(nowMs);
    } catch (error) {
      broadcast.fail(error);
    }
  }
}

/** Starts the router: it takes encoder sessions and gives broadcasts. */
export function startRouter(ports: RouterPorts): Promise<Router> {
  return Promise.try(() => new RunningRouter(ports));
}
