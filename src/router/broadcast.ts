/**
 * One broadcast: a time on air that outlives its encoder sessions.
 *
 *   waiting ─first keyframe─▶ on air ─encoder gone─▶ interrupted ─comes back─▶ on air
 *                                                        └─grace over─▶ ended
 */
import { Fault } from "#faults/fault.ts";
import { LiveBroadcast } from "#link/live-broadcast.ts";
import type { EndReason } from "#link/record.ts";
import type { BroadcastEvent } from "#link/stream-event.ts";
import { trackHealth, TrackMeter } from "#link/track-health.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata, PublishRequest, PublishSink, SessionEnd } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import { Gate } from "#timeline/gate.ts";
import { type BroadcastHealth, KeyframeMeter, warningsOf } from "./health.ts";
import { LifeEvents } from "./life-events.ts";
import type { BroadcastSettings, RouterPorts } from "./ports.ts";

/** Silence after which another encoder may take a stream over, milliseconds. */
const TAKE_OVER_AFTER_MS = 2000;
/** How often a subscriber is told that the broadcast lives, milliseconds. */
const HEAD_EVERY_MS = 250;

/** What the broadcast tells its router. */
export interface BroadcastEvents {
  started(live: LiveBroadcast): void;
  /** Something that lists show has changed. */
  changed(): void;
  happened(event: BroadcastEvent): void;
  ended(): void;
}

interface Session {
  readonly request: PublishRequest;
  readonly expelled: AbortController;
  readonly connectedMs: number;
  readonly meter: TrackMeter;
  arrivedMs: number;
}

/** Options of {@link Broadcast}. */
export interface BroadcastOptions {
  readonly settings: BroadcastSettings;
  readonly ports: RouterPorts;
  readonly events: BroadcastEvents;
  /** 16 random hexadecimal digits. */
  readonly timelineId: string;
  readonly fence: number;
}

/** A broadcast from its first session to its end. */
export class Broadcast {
  readonly stream: string;
  live: LiveBroadcast | undefined;
  readonly #settings: BroadcastSettings;
  readonly #ports: RouterPorts;
  readonly #events: BroadcastEvents;
  readonly #gate: Gate;
  readonly #meters = new Map<number, TrackMeter>();
  readonly #keyframes = new KeyframeMeter();
  readonly #life: LifeEvents;
  #session: Session | undefined;
  #sessionCount = 0;
  #graceEndsMs = Number.POSITIVE_INFINITY;
  #meteredMs: number;
  /** When the last frame came in. */
  #arrivedMs: number;
  #headMs = Number.NEGATIVE_INFINITY;
  #state: "live" | "interrupted" = "interrupted";
  #ended = false;

