/**
 * One broadcast: a time on air that outlives its encoder sessions.
 *
 *   waiting ─first keyframe─▶ on air ─no encoder delivers─▶ interrupted ─▶ slate ─one delivers again─▶ on air
 *                              └─another is better: switch ─▶ on air         └─all gone, grace over─▶ ended
 *
 * One session is on air, the others stand by; the {@link Lineup} knows when they change places, the {@link Intermission} fills the time while there is none.
 */
import { Fault } from "#faults/fault.ts";
import { LiveBroadcast } from "#link/live-broadcast.ts";
import type { EndReason } from "#link/record.ts";
import type { BroadcastEvent, InterruptionReason } from "#link/stream-event.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata, PublishRequest, PublishSink, SessionEnd } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import { Gate } from "#timeline/gate.ts";
import type { Air, Switch } from "./air.ts";
import { AirLog, type Airtime } from "./air-log.ts";
import type { AirRecord } from "./air-log-record.ts";
import { AirLogSaver } from "./air-log-saver.ts";
import type { EncoderSession } from "./encoder-session.ts";
import { type BroadcastHealth, broadcastHealth, KeyframeMeter, sessionHealth } from "./health.ts";
import { INTERRUPTION_WORDS } from "./interruption-words.ts";
import { Intermission } from "./intermission.ts";
import { LifeEvents } from "./life-events.ts";
import { Lineup } from "./lineup.ts";
import type { BroadcastSettings, KeyframeJudgement, RouterPorts } from "./ports.ts";
import { TrackMeters } from "./track-meters.ts";

/** How often a subscriber is told that the broadcast lives, milliseconds. */
const HEAD_EVERY_MS = 250;
/** How long a broadcast's first picture may have been kept, milliseconds: a broadcast that is older goes on from one before. */
const KEPT_WITHIN_MS = 5000;

/** How far times are rounded on their way, microseconds: less than any picture lasts. */
const START_SLACK_MICROS = 1000;

/** What the broadcast tells its router. */
export interface BroadcastEvents {
  started(live: LiveBroadcast): void;
  /** Something that lists show has changed. */
  changed(): void;
  happened(event: BroadcastEvent): void;
  ended(): void;
}

/** Options of {@link Broadcast}. */
export interface BroadcastOptions {
  readonly settings: BroadcastSettings;
  readonly ports: RouterPorts;
  readonly events: BroadcastEvents;
  /** 16 random hexadecimal digits. */
  readonly timelineId: string;
  readonly fence: number;
  /** Time line of the stream's last broadcast. */
  readonly before: AirRecord | undefined;
}

