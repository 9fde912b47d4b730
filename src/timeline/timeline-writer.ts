/**
 * Writes a timeline: puts placed frames into segments, numbers them, and emits them as link records.
 *
 *   leading track  stamp ─▶ cut? ─▶ emit at once
 *   other tracks   wait until the leader has passed their time ─▶ stamp ─▶ emit into the segment that contains their start
 *
 * The first track with picture leads (the first with sound when there is none) and alone decides over cuts. No follower overtakes it, so that no
 * frame is put in a segment before it is known where that ends. Each track seals its share of a segment when it moves on.
 */
import { assert } from "#faults/fault.ts";
import type { EndReason } from "#link/record.ts";
import type { RawTrack } from "#media/frame.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import { microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { sameConfig } from "./checkpoint.ts";
import { findLane, firstPicture, Lane, type LaneSink, trackName, trackOf, type Unit } from "./lane.ts";
import { type CutDecision, decideCut, GopMeter, segmentMicrosMax } from "./segment-rule.ts";
import { SegmentSeries } from "./segment-series.ts";
import { Stamping } from "./stamping.ts";
import type { AnnouncedTrack, GateCounters, TimelineOptions, TimelinePorts } from "./timeline.ts";

/** Time without the leading track after which the others go on without it, milliseconds. */
const LEADER_PATIENCE_MS = 300;
/** Time without a track's frames after which its holes are filled, milliseconds. */
const FOLLOWER_PATIENCE_MS = 1000;
/** What rounding to ticks of picture may take from a distance, microseconds. */
const TICK_MICROS = 10;
/** How far behind the leading track filling ends, microseconds: what comes back late is then still used. */
const FILL_MARGIN_MICROS = 200_000;

/** The timeline of one broadcast. */
export class TimelineWriter implements LaneSink {
  readonly counters: GateCounters = {
    framesIn: 0,
    dropped: 0,
    clamped: 0,
    interpolated: 0,
    jumps: 0,
    silent: 0,
    held: 0,
    cuts: 0,
    dependentCuts: 0,
  };
  readonly gops: GopMeter = new GopMeter();
  readonly lanes: Lane[] = [];
  leader: Lane | undefined;
  readonly #ports: TimelinePorts;
  /** Identity, plan and numbers of the segments. */
  readonly series: SegmentSeries;
  readonly #stamping: Stamping;
  /** Lanes that exist from the next cut on. */
  readonly #joining: Lane[] = [];

  constructor(options: TimelineOptions) {
    this.#ports = options.ports;
    this.series = new SegmentSeries(options);
    this.#stamping = new Stamping(this.series, this.counters, this.gops);
  }

  /** When the broadcast began, milliseconds since the Unix epoch. */
  get startedWallMs(): number {
    return this.series.startedWallMs;
  }

  /** Number of the newest segment. */
  get segment(): number {
    return this.series.number;
  }

  /** Stream time that nothing may begin before, microseconds: everything issued lies earlier. */
  get floorMicros(): number {
    let floor = this.series.startMicros;
    for (const lane of this.lanes) floor = Math.max(floor, lane.shownUntilMicros ?? 0);
    return floor;
  }

