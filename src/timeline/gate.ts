/**
 * The gate: where an encoder's session meets the timeline.
 *
 *   raw frame ─unwrap─▶ start rule (until the first keyframe) ─anchor─▶ session clock ─▶ timeline writer ─▶ link records
 *
 * A broadcast outlives its sessions: when the encoder falls silent, its last keyframe is repeated and sound becomes silence at real-time pace, so
 * that playlists never stop; the next session's first keyframe takes over where that ends.
 *
 * Time is passed in with each call: `nowMs` is monotonic; the wall clock is read only where a timeline begins.
 */
import type { EndReason } from "#link/record.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import type { Lane, LaneFrame } from "./lane.ts";
import { existingRate, sameRate } from "./nominal-rate.ts";
import { type Placed, SessionClock } from "./session-clock.ts";
import { type PendingFrame, StartRule } from "./start-rule.ts";
import { type GateCounters, type TimelineOptions, TimelineWriter } from "./timeline-writer.ts";
import { TimestampUnwrapper } from "./unwrap.ts";

/** Silence of the leading track before its last picture is held, milliseconds. */
const HOLD_AFTER_MS = 1000;
/** How far behind real time a held picture ends, microseconds: frames that are only late still find their place. */
const HOLD_MARGIN_MICROS = 250_000;
/** Frames that come this much faster than real time, and twice as fast, are a burst after a stall of the network. Microseconds. */
const BURST_MICROS = 200_000;
/** Window over which the encoder's delay is measured, milliseconds. */
const LAG_WINDOW_MS = 10_000;

/** One encoder connection. */
interface Session {
  readonly unwrapper: TimestampUnwrapper;
  readonly start: StartRule;
  clock: SessionClock<Lane, LaneFrame> | undefined;
}

/** The gate of one broadcast. */
export class Gate {
  readonly timeline: TimelineWriter;
  #session: Session | undefined;
  #anchorMicros = 0;
  #anchorMs = 0;
  #leaderArrivedMs = Number.NEGATIVE_INFINITY;
  #holding = false;
  /** The first frame that came since the picture is held. */
  #resumed: { readonly ms: number; readonly micros: number } | undefined;
  #ended = false;
  #lagMicros = 0;
  #lagMinMicros = Number.POSITIVE_INFINITY;
  #lagSinceMs = 0;
  readonly #placed: Placed<LaneFrame>[] = [];
  #placedLanes: Lane[] = [];

  constructor(options: TimelineOptions) {
    this.timeline = new TimelineWriter(options);
  }

  /** The broadcast has begun. */
  get started(): boolean {
    return this.timeline.leader !== undefined;
  }

  /** The encoder is silent and its last picture is held. */
  get holding(): boolean {
    return this.#holding;
  }

  get counters(): GateCounters {
    return this.timeline.counters;
  }

  /** What the encoder said of itself, untrusted. */
  get encoderMetadata(): EncoderMetadata | undefined {
    return this.#session?.start.metadata;
  }

  /** Smallest distance from a frame's stream time to its arrival over ten seconds, microseconds: a trend is clock drift or growing delay. */
  get lagMicros(): number {
    return this.#lagMicros;
  }

