import type { HelloRecord } from "#link/record.ts";
import type { Track } from "#media/track.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import type { GateCheckpoint } from "./checkpoint.ts";
import type { LaneCut } from "./lane.ts";
import { planSegments, type SegmentPlan } from "./segment-rule.ts";
import type { TimelineOptions, TimelinePorts, TimelineSettings } from "./timeline.ts";

/** Seconds of the Unix epoch at 2020-01-01T00:00:00Z: segment numbers count from there. */
const NUMBERS_EPOCH_SECONDS = 1_577_836_800;
/** How much later than real time a wrong clock may have left a timeline that ended, microseconds. */
const ENDED_AHEAD_MICROS_MAX = 3_600_000_000;
/** Shortest segment where parameters change, microseconds: each track has a frame in it. */
const SEGMENT_MICROS_MIN = 250_000;
/** Longest picture, microseconds. */
const PICTURE_MICROS_MAX = 500_000;

/** The segments of a timeline: its identity, their plan, their numbers, and the newest cuts, as many as the slowest track still needs. */
export class SegmentSeries {
  readonly timelineId: string;
  plan: SegmentPlan;
  /** What this timeline goes on with. */
  readonly resumed: GateCheckpoint | undefined;
  readonly partTargetMicros: number;
  startMicros = 0;
  startedWallMs = 0;
  /** Number of the newest segment. */
  number: number;
  readonly #settings: TimelineSettings;
  readonly #windowMicros: number;
  readonly #ports: TimelinePorts;
  readonly #fence: number;
  readonly #before: GateCheckpoint | undefined;
  readonly #cuts: LaneCut[] = [];
  #discontinuitySequence: number;
  #originMicros = 0;
  #periodStartMicros = 0;
  #firstNumber = -1;

  constructor(options: TimelineOptions) {
    const { checkpoint, settings } = options;
    this.#settings = settings;
    this.#ports = options.ports;
    this.#fence = options.fence;
    this.#before = checkpoint;
    this.resumed = checkpoint?.ended === false ? checkpoint : undefined;
    this.timelineId = this.resumed?.timelineId ?? options.timelineId;
    this.plan = this.resumed?.plan ?? planSegments(settings.segmentMicros, checkpoint?.gops ?? []);
    this.number = checkpoint?.segment ?? -1;
    this.#discontinuitySequence = this.resumed?.discontinuitySequence ?? 0;
    this.partTargetMicros = this.resumed?.partTargetMicros ?? settings.partTargetMicros;
    this.#windowMicros = this.resumed?.windowMicros ?? settings.windowMicros;
  }

  /** How long a picture may last, microseconds: it fits a part. */
  get pictureMicrosMax(): number {
    return this.partTargetMicros === 0 ? PICTURE_MICROS_MAX : Math.min(this.partTargetMicros, PICTURE_MICROS_MAX);
  }