/** A broadcast from its first session to its end. */
export class Broadcast {
  readonly stream: string;
  live: LiveBroadcast | undefined;
  readonly #settings: BroadcastSettings;
  readonly #ports: RouterPorts;
  readonly #events: BroadcastEvents;
  readonly #gate: Gate;
  readonly #meters = new TrackMeters();
  readonly #keyframes = new KeyframeMeter();
  readonly #life: LifeEvents;
  readonly #lineup: Lineup;
  readonly #airLog: AirLog;
  readonly #airSaver: AirLogSaver;
  /** Since when the gate has been holding a picture. */
  #heldSinceMs: number | undefined;
  #graceEndsMs = Number.POSITIVE_INFINITY;
  #meteredMs: number;
  /** When the last frame came in. */
  #arrivedMs: number;
  #headMs = Number.NEGATIVE_INFINITY;
  #state: BroadcastHealth["state"] = "interrupted";
  readonly #intermission: Intermission;
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
    const checkpoint = this.#loadCheckpoint();
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
      checkpoint,
      ports: {
        started: (hello) => {
          this.live = new LiveBroadcast(hello);
          this.#events.started(this.live);
        },
        emit: (record) => this.live?.publish(record),
        checkpoint: (state) => {
          ports.checkpoints.save(settings.stream, { ...state, savedWallMs: ports.clock.wallMs() });
        },
      },
    });
    const { timelineId } = this.#gate.timeline.series;
    const before = options.before?.timelineId === timelineId ? options.before.airtime : undefined;
    this.#airLog = new AirLog({ nowMs: this.#meteredMs, wallMs: ports.clock.wallMs(), before });
    this.#airSaver = new AirLogSaver({ stream: this.stream, timelineId, log: this.#airLog, store: ports.airtimes });
    const end = (): void => this.end("grace-over");
    this.#intermission = new Intermission({ settings, ports, gate: this.#gate, checkpoint, end });
    this.#lineup = new Lineup({ settings, ports, air: this.#air(), opened: this.#airLog.sessionMax });
  }

  /** The stream's last checkpoint; one that is older than the grace belongs to a broadcast that is over. */
  #loadCheckpoint(): GateCheckpoint | undefined {
    const { checkpoints, clock } = this.#ports;
    const checkpoint = checkpoints.load(this.stream);
    if (checkpoint === undefined) return undefined;
    const ageMs = clock.wallMs() - checkpoint.savedWallMs;
    return ageMs > this.#settings.graceSeconds * 1000 ? { ...checkpoint, ended: true } : checkpoint;
  }

  /** Lets an encoder in. @throws Fault `STREAM_BUSY` where the stream takes one at a time and another one delivers. */
  open(request: PublishRequest): PublishSink {
    const session = this.#lineup.open(request);
    this.#graceEndsMs = Number.POSITIVE_INFINITY;
    return this.#sink(session);
  }

  /** From now on it is on air also without an encoder, with its slate; or no longer. */
  keep(isKept: boolean): void {
    const intermission = this.#intermission;
    if (isKept === intermission.isKept) return;
    const nowMs = this.#ports.clock.nowMs();
    intermission.keep(isKept, this.#lineup.onAir !== undefined, nowMs);
    if (isKept) this.#graceEndsMs = Number.POSITIVE_INFINITY;
    else this.#awaitEncoder(nowMs);
  }

  /** Puts a session on air at its next keyframe. @throws Fault `SESSION_UNKNOWN`. */
  switchTo(id: number): void {
    this.#lineup.switchTo(id);
  }

  /** A keyframe that is shown at this stream time was decoded; one of an encoder that is on air no longer says nothing of the one that is. */
  judged(atMicros: number, judgement: KeyframeJudgement): void {
    const { sessionStartMicros } = this.#gate;
    if (this.#ended || sessionStartMicros === undefined) return;
    if (atMicros < sessionStartMicros - START_SLACK_MICROS) return;
    this.#lineup.judged(judgement, this.#ports.clock.nowMs());
  }

  /** Called four times a second and more. */
  tick(nowMs: number): void {
    if (this.#ended) return;
    const wallMs = this.#ports.clock.wallMs();
    this.#gate.tick(nowMs, wallMs);
    this.#heldSinceMs = this.#gate.holding ? (this.#heldSinceMs ?? nowMs) : undefined;
    this.#lineup.tick(nowMs);
    this.#intermission.tick(this.#lineup.onAir, nowMs, wallMs);
    if (this.#ended) return;
    this.#updateState(nowMs);
    if (this.#state === "live") this.#logEncoder();
    this.#airSaver.tick(nowMs);
    if (nowMs - this.#headMs >= HEAD_EVERY_MS) {
      this.#headMs = nowMs;
      const inputAgeMs = Math.max(0, Math.round(nowMs - this.#arrivedMs));
      this.live?.publish({ type: "head", inputAgeMs });
    }
    const seconds = (nowMs - this.#meteredMs) / 1000;
    if (seconds >= 1) {
      this.#meteredMs = nowMs;
      this.#meters.close(seconds);
      for (const { meter } of this.#lineup.sessions) meter.close(seconds);
    }
    if (nowMs >= this.#graceEndsMs) this.end("grace-over");
  }

  /** Ends the broadcast and its session. Idempotent. */
  end(why: EndReason, fault?: Fault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#intermission.close();
    const nowMs = this.#ports.clock.nowMs();
    try {
      this.#gate.end(why, nowMs);
    } catch (error) {
      this.#tellFailure(error);
      this.live?.publish({ type: "end", why });
    }
    this.#airLog.ended(why, nowMs);
    this.#airSaver.close(nowMs);
    this.#lineup.close(fault ?? new Fault("CONNECTION_LOST", `the broadcast ended (${why})`));
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

  /** Throws the encoders out; the broadcast waits for another one. */
  expel(fault: Fault): void {
    const nowMs = this.#ports.clock.nowMs();
    if (this.#lineup.sessions.length === 0) return;
    this.#lineup.expel(fault, nowMs);
    this.#awaitEncoder(nowMs);
  }

  /** Who was on air when. */
  get airtime(): Airtime {
    return this.#airLog.airtime(this.#ports.clock.nowMs());
  }

  /** How it is doing. */
  get health(): BroadcastHealth {
    const lineup = this.#lineup;
    return broadcastHealth({
      state: this.#state,
      gate: this.#gate,
      sessions: lineup.health(this.#ports.clock.nowMs()),
      encoder: lineup.onAir?.request.encoder,
      meter: (raw) => this.#meters.of(raw),
      interval: this.#keyframes.interval,
      reconnects: lineup.reconnects,
      switches: lineup.switches,
      lags: this.live?.lags ?? 0,
      airtime: this.airtime,
    });
  }

  #sink(session: EncoderSession): PublishSink {
    const lineup = this.#lineup;
    return {
      stream: this.stream,
      expelled: session.expelled.signal,
      configure: (track: RawTrack, config: TrackConfig, nowMs: number) => {
        lineup.configure(session, track, config, nowMs);
      },
      frame: (frame: RawFrame, nowMs: number) => {
        if (!lineup.sessions.includes(session)) return;
        try {
          lineup.take(session, frame, nowMs);
        } catch (error) {
          this.fail(error);
        }
      },
      metadata: (values: EncoderMetadata) => {
        session.metadata = values;
        if (lineup.onAir === session) this.#gate.describe(values);
      },
      end: (why: SessionEnd, nowMs: number) => {
        if (!lineup.sessions.includes(session)) return;
        lineup.end(session, why, nowMs);
        this.#awaitEncoder(nowMs);
      },
    };
  }

  /** What the lineup does with the gate. */
  #air(): Air {
    const gate = this.#gate;
    return {
      begin: (session, nowMs) => {
        this.#keyframes.interrupt();
        this.#heldSinceMs = undefined;
        this.#intermission.encoderBegins(nowMs);
        gate.openSession(nowMs);
        if (session.metadata !== undefined) gate.describe(session.metadata);
        for (const { raw, config } of session.configs.values()) gate.configure(raw, config, nowMs);
      },
      configure: (raw, config, nowMs) => gate.configure(raw, config, nowMs),
      expectLag: (ms) => gate.expectLag(ms),
      feed: (frame, arrivedMs) => this.#feed(frame, arrivedMs),
      leave: (why, nowMs) => {
        gate.closeSession(nowMs);
        this.#updateState(nowMs, why);
        this.#intermission.encoderLeft(why, nowMs);
        if (!this.#ended) this.#updateState(nowMs, why);
      },
      heldMs: (nowMs) => (this.#heldSinceMs === undefined ? 0 : nowMs - this.#heldSinceMs),
      aheadMs: (nowMs) => gate.aheadMs(nowMs),
      get begun() {
        return gate.begun;
      },
      get started() {
        return gate.started;
      },
      get hasPicture() {
        return gate.timeline.leader?.video !== undefined;
      },
      switched: (change) => this.#tellSwitch(change),
    };
  }

  /** Gives a frame of the session on air to the gate. */
  #feed(frame: RawFrame, arrivedMs: number): void {
    this.#arrivedMs = Math.max(this.#arrivedMs, arrivedMs);
    this.#meters.of(frame.track).add(frame.payload.byteLength);
    if (frame.keyframe && frame.track.kind === "video" && frame.track.number === 0) this.#keyframes.keyframe(frame.dts);
    this.#gate.frame(frame, arrivedMs, this.#ports.clock.wallMs());
    if (this.#state !== "live") this.#updateState(arrivedMs);
  }

  #tellSwitch({ from, to, why }: Switch): void {
    const fields = { from: from.id, to: to.id, fromAddress: from.request.address, toAddress: to.request.address, why };
    const text = "another encoder is on air";
    this.#ports.observer.event("warn", "stream.switched", { stream: this.stream, ...fields }, text);
    this.#life.switched(from.request, to.request, why);
    this.#logEncoder();
    this.#events.changed();
  }

  /** With nobody connected a broadcast waits as long as the grace says; one that never began does not. */
  #awaitEncoder(nowMs: number): void {
    if (this.#ended || this.#intermission.isKept || this.#lineup.sessions.length > 0) return;
    if (this.#gate.started) this.#graceEndsMs = nowMs + this.#settings.graceSeconds * 1000;
    else this.end("stopped");
  }

  get #stateNow(): BroadcastHealth["state"] {
    if (this.#intermission.showsSlate) return "slate";
    const delivers = this.#lineup.onAir !== undefined && this.#gate.started && !this.#gate.holding;
    return delivers ? "live" : "interrupted";
  }

  #updateState(nowMs: number, left: InterruptionReason = "silent"): void {
    const state = this.#stateNow;
    const before = this.#state;
    if (state === before || this.live === undefined) return;
    this.#state = state;
    // One that is on air and not silent sends what cannot be shown.
    const why = this.#lineup.onAir?.isSilent(nowMs) === false ? "undecodable" : left;
    this.#tellState(state, why);
    const atMicros = Math.round(this.#gate.timeline.leader?.endMicros ?? nowMs * 1000);
    if (state === "live") this.#logEncoder();
    else if (state === "slate") this.#airLog.slate(this.#intermission.why, nowMs - this.#keptMs);
    else this.#airLog.held(this.#lineup.switchingFor ?? why, nowMs);
    this.live.publish({ type: "event", name: state === "live" ? "resumed" : "silent", atMicros });
    const session = this.#lineup.onAir;
    if (state === "live" && session !== undefined) this.#life.delivers(this.live.timelineId, session.request, nowMs);
    if (before === "live") this.#life.interrupted(why, nowMs);
    if (state === "slate") this.#life.slate();
    this.#events.changed();
  }

  /** The session on air is seen from now on, where its picture is there. */
  #logEncoder(): void {
    const { onAir, why } = this.#lineup;
    if (onAir === undefined || !this.#gate.begun) return;
    const nowMs = this.#ports.clock.nowMs();
    this.#airLog.encoder({ ...sessionHealth(onAir, "on-air", nowMs), session: onAir.id }, why, nowMs - this.#keptMs);
  }

  /** How long the first picture was kept until it was clear how to begin, milliseconds; 0 for all that follow, and where a broadcast is resumed. */
  get #keptMs(): number {
    const sinceMs = this.#ports.clock.wallMs() - this.#gate.timeline.startedWallMs;
    return this.#airLog.isEmpty && sinceMs < KEPT_WITHIN_MS ? sinceMs : 0;
  }

  #tellState(state: BroadcastHealth["state"], why: InterruptionReason): void {
    // A slate before the first encoder is what was asked for.
    const level = state === "live" || !this.#airLog.hadEncoder ? "info" : "warn";
    const { stream } = this;
    const { observer } = this.#ports;
    if (state === "interrupted")
      observer.event(level, "broadcast.interrupted", { stream, why }, INTERRUPTION_WORDS[why]);
    else observer.event(level, `broadcast.${state}`, { stream });
  }
}
