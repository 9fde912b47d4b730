/**
 * The gate: where an encoder's session meets the timeline.
 *
 *   raw frame ─unwrap─▶ start rule (until the first keyframe) ─anchor─▶ session clock ─▶ timeline writer ─▶ link records
 *
 * A broadcast outlives its sessions: when the encoder falls silent, its last keyframe is repeated and sound becomes silence at real-time pace, so
 * that playlists never stop; the next session's first keyframe takes over where that ends, or hardly earlier.
 *
 * Time is passed in with each call: `nowMs` is monotonic; the wall clock is read only where a timeline begins.
 */
import type { EndReason } from "#link/record.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import { type TrackConfig, VIDEO_TIMESCALE } from "#media/track.ts";
import { microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { ArrivalLag } from "./arrival-lag.ts";
import { ClockDrift } from "./clock-drift.ts";
import type { Lane, Unit } from "./lane.ts";
import { claimedRate } from "./nominal-rate.ts";
import { SessionClock } from "./session-clock.ts";
import { type PendingFrame, StartRule } from "./start-rule.ts";
import type { GateCounters, TimelineOptions } from "./timeline.ts";
import { TimelineWriter } from "./timeline-writer.ts";
import { TimestampUnwrapper } from "./unwrap.ts";

/** Silence of the leading track before its last picture is held, milliseconds. */
const HOLD_AFTER_MS = 1000;
/** The same while no session is there, whose frames could only be late. */
const HOLD_AFTER_END_MS = 250;
/** The same in frames, where those are long; and its bound, milliseconds. */
const HOLD_AFTER_FRAMES = 2.5;
const HOLD_AFTER_MS_MAX = 2500;
/** How long a picture is waited for at most, where more than usual is to be expected, milliseconds. */
const EXPECTED_LAG_MS_MAX = 3000;
/** How far behind the encoder's usual delay a held picture ends, microseconds: frames that are only late still find their place. */
const HOLD_MARGIN_MICROS = 250_000;
/** How far from its first picture the stamps of what came before that may be, milliseconds. */
const START_APART_MS_MAX = 3000;
/** How far behind a leading track that delivers nothing useful may end before it is held, microseconds. */
const HOLD_BEHIND_MICROS = 500_000;
/** Longest usual delay that another session is placed by, microseconds: what is more was a fault of the session before. */
const LAG_MICROS_MAX = 1_000_000;
/** How long an encoder may deliver too late after silence before its new delay is believed, milliseconds. */
const CATCH_UP_MS = 1000;

/** One encoder connection. */
interface Session {
  readonly unwrapper: TimestampUnwrapper;
  readonly start: StartRule;
  clock: SessionClock<Lane, Unit> | undefined;
  /** Where its first keyframe is shown, microseconds. */
  startMicros: number;
  /** How long after its decode time that is, microseconds. */
  delayMicros: number;
}

/** The gate of one broadcast. */
export class Gate {
  readonly timeline: TimelineWriter;
  #session: Session | undefined;
  #anchorMicros = 0;
  #anchorMs = 0;
  #holding = false;
  #expectedLagMs = 0;
  #ended = false;
  /** When the leading track was heard again after a hold. */
  #heardAgainMs: number | undefined;
  readonly #lag = new ArrivalLag();
  readonly #drift = new ClockDrift();
  /** Placed units on their way to the timeline; empty between calls. */
  readonly #units: Unit[] = [];

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

  /** The session on air has its first keyframe on the timeline. */
  get begun(): boolean {
    return this.#session?.clock !== undefined;
  }

  /** Where the first picture of the session on air is shown, stream time in microseconds; `undefined` before it is there. */
  get sessionStartMicros(): number | undefined {
    return this.begun ? this.#session?.startMicros : undefined;
  }

  /**
   * How far everything issued reaches beyond where it usually does, milliseconds; negative where it stays behind. What an encoder sent in a burst when
   * it came, as a relay does, brings stream time ahead for good, which nobody notices.
   */
  aheadMs(nowMs: number): number {
    if (!this.started) return 0;
    return (this.timeline.floorMicros - this.#streamNow(nowMs) - this.#drift.usualAheadMicros) / 1000;
  }

  /** What comes next may be so much later than usual, milliseconds, and is worth it: it is what would have come. */
  expectLag(ms: number): void {
    this.#expectedLagMs = Math.min(EXPECTED_LAG_MS_MAX, ms);
  }

  get counters(): GateCounters {
    return this.timeline.counters;
  }

  /** What the encoder said of itself, untrusted. */
  get encoderMetadata(): EncoderMetadata | undefined {
    return this.#session?.start.metadata;
  }

  /** Least distance from a frame's stream time to its arrival over some seconds, microseconds. */
  get lagMicros(): number {
    return this.#lag.micros;
  }

  /** An encoder connected. The session before it, if any, is over. */
  openSession(nowMs: number): void {
    this.closeSession(nowMs);
    this.#session = {
      unwrapper: new TimestampUnwrapper(),
      start: new StartRule({ measuresGop: !this.started && !this.timeline.series.knowsGops }),
      clock: undefined,
      startMicros: 0,
      delayMicros: 0,
    };
  }

  /** The encoder is gone: what is held back is let through; the broadcast waits for the next session. */
  closeSession(nowMs: number): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.counters.dropped += session.start.abandon();
    if (!this.started || session.clock === undefined) return;
    session.clock.flush(this.#units);
    this.#deliver(session, session.clock, nowMs);
    this.timeline.close();
    this.timeline.release(nowMs, this.#expectedLagMs);
  }

  /** Codec parameters of a track; they precede the frames that need them. */
  configure(raw: RawTrack, config: TrackConfig, nowMs: number): void {
    const session = this.#session;
    if (session === undefined) return;
    session.start.configure(raw, config);
    if (session.clock !== undefined) this.#adopt(session, raw, config, nowMs);
  }

  /** What the encoder says of itself. */
  describe(values: EncoderMetadata): void {
    if (this.#session !== undefined) this.#session.start.metadata = values;
  }

  /** Takes a frame of the session. `wallMs` is read when a timeline begins. */
  frame(raw: RawFrame, nowMs: number, wallMs: number): void {
    const session = this.#session;
    if (session === undefined || this.#ended) return;
    this.counters.framesIn++;
    const stampMs = session.unwrapper.unwrap(raw.dts);
    if (session.clock === undefined) {
      session.start.keep({ raw, stampMs, nowMs });
      this.#tryBegin(session, nowMs, wallMs);
      return;
    }
    this.#take(session, session.clock, raw, stampMs, nowMs);
    this.timeline.release(nowMs, this.#expectedLagMs);
  }

  /** Called some times a second: waits that end, pictures to hold, silence to fill. */
  tick(nowMs: number, wallMs: number): void {
    const session = this.#session;
    if (session !== undefined && session.clock === undefined) this.#tryBegin(session, nowMs, wallMs);
    const { leader } = this.timeline;
    if (leader === undefined || this.#ended) return;
    this.#hold(leader, nowMs);
    this.timeline.release(nowMs, this.#expectedLagMs);
    this.timeline.fillFollowers(nowMs);
  }

  /** The broadcast is over. */
  end(why: EndReason, nowMs: number): void {
    if (this.#ended) return;
    this.closeSession(nowMs);
    this.#ended = true;
    if (this.started) this.timeline.end(why);
  }

  /** Stream time of real time, microseconds. */
  #streamNow(nowMs: number): number {
    return this.#anchorMicros + Math.round((nowMs - this.#anchorMs) * 1000);
  }

  get #usualLagMicros(): number {
    return Math.min(LAG_MICROS_MAX, Math.max(0, Math.round(this.#lag.micros)));
  }

  /** Where the leading track's frame belongs that comes now: real time, less the encoder's usual delay. */
  #belongsAt(nowMs: number): number {
    return this.#streamNow(nowMs) - this.#usualLagMicros;
  }

  /** Where another session begins whose first keyframe came at `nowMs`: where it belongs, or as near as what was issued lets it. */
  #beginsAt(nowMs: number): number {
    const { lanes, leader, series } = this.timeline;
    let earliest = series.startMicros;
    const frontier = leader?.endMicros ?? earliest;
    for (const lane of lanes) earliest = Math.max(earliest, lane.earliestBeside(frontier) ?? earliest);
    return onTick(Math.max(earliest, this.#belongsAt(nowMs)));
  }

  #tryBegin(session: Session, nowMs: number, wallMs: number): void {
    const ready = session.start.ready(nowMs);
    if (ready === undefined) return;
    const { leader, frames, gopMicros } = ready;
    this.counters.dropped += session.start.takeDropped();
    if (this.started) {
      session.startMicros = this.#beginsAt(leader.nowMs);
      this.timeline.handOver(session.startMicros);
      for (const { raw, config } of session.start.tracks) this.timeline.adopt({ raw, config }, nowMs);
    } else {
      const startWallMs = Math.round(wallMs - (nowMs - leader.nowMs));
      this.#anchorMicros = onTick(this.timeline.series.beginning(Math.round(startWallMs * 1000)));
      this.#anchorMs = leader.nowMs;
      session.startMicros = this.#anchorMicros;
      if (gopMicros !== undefined) this.timeline.series.expectGop(gopMicros);
      this.timeline.begin(session.start.tracks, session.startMicros, startWallMs);
    }
    const clock = this.#anchor(session, leader, nowMs);
    let isBefore = true;
    for (const one of frames) {
      isBefore &&= one !== leader;
      // What came before the encoder's clock jumped says nothing of where the session is.
      if (isBefore && Math.abs(one.stampMs - leader.stampMs) > START_APART_MS_MAX) this.counters.dropped++;
      else this.#take(session, clock, one.raw, one.stampMs, one.nowMs);
    }
    this.timeline.release(nowMs, this.#expectedLagMs);
  }

  #anchor(session: Session, leader: PendingFrame, nowMs: number): SessionClock<Lane, Unit> {
    session.delayMicros = leader.raw.ptsOffset * 1000;
    const clock = new SessionClock<Lane, Unit>({
      offset: session.startMicros - session.delayMicros - leader.stampMs * 1000,
      counters: this.counters,
      landing: (atMs) => Math.max(this.timeline.floorMicros, this.#belongsAt(atMs) - session.delayMicros),
    });
    session.clock = clock;
    this.#lag.reset();
    this.#drift.placed(session.startMicros - this.#streamNow(leader.nowMs), nowMs);
    this.#heardAgainMs = undefined;
    for (const { raw, config } of session.start.tracks) {
      const lane = this.timeline.lane(raw);
      if (lane === undefined) continue;
      lane.arrivedMs = nowMs;
      lane.usedMs = nowMs;
      lane.rate = claimedRate(config, raw.number === 0 ? session.start.metadata : undefined);
    }
    return clock;
  }

  #adopt(session: Session, raw: RawTrack, config: TrackConfig, nowMs: number): void {
    this.timeline.adopt({ raw, config }, nowMs);
    const lane = this.timeline.lane(raw);
    if (lane?.open === false) lane.rate = claimedRate(config, raw.number === 0 ? session.start.metadata : undefined);
  }

  #take(session: Session, clock: SessionClock<Lane, Unit>, raw: RawFrame, stampMs: number, nowMs: number): void {
    const lane = this.timeline.lane(raw.track);
    if (lane === undefined) {
      this.counters.dropped++;
      return;
    }
    lane.arrivedMs = nowMs;
    clock.place(
      {
        key: lane,
        payload: raw.payload,
        keyframe: raw.keyframe,
        offsetMicros: raw.ptsOffset * 1000,
        filler: false,
        stampMs,
        durationMicros: lane.durationMicros(raw.payload),
        nowMs,
        micros: 0,
      },
      this.#units,
    );
    this.#deliver(session, clock, nowMs);
  }

  /** Hands placed units to the timeline. */
  #deliver(session: Session, clock: SessionClock<Lane, Unit>, nowMs: number): void {
    const { timeline } = this;
    const units = this.#units;
    for (let i = 0; i < units.length; i++) {
      const unit = units[i];
      if (unit === undefined) continue;
      const lane = unit.key;
      if (lane.video === undefined && unit.micros < session.startMicros) {
        // Sound from before the first picture.
        this.counters.dropped++;
      } else if (timeline.isWritten(lane)) {
        const delay = this.#delay(lane, unit, nowMs);
        if (delay > 0) this.#shift(session, clock, delay, i);
        this.#lead(session, clock, unit);
      } else timeline.queue(lane, unit);
    }
    units.length = 0;
  }

  #lead(session: Session, clock: SessionClock<Lane, Unit>, unit: Unit): void {
    const { timeline } = this;
    const { key: lane, nowMs } = unit;
    this.#lag.add(this.#streamNow(nowMs) - unit.micros - session.delayMicros, nowMs);
    const cut = timeline.series.newestCut;
    timeline.write(lane, unit);
    if (lane.open) {
      this.#holding = false;
      this.#heardAgainMs = undefined;
    }
    const next = timeline.series.newestCut;
    if (next === cut) return;
    const step = this.#drift.step({
      aheadMicros: -this.#lag.micros,
      frameMicros: unit.durationMicros,
      segmentMicros: cut === undefined || next === undefined ? 0 : next.startMicros - cut.startMicros,
      nowMs,
    });
    if (step === 0) return;
    clock.shift(step);
    timeline.drift(step);
  }

  /** How much later the session must be placed so that this unit of the leading track can be used. */
  #delay(lane: Lane, unit: Unit, nowMs: number): number {
    if (lane.open || !unit.keyframe) return 0;
    let late = 0;
    if (this.#holding) {
      this.#heardAgainMs ??= nowMs;
      // A burst catches up with real time; an encoder that is still late after a second stays late.
      if (nowMs - this.#heardAgainMs >= CATCH_UP_MS)
        late = Math.max(0, (lane.shownUntilMicros ?? 0) - unit.micros - unit.offsetMicros);
    }
    return late + this.timeline.delayForCut(lane, unit, late);
  }

  /** Moves what has not been written of the session later: it is placed anew with the unit at `from`. */
  #shift(session: Session, clock: SessionClock<Lane, Unit>, micros: number, from: number): void {
    clock.shift(micros);
    for (let i = from; i < this.#units.length; i++) {
      const unit = this.#units[i];
      if (unit === undefined) continue;
      unit.micros += micros;
      if (i === from) this.#drift.placed(unit.micros + session.delayMicros - this.#streamNow(unit.nowMs), unit.nowMs);
    }
    this.timeline.shift(micros);
    this.#lag.reset();
  }

  /** Repeats the last picture while the leading track is silent or sends nothing that can be used. */
  #hold(leader: Lane, nowMs: number): void {
    const behindMicros =
      this.#session === undefined
        ? this.#usualLagMicros - this.#drift.usualAheadMicros
        : Math.round(this.#lag.micros) + HOLD_MARGIN_MICROS;
    const until = this.#streamNow(nowMs) - behindMicros;
    const frameMs = (leader.video?.frameMicros ?? 0) / 1000;
    const usualMs = Math.min(HOLD_AFTER_MS_MAX, Math.max(HOLD_AFTER_MS, HOLD_AFTER_FRAMES * frameMs));
    const patienceMs = this.#session === undefined ? HOLD_AFTER_END_MS : usualMs + this.#expectedLagMs;
    const isSilent = nowMs - leader.arrivedMs >= patienceMs;
    const isUseless = !leader.open && until - (leader.endMicros ?? until) > HOLD_BEHIND_MICROS;
    if (!this.#holding && !isSilent && !isUseless) return;
    if (isSilent) this.#heardAgainMs = undefined;
    if (!this.#holding || leader.open) {
      this.#holding = true;
      this.timeline.close([leader]);
    }
    this.timeline.hold(until);
  }
}

/** The first whole tick of video at or after `micros`, in microseconds: where pictures begin is then where their segment begins. */
function onTick(micros: number): number {
  const ticks = microsToTicks(micros, VIDEO_TIMESCALE);
  const aligned = ticksToMicros(ticks, VIDEO_TIMESCALE);
  return aligned >= micros ? aligned : ticksToMicros(ticks + 1, VIDEO_TIMESCALE);
}