  /** Whether it is known how far this stream's keyframes are apart. */
  get knowsGops(): boolean {
    return this.resumed !== undefined || (this.#before?.gops.length ?? 0) > 0;
  }

  /** Keyframes are `micros` apart: the plan is made for that. Before {@link begin}. */
  expectGop(micros: number): void {
    this.plan = planSegments(this.#settings.segmentMicros, [micros]);
  }

  /** Where the timeline may begin if it is `micros` now: after everything its predecessor can have issued. */
  beginning(micros: number): number {
    const last = this.#before;
    if (last === undefined) return micros;
    const floor = last.cutMicros + (last.plan.targetSeconds + 1) * MICROS_PER_SECOND;
    return last.ended && floor > micros + ENDED_AHEAD_MICROS_MAX ? micros : Math.max(floor, micros);
  }

  /** The first segment begins. Named by its second, it is above anything ever issued, even if what was last saved is old. */
  begin(startMicros: number, wallMs: number, discontinuity: boolean): void {
    this.startMicros = startMicros;
    this.startedWallMs = this.resumed?.startedWallMs ?? wallMs;
    const named = Math.floor(startMicros / MICROS_PER_SECOND) - NUMBERS_EPOCH_SECONDS;
    this.number = Math.max(this.number + 1, named);
    this.#firstNumber = this.number;
    this.#originMicros = this.resumed?.originMicros ?? startMicros - (startMicros % MICROS_PER_SECOND);
    this.#periodStartMicros = this.resumed?.periodStartMicros ?? startMicros;
    this.#count(startMicros, discontinuity);
  }

  #count(startMicros: number, discontinuity: boolean): void {
    if (!discontinuity) return;
    this.#discontinuitySequence++;
    this.#periodStartMicros = startMicros;
  }

  /** The next segment begins at `startMicros`. */
  next(startMicros: number, discontinuity: boolean): void {
    this.number++;
    this.#count(startMicros, discontinuity);
  }

  /** What subscribers are told first. */
  hello(tracks: readonly Track[]): HelloRecord {
    return {
      type: "hello",
      stream: this.#settings.stream,
      timelineId: this.timelineId,
      fence: this.#fence,
      originMicros: this.#originMicros,
      tracks,
      segmentDurationMicros: this.plan.durationMicros,
      targetDurationSeconds: this.plan.targetSeconds,
      partTargetMicros: this.partTargetMicros,
      windowMicros: this.#windowMicros,
    };
  }

  /** Whether the newest segment is the first of a broadcast that began at once, as its stream's keyframes were known, and is to end early. */
  get endsEarly(): boolean {
    const isFirst = this.resumed === undefined && this.number === this.#firstNumber;
    return this.#settings.quickStart && isFirst && this.knowsGops;
  }

  get oldestCut(): LaneCut | undefined {
    return this.#cuts[0];
  }

  get newestCut(): LaneCut | undefined {
    return this.#cuts.at(-1);
  }

  /** Before this stream time no cut may be, microseconds: numbers never outrun the seconds, whatever happens. */
  get earliestCutMicros(): number {
    const second = (this.number + 1 + NUMBERS_EPOCH_SECONDS) * MICROS_PER_SECOND;
    return Math.max(second, (this.newestCut?.startMicros ?? 0) + SEGMENT_MICROS_MIN);
  }

  /** How long after the newest cut `micros` is, microseconds. */
  sinceCut(micros: number): number {
    return micros - (this.newestCut?.startMicros ?? 0);
  }

  /** The cut that began this segment, while a track still needs it. */
  cutOf(segment: number): LaneCut | undefined {
    const first = this.#cuts[0];
    return first === undefined ? undefined : this.#cuts[segment - first.segment];
  }

  /** Stream time at which the segment began that a lane has its next frame in, microseconds. */
  originOf(lane: { readonly segment: number }): number {
    return this.cutOf(lane.segment)?.startMicros ?? this.startMicros;
  }

  /** Tells the newest segment's cut; forgets those before segment `needed`. */
  announce(startMicros: number, discontinuity: boolean, needed: number): void {
    this.#cuts.push({ segment: this.number, startMicros, discontinuity });
    while ((this.#cuts[1]?.segment ?? Number.POSITIVE_INFINITY) <= needed) this.#cuts.shift();
    this.#ports.emit({
      type: "cut",
      segment: this.number,
      startMicros,
      discontinuitySequence: this.#discontinuitySequence,
      periodStartMicros: this.#periodStartMicros,
      discontinuity,
    });
  }

  /** Writes the checkpoint. `gops`: distances of the last keyframes, none when too few came. */
  save(cutMicros: number, ended: boolean, tracks: readonly Track[], gops: readonly number[]): void {
    this.#ports.checkpoint({
      timelineId: this.timelineId,
      savedWallMs: this.startedWallMs,
      startedWallMs: this.startedWallMs,
      ended,
      segment: this.number,
      cutMicros,
      discontinuitySequence: this.#discontinuitySequence,
      originMicros: this.#originMicros,
      periodStartMicros: this.#periodStartMicros,
      plan: this.plan,
      partTargetMicros: this.partTargetMicros,
      windowMicros: this.#windowMicros,
      tracks,
      gops: gops.length > 0 ? [...gops] : (this.#before?.gops ?? []),
    });
  }
}
