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
import type { EndReason, HelloRecord, LinkRecord } from "#link/record.ts";
import type { RawTrack } from "#media/frame.ts";
import { type Track, type TrackConfig, VIDEO_TIMESCALE } from "#media/track.ts";
import { MICROS_PER_SECOND, microsToTicks, ticksToMicros } from "#time/ticks.ts";
import type { AudioStamper } from "./audio-stamper.ts";
import { type GateCheckpoint, sameConfig } from "./checkpoint.ts";
import { Lane, type LaneCut, type LaneFrame, trackName } from "./lane.ts";
import {
  CUT_DISTANCE_MICROS_MIN,
  type CutDecision,
  decideCut,
  GopMeter,
  planSegments,
  type SegmentPlan,
} from "./segment-rule.ts";
import type { Placed } from "./session-clock.ts";
import type { StampedVideo } from "./video-stamper.ts";

/** Seconds of the Unix epoch at 2020-01-01T00:00:00Z: segment numbers count from there. */
const NUMBERS_EPOCH_SECONDS = 1_577_836_800;
/** Longest time a follower's frame waits for the leading track, milliseconds: by then the last picture is held where none comes. */
const FOLLOWER_WAIT_MS = 1_500;
/** How far sound may lag behind the picture before silence takes its place, microseconds. */
const SILENCE_AFTER_MICROS = 1_000_000;
/** How far behind the picture that silence ends, microseconds: sound that comes back late is then still used. */
const SILENCE_MARGIN_MICROS = 200_000;
/** How far sound may be ahead of the picture where a timeline ends, microseconds. */
const AHEAD_MICROS_MAX = 250_000;
/** Length of a held picture when the stream has no parts, microseconds. */
const HOLD_MICROS = 500_000;
/** Frames of one follower that wait for the leading track. Full: they are let through. */
const WAITING_FRAMES_MAX = 4096;

/** What a stream wants of its timeline. */
export interface TimelineSettings {
  readonly stream: string;
  /** Wanted segment duration, microseconds. */
  readonly segmentMicros: number;
  /** Part target, microseconds; 0 for none. */
  readonly partTargetMicros: number;
  readonly windowMicros: number;
}

/** Where the timeline goes. All calls are synchronous. */
export interface TimelinePorts {
  /** The broadcast begins: everything a subscriber needs. */
  started(hello: HelloRecord): void;
  emit(record: LinkRecord): void;
  /** Called before each cut is emitted. */
  checkpoint(checkpoint: GateCheckpoint): void;
}

/** Options of {@link TimelineWriter}. */
export interface TimelineOptions {
  readonly settings: TimelineSettings;
  readonly ports: TimelinePorts;
  readonly fence: number;
  /** Identity of a new timeline: 16 random hexadecimal digits. */
  readonly timelineId: string;
  /** What is left of this stream's last timeline. It goes on with it unless that had ended. */
  readonly checkpoint: GateCheckpoint | undefined;
}

/** What went on at the gate since the broadcast began. */
export interface GateCounters {
  framesIn: number;
  /** Frames that could not be used. */
  dropped: number;
  clamped: number;
  interpolated: number;
  jumps: number;
  /** Frames of silence that filled holes. */
  silent: number;
  /** Pictures held while the encoder was silent. */
  held: number;
  cuts: number;
  /** Cuts without a keyframe. */
  dependentCuts: number;
}

/** A track and its parameters, as a session announced them. */
export interface AnnouncedTrack {
  readonly raw: RawTrack;
  readonly config: TrackConfig;
}

function timescaleOf(config: TrackConfig): number {
  return config.kind === "video" ? VIDEO_TIMESCALE : config.sampleRate;
}