  constructor(options: BroadcastOptions) {
    const { settings, ports } = options;
    this.stream = settings.stream;
    this.#settings = settings;
    this.#ports = ports;
    this.#events = options.events;
    this.#life = new LifeEvents(settings.stream, (event) => options.events.happened(event));
    this.#meteredMs = ports.clock.nowMs();
    this.#arrivedMs = this.#meteredMs;
    this.#gate = new Gate({
      settings: {
        stream: settings.stream,
        segmentMicros: Math.round(settings.segmentSeconds * 1_000_000),
        partTargetMicros: Math.round(settings.partMs * 1000),
        windowMicros: Math.round(settings.windowSeconds * 1_000_000),
        quickStart: settings.quickStart,
      },
      fence: options.fence,
      timelineId: options.timelineId,
      checkpoint: this.#loadCheckpoint(),
      ports: {
        started: (hello) => {
          this.live = new LiveBroadcast(hello);
          this.#events.started(this.live);
        },
        emit: (record) => this.live?.publish(record),
        checkpoint: (checkpoint) => {
          ports.checkpoints.save(settings.stream, { ...checkpoint, savedWallMs: ports.clock.wallMs() });
        },
      },
    });
  }

  /** The stream's last checkpoint; one that is older than the grace belongs to a broadcast that is over. */
  #loadCheckpoint(): GateCheckpoint | undefined {
    const { checkpoints, clock } = this.#ports;
    const checkpoint = checkpoints.load(this.stream);
    if (checkpoint === undefined) return undefined;
    const ageMs = clock.wallMs() - checkpoint.savedWallMs;
    return ageMs > this.#settings.graceSeconds * 1000 ? { ...checkpoint, ended: true } : checkpoint;
  }

  /** Lets an encoder in. @throws Fault `STREAM_BUSY` while another one delivers. */
  open(request: PublishRequest): PublishSink {
    const { clock, observer } = this.#ports;
    const nowMs = clock.nowMs();
    const current = this.#session;
    if (current !== undefined) {
      if (nowMs - current.arrivedMs < TAKE_OVER_AFTER_MS) {
        throw new Fault("STREAM_BUSY", `${this.stream} is being published from ${current.request.address}`, {
          peer: request.address,
          hint: "Stop the other encoder first; a silent one is replaced after two seconds.",
        });
      }
      this.#close(current, "lost", nowMs);
      current.expelled.abort(
        new Fault("STREAM_BUSY", `another encoder took over after ${TAKE_OVER_AFTER_MS} ms of silence`),
      );
    }
    const session: Session = {
      request,
      expelled: new AbortController(),
      connectedMs: clock.wallMs(),
      meter: new TrackMeter(),
      arrivedMs: nowMs,
    };
    this.#session = session;
    this.#sessionCount++;
    this.#graceEndsMs = Number.POSITIVE_INFINITY;
    this.#keyframes.interrupt();
    this.#gate.openSession(nowMs);
    observer.event("info", "session.opened", {
      stream: this.stream,
      address: request.address,
      protocol: request.protocol,
      encoder: request.encoder,
    });
    return this.#sink(session);
  }

  /** Called four times a second and more. */
  tick(nowMs: number): void {
    if (this.#ended) return;
    const { clock } = this.#ports;
    this.#gate.tick(nowMs, clock.wallMs());
    this.#updateState(nowMs);
    if (nowMs - this.#headMs >= HEAD_EVERY_MS) {
      this.#headMs = nowMs;
      const inputAgeMs = Math.max(0, Math.round(nowMs - this.#arrivedMs));
      this.live?.publish({ type: "head", inputAgeMs });
    }
    const seconds = (nowMs - this.#meteredMs) / 1000;
    if (seconds >= 1) {
      this.#meteredMs = nowMs;
      for (const meter of this.#meters.values()) meter.close(seconds);
      this.#session?.meter.close(seconds);
    }
    if (nowMs >= this.#graceEndsMs) this.end("grace-over");
  }

  /** Ends the broadcast and its session. Idempotent. */
  end(why: EndReason, fault?: Fault): void {
    if (this.#ended) return;
    this.#ended = true;
    const nowMs = this.#ports.clock.nowMs();
    const session = this.#session;
    this.#session = undefined;
    try {
      this.#gate.end(why, nowMs);
    } catch (error) {
      this.#tellFailure(error);
      this.live?.publish({ type: "end", why });
    }
    session?.expelled.abort(fault ?? new Fault("CONNECTION_LOST", `the broadcast ended (${why})`));
    this.#ports.observer.event("info", "broadcast.ended", { stream: this.stream, why });
    this.#life.ended(why, this.#ports.clock.wallMs() - this.#gate.timeline.startedWallMs);
    this.#events.ended();
  }

  /** A bug of ours: this broadcast ends, the others go on. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#tellFailure(error);
    this.end("stopped", new Fault("INTERNAL", "a bug of ours ended the broadcast", { cause: error }));
  }

  #tellFailure(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ports.observer.event("error", "broadcast.failed", { stream: this.stream, error: text });
  }

  /** Throws the encoder out; the broadcast waits for another one. */
  expel(fault: Fault): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#end(session, "refused", this.#ports.clock.nowMs());
    session.expelled.abort(fault);
  }

  /** How it is doing. */
  get health(): BroadcastHealth {
    const { timeline, counters } = this.#gate;
    const session = this.#session;
    const encoder = session?.request.encoder ?? textOf(this.#gate.encoderMetadata?.["encoder"]) ?? null;
    const sessions =
      session === undefined
        ? []
        : [
            {
              address: session.request.address,
              protocol: session.request.protocol,
              encoder: textOf(this.#gate.encoderMetadata?.["encoder"]) ?? encoder,
              connectedMs: session.connectedMs,
              bitrate: session.meter.bitrate,
            },
          ];
    const leader = timeline.leader;
    return {
      state: this.#state,
      sinceMs: timeline.startedWallMs,
      sessions,
      tracks: timeline.lanes.map(({ track, raw, video }) => trackHealth(track, this.#meter(raw), video?.lockedRate)),
      keyframeIntervalMs: this.#keyframes.interval,
      counters: {
        framesIn: counters.framesIn,
        clamped: counters.clamped,
        interpolated: counters.interpolated,
        dropped: counters.dropped,
        reconnects: Math.max(0, this.#sessionCount - 1),
      },
      warnings: warningsOf({
        interval: this.#keyframes.interval,
        frameRateLocked: leader?.video?.lockedRate !== undefined,
        hasVideo: leader?.video !== undefined,
        frames: leader?.frameCount ?? 0,
        dependentCuts: counters.dependentCuts,
        jumps: counters.jumps,
        lags: this.live?.lags ?? 0,
        encoder,
      }),
      segments: counters.cuts,
    };
  }

  #meter(raw: RawTrack): TrackMeter {
    // A number: this runs for every frame.
    const key = raw.kind === "video" ? raw.number : -1 - raw.number;
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      meter = new TrackMeter();
      this.#meters.set(key, meter);
    }
    return meter;
  }

  #sink(session: Session): PublishSink {
    const isCurrent = (): boolean => this.#session === session;
    const { clock } = this.#ports;
    return {
      stream: this.stream,
      expelled: session.expelled.signal,
      configure: (track: RawTrack, config: TrackConfig, nowMs: number) => {
        if (isCurrent()) this.#gate.configure(track, config, nowMs);
      },
      frame: (frame: RawFrame, nowMs: number) => {
        if (!isCurrent()) return;
        session.arrivedMs = nowMs;
        this.#arrivedMs = nowMs;
        session.meter.add(frame.payload.byteLength);
        this.#meter(frame.track).add(frame.payload.byteLength);
        if (frame.keyframe && frame.track.kind === "video" && frame.track.number === 0)
          this.#keyframes.keyframe(frame.dts);
        try {
          this.#gate.frame(frame, nowMs, clock.wallMs());
        } catch (error) {
          this.fail(error);
          return;
        }
        if (this.#state !== "live") this.#updateState(nowMs);
      },
      metadata: (values: EncoderMetadata) => {
        if (isCurrent()) this.#gate.describe(values);
      },
      end: (why: SessionEnd, nowMs: number) => {
        if (isCurrent()) this.#end(session, why, nowMs);
      },
    };
  }

  #end(session: Session, why: SessionEnd, nowMs: number): void {
    this.#close(session, why, nowMs);
    if (!this.#gate.started) this.end("stopped");
  }

  #close(session: Session, why: SessionEnd, nowMs: number): void {
    this.#session = undefined;
    this.#gate.closeSession(nowMs);
    this.#graceEndsMs = nowMs + this.#settings.graceSeconds * 1000;
    this.#ports.observer.event("info", "session.closed", {
      stream: this.stream,
      address: session.request.address,
      why,
    });
    this.#updateState(nowMs, why);
  }

  #updateState(nowMs: number, why: SessionEnd | "silent" = "silent"): void {
    const session = this.#session;
    const delivers = session !== undefined && this.#gate.started && !this.#gate.holding;
    const state = delivers ? "live" : "interrupted";
    if (state === this.#state) return;
    this.#state = state;
    if (this.live === undefined) return;
    const name = state === "live" ? "broadcast.live" : "broadcast.interrupted";
    this.#ports.observer.event(state === "live" ? "info" : "warn", name, { stream: this.stream });
    const atMicros = Math.round(this.#gate.timeline.leader?.endMicros ?? nowMs * 1000);
    this.live.publish({ type: "event", name: state === "live" ? "resumed" : "silent", atMicros });
    if (delivers) this.#life.delivers(this.live.timelineId, session.request, nowMs);
    else this.#life.interrupted(why, nowMs);
    this.#events.changed();
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 200) : undefined;
}