  /** An encoder connected. The session before it, if any, is over. */
  openSession(nowMs: number): void {
    this.closeSession(nowMs);
    this.#session = {
      unwrapper: new TimestampUnwrapper(),
      start: new StartRule(),
      clock: undefined,
    };
  }

  /** The encoder is gone: what was held back is let through; the broadcast waits for the next session. */
  closeSession(nowMs: number): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.counters.dropped += session.start.abandon();
    if (!this.started) return;
    session.clock?.flush(this.#placed);
    this.#write(session, nowMs);
    this.timeline.flush();
    // Sound that is ahead of the last picture waits on: the picture that is held passes it.
    this.timeline.release(nowMs, false);
    this.timeline.gops.interrupt();
  }

  /** Codec parameters of a track; they precede the frames that need them. */
  configure(raw: RawTrack, config: TrackConfig): void {
    const session = this.#session;
    if (session === undefined) return;
    session.start.configs.set(`${raw.kind}${raw.number}`, { raw, config });
    if (session.clock !== undefined) this.timeline.adopt({ raw, config });
  }

  /** What the encoder says of itself. */
  describe(values: EncoderMetadata): void {
    if (this.#session !== undefined) this.#session.start.metadata = values;
  }

  /** Takes a frame of the session. `wallMs` is read when a timeline begins. */
  frame(raw: RawFrame, nowMs: number, wallMs: number): void {
    const session = this.#session;
    if (session === undefined) return;
    this.counters.framesIn++;
    const stampMs = session.unwrapper.unwrap(raw.dts);
    if (session.clock === undefined) {
      session.start.keep({ raw, stampMs, nowMs });
      this.#tryBegin(session, nowMs, wallMs);
      return;
    }
    this.#place(session.clock, raw, stampMs, nowMs);
    this.#write(session, nowMs);
    this.timeline.release(nowMs, false);
    this.timeline.fillFollowers();
  }

  /** Called some times a second: waits that end, pictures to hold, silence to fill. */
  tick(nowMs: number, wallMs: number): void {
    const session = this.#session;
    if (session !== undefined && session.clock === undefined) this.#tryBegin(session, nowMs, wallMs);
    if (!this.started || this.#ended) return;
    if (this.#holding || nowMs - this.#leaderArrivedMs >= HOLD_AFTER_MS) this.#hold(nowMs);
    this.timeline.release(nowMs, false);
    this.timeline.fillFollowers();
  }

  /** The broadcast is over. */
  end(why: EndReason, nowMs: number): void {
    if (this.#ended) return;
    this.closeSession(nowMs);
    this.#ended = true;
    if (!this.started) return;
    this.timeline.releaseAll(nowMs);
    this.timeline.end(why);
  }

  /** Stream time of real time, microseconds. */
  #streamNow(nowMs: number): number {
    return this.#anchorMicros + Math.round((nowMs - this.#anchorMs) * 1000);
  }

  /** Where frames go on whose stamps say nothing: now, less the encoder's usual delay, and never before anything issued. */
  #landing(nowMs: number): number {
    return Math.max(this.timeline.floorMicros, this.#streamNow(nowMs) - Math.max(0, this.#lagMicros));
  }

  #tryBegin(session: Session, nowMs: number, wallMs: number): void {
    const ready = session.start.ready(nowMs);
    if (ready === undefined) return;
    const { leader, frames } = ready;
    this.counters.dropped += session.start.takeDropped();
    if (!this.started) {
      this.#anchorMicros = Math.max(Math.round(wallMs * 1000), this.timeline.floorMicros);
      this.#anchorMs = leader.nowMs;
      this.#lagSinceMs = nowMs;
    }
    const startMicros = this.#landing(leader.nowMs);
    if (this.started) this.#resume(session, startMicros);
    else this.timeline.begin([...session.start.configs.values()], startMicros, wallMs);
    this.#anchor(session, leader, startMicros);
    for (const { raw, stampMs, nowMs: arrivedMs } of frames) {
      if (session.clock !== undefined) this.#place(session.clock, raw, stampMs, arrivedMs);
      this.#write(session, arrivedMs);
    }
    this.timeline.release(nowMs, false);
  }

  /** A new session on a running timeline: its tracks join, and the picture is held exactly until it begins. */
  #resume(session: Session, startMicros: number): void {
    for (const announced of session.start.configs.values()) this.timeline.adopt(announced);
    this.timeline.hold(startMicros, true);
    this.timeline.fillFollowers(0);
    this.#holding = false;
  }

  #anchor(session: Session, leader: PendingFrame, startMicros: number): void {
    const offsetMicros = leader.raw.ptsOffset * 1000;
    session.clock = new SessionClock({
      offset: startMicros - offsetMicros - leader.stampMs * 1000,
      counters: this.counters,
      landing: (nowMs) => this.#landing(nowMs),
    });
    for (const lane of this.timeline.lanes) {
      if (lane.video === undefined) continue;
      lane.video.begin({
        micros: startMicros - offsetMicros,
        offsetMicros,
        rate: claimedRate(lane, session.start.metadata),
      });
    }
    this.#leaderArrivedMs = leader.nowMs;
  }

  #place(clock: SessionClock<Lane, LaneFrame>, raw: RawFrame, stampMs: number, nowMs: number): void {
    const lane = this.timeline.lane(raw.track);
    if (lane === undefined) {
      this.counters.dropped++;
      return;
    }
    if (lane === this.timeline.leader) this.#leaderArrivedMs = nowMs;
    lane.arrivedMs = nowMs;
    const payload: LaneFrame = {
      payload: raw.payload,
      keyframe: raw.keyframe,
      offsetMicros: raw.ptsOffset * 1000,
      filler: false,
      changes: false,
    };
    const before = this.#placed.length;
    const durationMicros = lane.durationMicros(raw.payload);
    clock.place(lane, { payload, stampMs, durationMicros, nowMs }, this.#placed);
    for (let i = before; i < this.#placed.length; i++) this.#placedLanes.push(lane);
  }

  /** Hands placed frames to the timeline. */
  #write(session: Session, nowMs: number): void {
    if (this.#placed.length === 0) return;
    const placed = this.#placed.splice(0);
    const lanes = this.#placedLanes.splice(0);
    for (const [i, frame] of placed.entries()) {
      const lane = lanes[i] ?? this.timeline.leader;
      if (lane !== undefined) this.#writeOne(session, lane, frame, nowMs);
    }
  }

  #writeOne(session: Session, lane: Lane, placed: Placed<LaneFrame>, nowMs: number): void {
    const { timeline } = this;
    let frame = placed;
    if (timeline.leads(lane)) {
      if (this.#holding) {
        const taken = this.#takesOver(session, lane, placed, nowMs);
        if (taken === undefined) {
          this.counters.dropped++;
          return;
        }
        frame = taken;
      }
      if (timeline.changes && frame.payload.keyframe) frame = this.#change(session, lane, frame);
      this.#measureLag(frame.micros, nowMs);
    }
    timeline.write(lane, frame);
  }

  /** Changed tracks and parameters take effect with this keyframe: everything before it is completed. */
  #change(session: Session, lane: Lane, placed: Placed<LaneFrame>): Placed<LaneFrame> {
    const { timeline } = this;
    // What is still held belongs before the change, and may cut.
    timeline.flush();
    if (!timeline.changes) return placed;
    const delay = timeline.delayForCut(placed);
    if (delay > 0) {
      session.clock?.shift(delay);
      lane.video?.shift(Math.round((delay * lane.track.timescale) / 1_000_000));
    }
    const micros = placed.micros + delay;
    const { offsetMicros } = placed.payload;
    const start = micros + offsetMicros;
    const gapMicros = start - (timeline.leader?.endMicros ?? start);
    // What is less than a frame is a matter of rounding, not a gap to fill.
    if (delay > 0 || gapMicros > lane.durationMicros(placed.payload.payload)) timeline.hold(start, true);
    timeline.completeFollowers(start);
    if (lane.needsKeyframe || lane.pendingConfig !== undefined) {
      lane.video?.begin({ micros, offsetMicros, rate: claimedRate(lane, session.start.metadata) });
    }
    return { ...placed, micros, payload: { ...placed.payload, changes: true } };
  }

  /**
   * Whether a frame of the leading track ends a hold: a keyframe (any sound) that begins no earlier than what was filled in. One that is late
   * for good is moved to there, with all that follows; one in a burst is not, since what comes after the burst is on time again.
   */
  #takesOver(session: Session, lane: Lane, placed: Placed<LaneFrame>, nowMs: number): Placed<LaneFrame> | undefined {
    const resumed = this.#resumed ?? { ms: nowMs, micros: placed.micros };
    this.#resumed = resumed;
    if (!placed.payload.keyframe) return undefined;
    const { offsetMicros } = placed.payload;
    const lateMicros = (lane.endMicros ?? 0) - (placed.micros + offsetMicros);
    const isBurst = placed.micros - resumed.micros > 2 * (nowMs - resumed.ms) * 1000 + BURST_MICROS;
    if (lateMicros > 0 && (isBurst || nowMs === resumed.ms)) return undefined;
    let frame = placed;
    if (lateMicros > 0) {
      session.clock?.shift(lateMicros);
      frame = { ...placed, micros: placed.micros + lateMicros };
    }
    this.timeline.hold(frame.micros + offsetMicros, true);
    this.#holding = false;
    lane.video?.begin({
      micros: frame.micros,
      offsetMicros,
      rate: lane.video.lockedRate ?? claimedRate(lane, session.start.metadata),
    });
    return frame;
  }

  /** Holds the last picture up to a little behind now, and goes on with it until a keyframe takes over. */
  #hold(nowMs: number): void {
    if (!this.#holding) {
      this.#holding = true;
      this.#resumed = undefined;
      this.timeline.flush();
      this.timeline.gops.interrupt();
    }
    this.timeline.hold(this.#streamNow(nowMs) - Math.max(0, this.#lagMicros) - HOLD_MARGIN_MICROS, false);
    this.timeline.fillFollowers(0);
  }

  #measureLag(micros: number, nowMs: number): void {
    this.#lagMinMicros = Math.min(this.#lagMinMicros, this.#streamNow(nowMs) - micros);
    if (nowMs - this.#lagSinceMs < LAG_WINDOW_MS) return;
    this.#lagMicros = this.#lagMinMicros;
    this.#lagMinMicros = Number.POSITIVE_INFINITY;
    this.#lagSinceMs = nowMs;
  }
}

/** The frame rate that bitstream and metadata claim, unless they contradict each other: then it is measured. */
function claimedRate(lane: Lane, metadata: EncoderMetadata | undefined): Rational | undefined {
  const { config } = lane.track;
  if (config.kind !== "video" || lane.raw.number !== 0) return undefined;
  const told = metadata?.["framerate"];
  const fromMetadata = typeof told === "number" ? existingRate(told) : undefined;
  const { frameRate } = config;
  if (frameRate === undefined) return fromMetadata;
  const fromBitstream = existingRate(frameRate.num / frameRate.den);
  if (typeof told === "number" && told > 0 && (fromMetadata === undefined || fromBitstream === undefined))
    return undefined;
  if (fromMetadata !== undefined && fromBitstream !== undefined && !sameRate(fromMetadata, fromBitstream))
    return undefined;
  return fromBitstream;
}