/** The timeline of one broadcast. */
export class TimelineWriter {
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
  readonly timelineId: string;
  readonly plan: SegmentPlan;
  readonly gops: GopMeter = new GopMeter();
  readonly lanes: Lane[] = [];
  leader: Lane | undefined;
  startedWallMs = 0;
  /** Number of the newest segment. */
  segment: number;
  readonly #settings: TimelineSettings;
  readonly #ports: TimelinePorts;
  readonly #fence: number;
  readonly #resumed: GateCheckpoint | undefined;
  readonly #lastGops: readonly number[];
  #cuts: LaneCut[] = [];
  #discontinuitySequence: number;
  #needsDiscontinuity = false;
  /** Lanes that exist from the next cut on. */
  #joining: Lane[] = [];
  #wallMs = 0;
  readonly #stamped: StampedVideo<LaneFrame>[] = [];

  constructor(options: TimelineOptions) {
    const { checkpoint, settings } = options;
    this.#settings = settings;
    this.#ports = options.ports;
    this.#fence = options.fence;
    this.#lastGops = checkpoint?.gops ?? [];
    this.#resumed = checkpoint?.ended === false ? checkpoint : undefined;
    this.timelineId = this.#resumed?.timelineId ?? options.timelineId;
    this.plan = this.#resumed?.plan ?? planSegments(settings.segmentMicros, this.#lastGops);
    this.segment = checkpoint?.segment ?? -1;
    this.#discontinuitySequence = this.#resumed?.discontinuitySequence ?? 0;
  }

  /** Stream time that nothing may begin before, microseconds: everything issued lies earlier. */
  get floorMicros(): number {
    const resumed = this.#resumed;
    let floor = resumed === undefined ? 0 : resumed.cutMicros + (resumed.plan.targetSeconds + 1) * MICROS_PER_SECOND;
    for (const lane of this.lanes) floor = Math.max(floor, lane.endMicros ?? 0);
    return floor;
  }

  /** The lane of an encoder's track. */
  lane(raw: RawTrack): Lane | undefined {
    const fits = (lane: Lane): boolean => lane.raw.kind === raw.kind && lane.raw.number === raw.number;
    return this.lanes.find(fits) ?? this.#joining.find(fits);
  }

