import type { CutRecord } from "#link/record.ts";
import type { Frame } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { MICROS_PER_SECOND, microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { buildInitSegment } from "./cmaf/init-segment.ts";
import { type SegmentBirth, TrackSegment } from "./track-segment.ts";
import type { InitSegment, WindowParameters, WindowTrack } from "./window.ts";

/** What a track asks of the broadcast: its cuts, as far as they are known. */
export interface CutList {
  get(segment: number): CutRecord | undefined;
}

/** Target durations that a playlist must always keep (RFC 8216bis §6.2.2). */
const LISTED_TARGETS_MIN = 3;
/** A playlist exceeds the window by less than a segment, and open parts by less than another: both last at most about one target duration. */
const LISTED_EXCESS_TARGETS = 2;

/**
 * One track of the live window: its segments from the oldest retrievable to the one that grows.
 *
 *   evicted │ retrievable, not listed │ listed │ growing
 *           └ segments[0]             └ firstListedSegment
 *
 * The listed range is the shortest run of newest segments that covers the window, so it is the same on every node that has them.
 * Each call answers whether something changed that this track's playlist shows.
 */
export class TrackWindow implements WindowTrack {
  track: Track;
  init: InitSegment;
  readonly segments: TrackSegment[] = [];
  firstListedSegment = 0;
  version = 0;
  retired = false;
  readonly #cuts: CutList;
  readonly #partTargetTicks: number;
  readonly #listedTicksMin: number;
  readonly #longestPlaylistTicks: number;
  /** Init segments that retrievable segments need, by name. */
  readonly #inits = new Map<string, InitSegment>();
  /** The last segment while it is not sealed. */
  #unsealed: TrackSegment | undefined;
  #listedTicks = 0;
  /** Position of the first listed segment in {@link segments}. */
  #firstListed = 0;

  constructor(track: Track, parameters: WindowParameters, cuts: CutList) {
    const target = parameters.targetDurationSeconds * track.timescale;
    this.track = track;
    this.init = buildInitSegment(track);
    this.#cuts = cuts;
    this.#partTargetTicks =
      parameters.partTargetMicros === 0
        ? Number.POSITIVE_INFINITY
        : Math.floor((parameters.partTargetMicros * track.timescale) / MICROS_PER_SECOND);
    this.#listedTicksMin = Math.max(
      microsToTicks(parameters.windowMicros, track.timescale),
      LISTED_TARGETS_MIN * target,
    );
    this.#longestPlaylistTicks = this.#listedTicksMin + LISTED_EXCESS_TARGETS * target;
  }

  /** Changed parameters; they hold from the next segment on. */
  configure(track: Track): void {
    this.track = track;
    this.init = buildInitSegment(track);
    this.retired = false;
    this.version++;
  }

  /** The encoder no longer sends this track. */
  retire(endMicros: number): void {
    this.retired = true;
    this.end(endMicros);
  }

  /** The init segment of that name, if the current or a retrievable segment needs it. */
  findInit(name: string): InitSegment | undefined {
    return name === this.init.name ? this.init : this.#inits.get(name);
  }

  /** The retrievable segment of that number. */
  find(number: number): TrackSegment | undefined {
    const first = this.segments[0];
    return first === undefined ? undefined : this.segments[number - first.number];
  }

  push(frame: Frame): boolean {
    const unsealed = this.#unsealed;
    if (unsealed !== undefined && frame.segment === unsealed.number) {
      if (frame.index !== unsealed.nextIndex || unsealed.spoiled) {
        // A lower index is a repetition after a new subscription; a higher one says that frames are missing.
        if (frame.index > unsealed.nextIndex) unsealed.spoil();
        return false;
      }
      return this.#take(unsealed, frame);
    }
    const last = this.segments.at(-1);
    const cut = this.#cuts.get(frame.segment);
    if (cut === undefined || (last !== undefined && frame.segment <= last.number)) return false;
    // Without anything before it, a segment whose beginning was missed is not published, not even as a gap.
    if (last === undefined && frame.index > 0) return false;
    const changed = this.#bridge(cut);
    const segment = this.#append(cut, frame.dts);
    if (frame.index === 0) return this.#take(segment, frame) || changed || last === undefined;
    segment.spoil();
    return changed;
  }

  /** Segment `number` of this track has exactly `frameCount` frames, all sent. */
  seal(number: number, frameCount: number): boolean {
    const unsealed = this.#unsealed;
    if (unsealed !== undefined && unsealed.number === number) return this.#finish(unsealed, frameCount);
    const last = this.segments.at(-1);
    const cut = this.#cuts.get(number);
    if (cut === undefined || (last !== undefined && number <= last.number)) return false;
    if (last === undefined && frameCount > 0) return false;
    const changed = this.#bridge(cut);
    const hole = this.#append(cut, microsToTicks(cut.startMicros, this.track.timescale));
    hole.spoil();
    return this.#finish(hole, frameCount) || changed;
  }

  /** Frames were lost on their way to us, from that position on. */
  skip(fromSegment: number, fromIndex: number): void {
    const unsealed = this.#unsealed;
    if (unsealed?.number === fromSegment && unsealed.nextIndex <= fromIndex) unsealed.spoil();
  }

  /** A new cut: a hole that ended before it now has its length. */
  cut(cut: CutRecord): boolean {
    const unsealed = this.#unsealed;
    if (unsealed === undefined || !unsealed.complete || unsealed.number + 1 !== cut.segment) return false;
    return this.#finish(unsealed, undefined);
  }

  /** Nothing more will come: whatever is open ends here. */
  end(endMicros: number): void {
    const unsealed = this.#unsealed;
    if (unsealed !== undefined) {
      const endTicks = microsToTicks(endMicros, this.track.timescale);
      if (unsealed.spoiled) unsealed.closeAsGap(Math.max(1, endTicks - unsealed.startDts));
      else unsealed.seal();
      this.#admit(unsealed);
    }
    this.version++;
  }

  /** Forgets everything: a new timeline, or a jump too wide to bridge. */
  flush(): void {
    this.segments.length = 0;
    this.#inits.clear();
    this.#unsealed = undefined;
    this.#listedTicks = 0;
    this.#firstListed = 0;
    this.firstListedSegment = 0;
    this.version++;
  }

  /** Stream time of the end of everything received, microseconds; 0 without segments. */
  get endMicros(): number {
    const last = this.segments.at(-1);
    return last === undefined ? 0 : ticksToMicros(last.end, this.track.timescale);
  }

  #take(segment: TrackSegment, frame: Frame): boolean {
    if (segment.add(frame) === 0) return false;
    this.version++;
    return true;
  }

  #append(cut: CutRecord, startDts: number): TrackSegment {
    const segment = new TrackSegment(this.#birth(cut, startDts));
    this.#inits.set(this.init.name, this.init);
    if (this.segments.push(segment) === 1) {
      this.firstListedSegment = segment.number;
      this.version++;
    }
    this.#unsealed = segment;
    return segment;
  }

  #birth(cut: Pick<CutRecord, "segment" | "discontinuity" | "discontinuitySequence">, startDts: number): SegmentBirth {
    return {
      number: cut.segment,
      startDts,
      discontinuity: cut.discontinuity,
      discontinuitySequence: cut.discontinuitySequence,
      initName: this.init.name,
      alwaysIndependent: this.track.config.kind === "audio",
      partTargetTicks: this.#partTargetTicks,
    };
  }

  /** Seals a segment that is whole; makes a gap of one that is not, as soon as the next cut tells its length. */
  #finish(segment: TrackSegment, frameCount: number | undefined): boolean {
    if (frameCount !== undefined && frameCount !== segment.nextIndex) segment.spoil();
    segment.complete = true;
    if (!segment.spoiled) {
      segment.seal();
      return this.#admit(segment);
    }
    const next = this.#cuts.get(segment.number + 1);
    if (next === undefined) return false;
    const end = microsToTicks(next.startMicros, this.track.timescale);
    segment.closeAsGap(Math.max(1, end - segment.startDts));
    return this.#admit(segment);
  }

  /** Finishes what is open and fills the numbers up to `cut` with gaps that share the time between; numbers whose cut is known begin there. */
  #bridge(cut: CutRecord): boolean {
    const versionBefore = this.version;
    if (this.#unsealed !== undefined) this.#finish(this.#unsealed, undefined);
    const hole = this.#unsealed;
    const last = this.segments.at(-1);
    if (last === undefined) return false;
    const { timescale } = this.track;
    const from = hole?.number ?? last.number + 1;
    const fromTicks = hole?.startDts ?? last.end;
    const share = (microsToTicks(cut.startMicros, timescale) - fromTicks) / (cut.segment - from);
    const startOf = (number: number): number => {
      const known = this.#cuts.get(number);
      if (known !== undefined) return microsToTicks(known.startMicros, timescale);
      return Math.round(fromTicks + share * (number - from));
    };
    let sequence = last.discontinuitySequence;
    const sequenceBefore = cut.discontinuitySequence - (cut.discontinuity ? 1 : 0);
    for (let number = from; number < cut.segment; number++) {
      const known = this.#cuts.get(number);
      const discontinuity = known?.discontinuity ?? sequence < sequenceBefore;
      if (discontinuity) sequence++;
      const gap =
        number === hole?.number
          ? hole
          : this.#append({ ...cut, segment: number, discontinuity, discontinuitySequence: sequence }, startOf(number));
      gap.closeAsGap(Math.max(1, startOf(number + 1) - gap.startDts));
      this.#admit(gap);
    }
    return this.version !== versionBefore;
  }

  /** A segment has its final form: lists it, and lets go of what left the window. */
  #admit(segment: TrackSegment): boolean {
    this.#unsealed = undefined;
    this.#listedTicks += segment.duration;
    for (;;) {
      const oldest = this.segments[this.#firstListed];
      if (oldest === undefined || this.#listedTicks - oldest.duration < this.#listedTicksMin) break;
      this.#listedTicks -= oldest.duration;
      this.#firstListed++;
    }
    this.#evict(segment.end);
    this.firstListedSegment = this.segments[this.#firstListed]?.number ?? segment.number;
    this.version++;
    return true;
  }

  /**
   * RFC 8216bis §6.2.2: a segment stays retrievable for its own duration plus that of the longest playlist after it first appeared, which was
   * at its end. Parts live in their segments, so they outlast the three target durations asked for them.
   */
  #evict(now: number): void {
    for (;;) {
      const oldest = this.segments[0];
      if (this.#firstListed === 0 || oldest === undefined) return;
      if (now < oldest.end + oldest.duration + this.#longestPlaylistTicks) return;
      this.segments.shift();
      this.#firstListed--;
      if (!this.segments.some((segment) => segment.initName === oldest.initName)) this.#inits.delete(oldest.initName);
    }
  }
}