  /** The lane of an encoder's track. */
  lane(raw: RawTrack): Lane | undefined {
    return findLane(this.lanes, raw) ?? findLane(this.#joining, raw);
  }

  /** Whether this lane decides over cuts; a first picture that joins a broadcast of sound does from its keyframe on. */
  leads(lane: Lane): boolean {
    if (lane === this.leader) return true;
    return lane.video !== undefined && this.leader?.video === undefined && firstPicture(this.#joining) === lane;
  }

  /** Whether a unit of this lane is to be {@link write written} at once; else it is {@link queue queued}. */
  isWritten(lane: Lane): boolean {
    return this.leads(lane) && (lane.pendingConfig === undefined || !this.#awaitsPicture);
  }

  /** The broadcast begins at `startMicros` with these tracks; announces it and its first segment. */
  begin(announced: readonly AnnouncedTrack[], startMicros: number, wallMs: number): void {
    assert(this.leader === undefined, "a timeline begins once");
    let discontinuity = false;
    for (const { raw, config } of announced) {
      const known = this.series.resumed?.tracks.find((track) => track.name === trackName(raw));
      if (known !== undefined && !sameConfig(known.config, config)) discontinuity = true;
      this.lanes.push(new Lane(raw, this.#track(raw, config, known), this, this.series.pictureMicrosMax));
    }
    this.leader = this.#chooseLeader();
    this.series.begin(startMicros, wallMs, discontinuity);
    this.#save(startMicros, false);
    this.#ports.started(this.series.hello(this.#tracks));
    this.#announceCut(startMicros, discontinuity);
    for (const lane of this.lanes) lane.segment = this.segment;
  }

  /** Parameters of a track that are new or changed while on air: they hold from the next cut at a keyframe on. */
  adopt(announced: AnnouncedTrack, nowMs: number): void {
    const { raw, config } = announced;
    const lane = this.lane(raw);
    if (lane === undefined) {
      const joining = new Lane(raw, this.#track(raw, config, undefined), this, this.series.pictureMicrosMax);
      joining.arrivedMs = nowMs;
      joining.usedMs = nowMs;
      this.#joining.push(joining);
      return;
    }
    if (sameConfig(lane.pendingConfig ?? lane.track.config, config)) return;
    // What the stamper holds still belongs to the parameters before.
    lane.close();
    this.counters.dropped += lane.next.clear();
    if (this.#joining.includes(lane)) lane.configure(this.#track(raw, config, lane.track));
    else lane.pendingConfig = sameConfig(lane.track.config, config) ? undefined : config;
  }

  /**
   * How much later than `lateMicros` after its place the leading track's keyframe must begin, so that numbers never outrun the seconds where it
   * must begin a segment: where decode time ends. What is held is held until there first, as that may cut too.
   */
  delayForCut(lane: Lane, unit: Unit, lateMicros: number): number {
    const { leader } = this;
    const joins = lane.video !== undefined && this.#joining.length > 0;
    if (leader === undefined || (lane.pendingConfig === undefined && lane === leader && !joins)) return 0;
    const start = unit.micros + unit.offsetMicros + lateMicros;
    if (lane.video !== undefined) return this.#stamping.awaitCut(lane, leader, start);
    if (!this.#stamping.joinSound(lane, start)) return 0;
    while ((lane.endMicros ?? start) < this.series.earliestCutMicros && lane.silence(1) > 0) this.counters.silent++;
    return Math.max(0, (lane.endMicros ?? start) - start);
  }

  /** Takes a placed unit of the leading lane. */
  write(lane: Lane, unit: Unit): void {
    const { leader } = this;
    if (lane !== leader && leader?.open === false && !lane.open && unit.keyframe)
      this.#stamping.fill(leader, unit.micros + unit.offsetMicros, true);
    if (!this.#stamping.stamp(lane, unit)) this.counters.dropped++;
  }

  /** Takes a placed unit of another lane: it waits for the leading one. */
  queue(lane: Lane, unit: Unit): void {
    const queue = lane.pendingConfig !== undefined || this.#joining.includes(lane) ? lane.next : lane.waiting;
    if (queue.push(unit)) this.counters.dropped++;
  }

  /** Lets the followers' units through that the leading track has passed, or that waited long enough for one that stands still and is not expected to lag. */
  release(nowMs: number, expectedLagMs: number): void {
    const { leader } = this;
    const frontier = leader?.endMicros;
    if (leader === undefined || frontier === undefined) return;
    const patienceMs = LEADER_PATIENCE_MS + expectedLagMs;
    const stalled = nowMs - leader.arrivedMs > patienceMs;
    for (const lane of this.lanes) {
      if (lane === leader) continue;
      for (let unit = lane.waiting.head; unit !== undefined; unit = lane.waiting.head) {
        if (lane.startOf(unit) >= frontier) {
          if (!stalled || nowMs - unit.nowMs <= patienceMs || !this.#fits(lane, unit)) break;
        }
        lane.waiting.take();
        if (!this.#stamping.stamp(lane, unit)) this.counters.dropped++;
      }
    }
  }

  /** A session is over, or its leading track fell silent: what is held goes out, and what comes next must begin anew. */
  close(lanes: readonly Lane[] = this.lanes): void {
    for (const lane of lanes) lane.close();
    this.gops.interrupt();
  }

  /** Another session begins at `startMicros`. */
  handOver(startMicros: number): void {
    for (const lane of this.lanes) if (lane !== this.leader) this.counters.dropped += lane.handOver(startMicros);
  }

  /** Fills the leading track up to about `untilMicros` in steps of a part. */
  hold(untilMicros: number): void {
    if (this.leader?.endMicros !== undefined) this.#stamping.fill(this.leader, untilMicros, false);
  }

  /** Fills followers that are silent, or lag behind the leading track by too much. What cannot be filled is sealed as it is. */
  fillFollowers(nowMs: number): void {
    const frontier = this.leader?.endMicros;
    if (frontier === undefined) return;
    for (const lane of this.lanes) {
      if (lane === this.leader) continue;
      const lag = frontier - (lane.endMicros ?? this.series.originOf(lane));
      const isLate = lane.lags(lag);
      if (lane.waiting.length > 0) continue;
      const isSilent = nowMs - lane.usedMs >= FOLLOWER_PATIENCE_MS;
      if (lag <= FILL_MARGIN_MICROS || (!isSilent && !isLate)) continue;
      lane.close();
      const until = frontier - FILL_MARGIN_MICROS;
      if (!this.#stamping.fill(lane, until, false)) this.#moveTo(lane, microsToTicks(until, lane.track.timescale));
    }
  }

  /** Moves what waits, and what is not stamped yet, later. */
  shift(micros: number): void {
    for (const lane of [...this.lanes, ...this.#joining]) lane.shift(micros);
  }

  /** Moves the stream by less than a frame after the newest cut: what comes makes up for it. */
  drift(micros: number): void {
    for (const lane of this.lanes) lane.drift(micros, this.segment);
  }

  /** The timeline ends: everything that waits goes out, every share of a segment is sealed. */
  end(why: EndReason): void {
    this.close();
    for (const lane of this.lanes) {
      for (let unit = lane.waiting.take(); unit !== undefined; unit = lane.waiting.take()) {
        if (!this.#fits(lane, unit) || !this.#stamping.stamp(lane, unit)) this.counters.dropped++;
      }
      lane.close();
      this.counters.dropped += lane.next.clear();
      this.#seal(lane);
    }
    for (const lane of this.#joining) this.counters.dropped += lane.next.clear();
    // A process that stops may be followed by one that goes on; every other end is final.
    this.#save(this.series.newestCut?.startMicros ?? 0, why !== "shutdown");
    this.#ports.emit({ type: "end", why });
  }

  stamped(lane: Lane, unit: Unit, dts: number, ptsOffset: number, duration: number): void {
    if (this.leads(lane)) this.#lead(lane, unit, dts, duration);
    else this.#moveTo(lane, lane.video !== undefined && unit.keyframe ? dts + Math.floor(duration / 2) : dts);
    const frame = lane.frame(unit, dts, ptsOffset, duration, this.series.cutOf(lane.segment));
    this.#ports.emit({ type: "frame", frame });
  }

  /** Whether a keyframe of this lane is where changed parameters and new tracks begin: a first picture waits for its own. */
  #changesWith(lane: Lane): boolean {
    if (lane === this.leader && this.#awaitsPicture) return false;
    return this.#isChanged || this.#joining.length > 0;
  }

  /** Sound leads, and a first picture will. */
  get #awaitsPicture(): boolean {
    return this.leader?.video === undefined && firstPicture(this.#joining) !== undefined;
  }

  get #isChanged(): boolean {
    for (const lane of this.lanes) if (lane.pendingConfig !== undefined) return true;
    return false;
  }

  /** A first picture has its keyframe, which will begin a segment once its duration is known: sound leaves the next cut to it. */
  #isAboutToCut(lane: Lane): boolean {
    return lane.video === undefined && this.#joining.length > 0 && firstPicture(this.#joining)?.open === true;
  }

  /** Whether a unit can join the newest segment without making it too long, wherever the leading track cuts. */
  #fits(lane: Lane, unit: Unit): boolean {
    return this.series.sinceCut(lane.startOf(unit)) + unit.durationMicros <= segmentMicrosMax(this.series.plan);
  }

  get #tracks(): Track[] {
    return this.lanes.map((lane) => lane.track);
  }

  #chooseLeader(): Lane {
    const leader = firstPicture(this.lanes) ?? this.lanes[0];
    assert(leader !== undefined, "a timeline has a track");
    return leader;
  }

  /** The track as it is announced; one that was there `before` keeps its id and its timescale. */
  #track(raw: RawTrack, config: TrackConfig, before: Track | undefined): Track {
    let highest = -1;
    for (const { track } of [...this.lanes, ...this.#joining]) highest = Math.max(highest, track.id);
    for (const track of this.series.resumed?.tracks ?? []) highest = Math.max(highest, track.id);
    return trackOf(raw, config, before?.id ?? highest + 1, before?.timescale);
  }

  /** The leading track's frame: a new segment begins with it, or not. */
  #lead(lane: Lane, unit: Unit, dts: number, duration: number): void {
    const [{ timescale }, { keyframe, filler }] = [lane.track, unit];
    const micros = ticksToMicros(dts, timescale);
    const isPicture = lane.video !== undefined;
    if (keyframe && !filler && isPicture) this.gops.keyframe(micros);
    const since = micros - (this.series.newestCut?.startMicros ?? micros);
    let decision: CutDecision = "none";
    const mustCut = lane.pendingConfig !== undefined || lane !== this.leader;
    const mayCut = mustCut || micros >= this.series.earliestCutMicros - TICK_MICROS;
    const changes = keyframe && !filler && this.#changesWith(lane) && mayCut;
    if (changes) decision = "independent";
    else if (since > 0 && !this.#isAboutToCut(lane)) {
      decision = decideCut({
        plan: this.series.plan,
        keyframe,
        sinceCutMicros: since,
        endsEarly: this.series.endsEarly,
        frameMicros: ticksToMicros(duration, timescale),
        nextKeyframeMicros: filler || !isPicture ? undefined : this.gops.expectedMicros,
      });
    }
    if (decision !== "none") this.#cut(lane, micros, decision, changes);
    else if (lane.segment < 0) lane.segment = this.segment;
  }

  #cut(by: Lane, micros: number, decision: CutDecision, changes: boolean): void {
    const before = this.leader;
    const discontinuity = changes && this.#isChanged;
    if (changes) {
      for (const lane of this.lanes) if (lane.pendingConfig !== undefined) this.#finish(lane, by, micros);
    }
    // That a broadcast's first segment ends early is our wish, no fault of the encoder's.
    if (decision === "dependent" && !this.series.endsEarly) this.counters.dependentCuts++;
    this.series.next(micros, discontinuity);
    this.counters.cuts++;
    if (changes) this.#change(micros);
    const { leader } = this;
    if (leader !== undefined && leader.segment < this.segment) {
      // A picture that has just begun to lead has no share of a segment yet; sound that led until now moves on by its own time.
      if (leader === before) this.#seal(leader);
      leader.segment = this.segment;
    }
    this.#save(micros, false);
    if (changes) this.#ports.emit({ type: "tracks", tracks: this.#tracks });
    this.#announceCut(micros, discontinuity);
  }

  /** What belongs to a lane's parameters until now goes out, and its share of the segment is sealed. */
  #finish(lane: Lane, by: Lane, cutMicros: number): void {
    for (let unit = lane.waiting.take(); unit !== undefined; unit = lane.waiting.take()) {
      if (lane.startOf(unit) >= cutMicros || !this.#stamping.stamp(lane, unit)) this.counters.dropped++;
    }
    if (lane !== this.leader) this.#stamping.fill(lane, cutMicros, true);
    if (lane !== by) lane.close();
    this.#seal(lane);
  }

  /** Changed parameters hold and new tracks are there from the segment on that begins at `micros`. */
  #change(micros: number): void {
    for (const lane of this.lanes) {
      if (lane.pendingConfig === undefined) continue;
      lane.configure(this.#track(lane.raw, lane.pendingConfig, lane.track));
      lane.pendingConfig = undefined;
      lane.segment = this.segment;
      this.#admitNext(lane, micros);
    }
    for (const lane of this.#joining.splice(0)) {
      lane.segment = this.segment;
      this.#admitNext(lane, micros);
      this.lanes.push(lane);
    }
    this.leader = this.#chooseLeader();
  }

  #admitNext(lane: Lane, cutMicros: number): void {
    for (let unit = lane.next.take(); unit !== undefined; unit = lane.next.take()) {
      if (unit.micros < cutMicros) this.counters.dropped++;
      else lane.waiting.push(unit);
    }
  }

  #announceCut(micros: number, discontinuity: boolean): void {
    let needed = this.segment;
    for (const lane of this.lanes) if (lane.segment >= 0) needed = Math.min(needed, lane.segment);
    this.series.announce(micros, discontinuity, needed);
  }

  /** A follower moves on to the segment that contains `dts`; shares it leaves are sealed. */
  #moveTo(lane: Lane, dts: number): void {
    if (lane.segment < 0) lane.segment = this.series.oldestCut?.segment ?? this.segment;
    for (;;) {
      const next = this.series.cutOf(lane.segment + 1);
      if (next === undefined || !lane.isAtOrAfter(next, dts)) return;
      this.#seal(lane);
      lane.advance();
    }
  }

  #seal(lane: Lane): void {
    if (lane.segment < 0) return;
    this.#ports.emit({ type: "seal", track: lane.track.id, segment: lane.segment, frameCount: lane.count });
    lane.count = 0;
  }

  #save(cutMicros: number, ended: boolean): void {
    this.series.save(cutMicros, ended, this.#tracks, this.gops.distances);
  }
}