  /** The broadcast begins at `startMicros` with these tracks; announces it and its first segment. */
  begin(announced: readonly AnnouncedTrack[], startMicros: number, wallMs: number): void {
    assert(this.leader === undefined, "a timeline begins once");
    this.#wallMs = wallMs;
    this.startedWallMs = this.#resumed?.startedWallMs ?? wallMs;
    const before = this.#resumed?.tracks ?? [];
    for (const { raw, config } of announced) {
      const name = trackName(raw);
      const known = before.find((track) => track.name === name);
      if (known !== undefined && !sameConfig(known.config, config)) this.#needsDiscontinuity = true;
      this.lanes.push(new Lane(raw, this.#track(raw, config, known)));
    }
    this.leader = this.#chooseLeader();
    const numberNow = Math.floor(startMicros / MICROS_PER_SECOND) - NUMBERS_EPOCH_SECONDS;
    // A timeline that goes on counts on; a new one is named by its second, which is above anything ever issued.
    this.segment = this.#resumed === undefined ? Math.max(numberNow, this.segment + 1) : this.segment + 1;
    const { stream, partTargetMicros, windowMicros } = this.#settings;
    if (this.#needsDiscontinuity) this.#discontinuitySequence++;
    this.#checkpoint(startMicros, false);
    this.#ports.started({
      type: "hello",
      stream,
      timelineId: this.timelineId,
      fence: this.#fence,
      tracks: this.lanes.map((lane) => lane.track),
      segmentDurationMicros: this.plan.durationMicros,
      targetDurationSeconds: this.plan.targetSeconds,
      partTargetMicros: this.#resumed?.partTargetMicros ?? partTargetMicros,
      windowMicros: this.#resumed?.windowMicros ?? windowMicros,
    });
    this.#announceCut(startMicros, this.#needsDiscontinuity);
    this.#needsDiscontinuity = false;
    for (const lane of this.lanes) lane.segment = this.segment;
  }

  /** Parameters of a track that are new or changed while on air: they hold from the next cut at a keyframe on. */
  adopt(announced: AnnouncedTrack): void {
    const { raw, config } = announced;
    const lane = this.lane(raw);
    if (lane === undefined) {
      const joining = new Lane(raw, this.#track(raw, config, undefined));
      joining.needsKeyframe = true;
      this.#joining.push(joining);
      return;
    }
    if (sameConfig(lane.track.config, config)) {
      lane.pendingConfig = undefined;
      return;
    }
    lane.pendingConfig = config;
    this.#needsDiscontinuity = true;
  }

  /** How much later than placed the leading track's next keyframe must begin, so that cuts keep their distance. */
  delayForCut(placed: Placed<LaneFrame>): number {
    const start = placed.micros + placed.payload.offsetMicros;
    // The cut comes where the leading track ends, which is up to a frame earlier than the stamp says.
    const frameMicros = this.leader?.durationMicros(placed.payload.payload) ?? 0;
    return Math.max(0, (this.#cuts.at(-1)?.startMicros ?? 0) + CUT_DISTANCE_MICROS_MIN + frameMicros - start);
  }

  /** Takes a placed frame of a lane. */
  write(lane: Lane, placed: Placed<LaneFrame>): void {
    const leads = this.leads(lane);
    if (!leads) {
      if (this.#joining.includes(lane) || lane.pendingConfig !== undefined) this.counters.dropped++;
      else lane.waiting.push({ frame: placed.payload, micros: placed.micros, nowMs: placed.nowMs });
    } else if (lane.video !== undefined && lane.needsKeyframe && !placed.payload.keyframe) {
      this.counters.dropped++;
    } else {
      lane.needsKeyframe = false;
      this.#stamp(lane, placed.payload, placed.micros);
    }
  }

  /** Lets the followers' frames through that the leading track has passed, that waited too long, or all. */
  release(nowMs: number, all: boolean): void {
    const frontier = this.leader?.endMicros ?? Number.NEGATIVE_INFINITY;
    for (const lane of this.lanes) {
      if (lane === this.leader || lane.waiting.length === 0) continue;
      const force = all || lane.waiting.length > WAITING_FRAMES_MAX;
      let count = 0;
      for (const waiting of lane.waiting) {
        // Sound starts where its track ends, whatever its stamp was rounded to.
        const startMicros = Math.max(waiting.micros, lane.audio === undefined ? 0 : (lane.endMicros ?? 0));
        if (!force && startMicros >= frontier && nowMs - waiting.nowMs <= FOLLOWER_WAIT_MS) break;
        this.#stamp(lane, waiting.frame, waiting.micros);
        count++;
      }
      if (count > 0) lane.waiting.splice(0, count);
    }
  }

  /** A frame that a stamper still holds goes out with its likely duration. */
  flush(): void {
    for (const lane of this.lanes) {
      lane.video?.flush(this.#stamped);
      this.#emitStamped(lane);
    }
  }

  /** Fills the leading track up to `untilMicros` in steps of a part, the last one exactly when `exact`. */
  hold(untilMicros: number, exact: boolean): void {
    const lane = this.leader;
    const from = lane?.endMicros;
    if (lane === undefined || from === undefined || lane.filler === undefined) return;
    const step = this.#settings.partTargetMicros === 0 ? HOLD_MICROS : this.#settings.partTargetMicros;
    if (lane.video === undefined) {
      this.#silence(lane, untilMicros);
      return;
    }
    let end = from;
    while (end + step <= untilMicros) {
      end += step;
      this.#fillPicture(lane, end);
    }
    if (exact && end < untilMicros) this.#fillPicture(lane, untilMicros);
  }

  /** Fills followers that lag behind the leading track: sound becomes silence, what cannot be filled is sealed as it is. */
  fillFollowers(lagMicros: number = SILENCE_AFTER_MICROS): void {
    const frontier = this.leader?.endMicros;
    if (frontier === undefined) return;
    for (const lane of this.lanes) {
      if (lane === this.leader || lane.waiting.length > 0) continue;
      const end = lane.endMicros ?? this.#cuts[0]?.startMicros ?? frontier;
      if (frontier - end <= lagMicros) continue;
      const until = frontier - SILENCE_MARGIN_MICROS;
      if (lane.video === undefined && lane.filler !== undefined) this.#silence(lane, until);
      else this.#moveTo(lane, microsToTicks(until, lane.track.timescale));
    }
  }

  /** Brings the followers up to `micros`, where a discontinuity is about to cut: what comes after has other parameters. */
  completeFollowers(micros: number): void {
    for (const lane of this.lanes) {
      if (lane === this.leader) continue;
      let count = 0;
      for (const waiting of lane.waiting) {
        if (waiting.micros >= micros) break;
        this.#stamp(lane, waiting.frame, waiting.micros);
        count++;
      }
      lane.waiting.splice(0, count);
      this.#silence(lane, micros);
    }
  }

  /** Lets everything go that waits; where sound is far ahead, the last picture is held for as long. */
  releaseAll(nowMs: number): void {
    let ahead = 0;
    for (const lane of this.lanes) ahead = Math.max(ahead, lane.waiting.at(-1)?.micros ?? 0);
    if (ahead - (this.leader?.endMicros ?? ahead) > AHEAD_MICROS_MAX) this.hold(ahead, true);
    this.release(nowMs, true);
  }

  /** The timeline ends: every share of a segment is sealed. */
  end(why: EndReason): void {
    for (const lane of this.lanes) this.#seal(lane);
    // A process that stops may be followed by one that goes on; every other end is final.
    this.#checkpoint(this.#cuts.at(-1)?.startMicros ?? 0, why !== "shutdown");
    this.#ports.emit({ type: "end", why });
  }

  /** Tracks or parameters changed: the leading track's next keyframe begins a new segment. */
  get changes(): boolean {
    return this.#needsDiscontinuity || this.#joining.length > 0;
  }

  /** Whether this lane decides over cuts; a first picture that joins a broadcast of sound does from its keyframe on. */
  leads(lane: Lane): boolean {
    return (
      lane === this.leader ||
      (lane.video !== undefined && this.leader?.video === undefined && this.#joining[0] === lane)
    );
  }

  #chooseLeader(): Lane {
    const byNumber = [...this.lanes].sort((a, b) => a.raw.number - b.raw.number);
    const leader = byNumber.find((lane) => lane.video !== undefined) ?? byNumber[0];
    assert(leader !== undefined, "a timeline has a track");
    return leader;
  }

  /** The track as it is announced; one that was there `before` keeps its id and its timescale. */
  #track(raw: RawTrack, config: TrackConfig, before: Track | undefined): Track {
    const taken = [...this.lanes, ...this.#joining].map((lane) => lane.track.id);
    const known = (this.#resumed?.tracks ?? []).map((track) => track.id);
    return {
      id: before?.id ?? Math.max(-1, ...taken, ...known) + 1,
      name: trackName(raw),
      timescale: before?.timescale ?? timescaleOf(config),
      config,
    };
  }

  #stamp(lane: Lane, frame: LaneFrame, micros: number): void {
    const { video, audio } = lane;
    if (video !== undefined) {
      video.add(micros, frame.offsetMicros, frame, this.#stamped);
    } else if (audio !== undefined) {
      // What was heard before the first picture is shown belongs to no segment.
      if (audio.nextDts === undefined && micros < (this.#cuts[0]?.startMicros ?? 0)) {
        this.counters.dropped++;
        return;
      }
      const samples = lane.samples(frame.payload);
      const filler = lane.filler ?? frame.payload;
      const { silentFrames, used } = audio.place(micros, lane.samples(filler));
      this.#pushSilence(lane, silentFrames, filler);
      if (used) this.#stampSound(audio, frame, samples);
      else this.counters.dropped++;
    }
    lane.remember(frame);
    this.#emitStamped(lane);
  }

  #pushSilence(lane: Lane, count: number, filler: Uint8Array): void {
    const { audio } = lane;
    if (audio === undefined) return;
    const samples = lane.samples(filler);
    for (let i = 0; i < count; i++) {
      const payload: LaneFrame = { payload: filler, keyframe: true, offsetMicros: 0, filler: true, changes: false };
      this.#stampSound(audio, payload, samples);
    }
    this.counters.silent += count;
  }

  #stampSound(audio: AudioStamper, payload: LaneFrame, samples: number): void {
    const dts = audio.nextDts ?? 0;
    this.#stamped.push({ payload, dts, ptsOffset: 0, duration: audio.advance(samples, payload.filler) });
  }

  #silence(lane: Lane, untilMicros: number): void {
    const { audio, filler } = lane;
    if (audio === undefined || filler === undefined) return;
    audio.nextDts ??= microsToTicks(this.#cuts[0]?.startMicros ?? untilMicros, audio.timescale);
    this.#pushSilence(lane, audio.silentFramesUntil(untilMicros, lane.samples(filler)), filler);
    this.#emitStamped(lane);
  }

  #fillPicture(lane: Lane, endMicros: number): void {
    const { filler } = lane;
    if (filler === undefined) return;
    const frame: LaneFrame = { payload: filler, keyframe: true, offsetMicros: 0, filler: true, changes: false };
    const end = microsToTicks(endMicros, VIDEO_TIMESCALE);
    // A microsecond may be less than a tick: nothing is left to fill then.
    if (end <= (lane.video?.nextDts ?? Number.NEGATIVE_INFINITY)) return;
    lane.video?.fill(end, frame, this.#stamped);
    this.counters.held++;
    this.#emitStamped(lane);
  }

  #emitStamped(lane: Lane): void {
    if (this.#stamped.length === 0) return;
    const leads = this.leads(lane);
    for (const stamped of this.#stamped) {
      if (leads) this.#lead(lane, stamped);
      else this.#moveTo(lane, stamped.dts);
      lane.frameCount++;
      lane.byteCount += stamped.payload.payload.byteLength;
      this.#ports.emit({ type: "frame", frame: lane.frame(stamped, this.#cutOf(lane.segment)) });
    }
    this.#stamped.length = 0;
  }

  /** The leading track's frame: a new segment begins with it, or not. */
  #lead(lane: Lane, stamped: StampedVideo<LaneFrame>): void {
    const micros = ticksToMicros(stamped.dts, lane.track.timescale);
    const { keyframe, filler } = stamped.payload;
    const changes = stamped.payload.changes && this.changes;
    if (keyframe && !filler && lane.video !== undefined) this.gops.keyframe(micros);
    const since = micros - (this.#cuts.at(-1)?.startMicros ?? micros);
    let decision: CutDecision = "none";
    if (changes) decision = "independent";
    else if (since > 0) {
      decision = decideCut({
        plan: this.plan,
        keyframe,
        sinceCutMicros: since,
        frameMicros: ticksToMicros(stamped.duration, lane.track.timescale),
        nextKeyframeMicros: filler || lane.video === undefined ? undefined : this.gops.expectedMicros,
      });
    }
    if (decision !== "none") {
      this.#cut(micros, decision, changes);
      // New parameters make the lane forget what fills its holes, but this frame has them already.
      if (changes) lane.remember(stamped.payload);
    } else if (lane.segment < 0) lane.segment = this.segment;
  }

  /** A new segment; `changes`: tracks and parameters that wait for one take effect with it. */
  #cut(micros: number, decision: CutDecision, changes: boolean): void {
    this.segment++;
    this.counters.cuts++;
    if (decision === "dependent") this.counters.dependentCuts++;
    const discontinuity = changes && this.#needsDiscontinuity;
    if (discontinuity) this.#discontinuitySequence++;
    const before = this.leader;
    if (changes) this.#applyChanges(micros);
    this.#checkpoint(micros, false);
    for (const lane of [before, this.leader]) {
      if (lane?.video !== undefined || lane === this.leader) this.#sealAt(lane);
    }
    if (changes) this.#ports.emit({ type: "tracks", tracks: this.lanes.map((lane) => lane.track) });
    this.#announceCut(micros, discontinuity);
  }

  #applyChanges(micros: number): void {
    this.#needsDiscontinuity = false;
    for (const lane of this.lanes) {
      const config = lane.pendingConfig;
      if (config === undefined) continue;
      lane.pendingConfig = undefined;
      this.counters.dropped += lane.waiting.length;
      lane.waiting = [];
      while (lane.segment < this.segment) {
        this.#seal(lane);
        lane.segment++;
      }
      lane.configure(this.#track(lane.raw, config, lane.track));
      // The leading track's first frame of the new segment is stamped already.
      if (lane !== this.leader) lane.audio?.begin(microsToTicks(micros, lane.audio.timescale));
    }
    for (const lane of this.#joining) lane.segment = this.segment;
    this.lanes.push(...this.#joining);
    this.#joining = [];
    this.leader = this.#chooseLeader();
  }

  /** The leading lane moves to the newest segment. */
  #sealAt(lane: Lane | undefined): void {
    if (lane === undefined) return;
    if (lane.segment >= 0 && lane.segment < this.segment) this.#seal(lane);
    lane.segment = this.segment;
    lane.count = 0;
  }

  #announceCut(micros: number, discontinuity: boolean): void {
    this.#cuts.push({ segment: this.segment, startMicros: micros, discontinuity });
    const needed = Math.min(...this.lanes.map((lane) => (lane.segment < 0 ? this.segment : lane.segment)));
    while ((this.#cuts[1]?.segment ?? Number.POSITIVE_INFINITY) <= needed) this.#cuts.shift();
    this.#ports.emit({
      type: "cut",
      segment: this.segment,
      startMicros: micros,
      discontinuitySequence: this.#discontinuitySequence,
      discontinuity,
    });
  }

  #cutOf(segment: number): LaneCut | undefined {
    const first = this.#cuts[0];
    return first === undefined ? undefined : this.#cuts[segment - first.segment];
  }

  /** A follower moves on to the segment that contains `dts`; shares it leaves are sealed. */
  #moveTo(lane: Lane, dts: number): void {
    if (lane.segment < 0) lane.segment = this.#cuts[0]?.segment ?? this.segment;
    for (;;) {
      const next = this.#cutOf(lane.segment + 1);
      if (next === undefined || !lane.isAtOrAfter(next, dts)) return;
      this.#seal(lane);
      lane.segment++;
    }
  }

  #seal(lane: Lane): void {
    if (lane.segment < 0) return;
    this.#ports.emit({ type: "seal", track: lane.track.id, segment: lane.segment, frameCount: lane.count });
    lane.count = 0;
  }

  #checkpoint(cutMicros: number, ended: boolean): void {
    this.#ports.checkpoint({
      timelineId: this.timelineId,
      savedWallMs: this.#wallMs,
      startedWallMs: this.startedWallMs,
      ended,
      segment: this.segment,
      cutMicros,
      discontinuitySequence: this.#discontinuitySequence,
      plan: this.plan,
      partTargetMicros: this.#resumed?.partTargetMicros ?? this.#settings.partTargetMicros,
      windowMicros: this.#resumed?.windowMicros ?? this.#settings.windowMicros,
      tracks: this.lanes.map((lane) => lane.track),
      gops: this.gops.distances.length > 0 ? [...this.gops.distances] : this.#lastGops,
    });
  }
}
