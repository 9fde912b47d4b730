import type { CutRecord } from "#link/record.ts";
import type { Frame } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { MICROS_PER_SECOND, microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { buildInitSegment } from "./cmaf/init-segment.ts";
import { type SegmentBirth, TrackSegment } from "./track-segment.ts";
import { durationMicros } from "./segment-time.ts";
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
  readonly #partTargetMicros: number;
  readonly #listedMicrosMin: number;
  readonly #longestPlaylistMicros: number;
  /** The last segment while it is not sealed. */
  #unsealed: TrackSegment | undefined;
  /** Sum of the listed whole segments. In microseconds, since segments made before and after a change may count in different ticks. */
  #listedMicros = 0;
  /** Position of the first listed segment in {@link segments}. */
  #firstListed = 0;

  constructor(track: Track, parameters: WindowParameters, cuts: CutList) {
    const targetMicros = parameters.targetDurationSeconds * MICROS_PER_SECOND;
    this.track = track;
    this.init = buildInitSegment(track);
    this.#cuts = cuts;
    this.#partTargetMicros = parameters.partTargetMicros;
    this.#listedMicrosMin = Math.max(parameters.windowMicros, LISTED_TARGETS_MIN * targetMicros);
    this.#longestPlaylistMicros = this.#listedMicrosMin + LISTED_EXCESS_TARGETS * targetMicros;
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
    if (name === this.init.name) return this.init;
    return this.segments.find((segment) => segment.initName === name)?.init;
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
    const segment = this.#append(this.#birth(cut, frame.dts));
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
    const hole = this.#append(this.#birth(cut, microsToTicks(cut.startMicros, this.track.timescale)));
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
      if (unsealed.spoiled) closeAsGapUntil(unsealed, endMicros);
      else unsealed.seal();
      this.#admit(unsealed);
    }
    this.version++;
  }

  /** Forgets everything: a new timeline, or a jump too wide to bridge. */
  flush(): void {
    this.segments.length = 0;
    this.#unsealed = undefined;
    this.#listedMicros = 0;
    this.#firstListed = 0;
    this.firstListedSegment = 0;
    this.version++;
  }

  /** Stream time of the end of everything received, microseconds; 0 without segments. */
  get endMicros(): number {
    return this.segments.at(-1)?.endMicros ?? 0;
  }

  #take(segment: TrackSegment, frame: Frame): boolean {
    if (segment.add(frame) === 0) return false;
    this.version++;
    return true;
  }

  #append(birth: SegmentBirth): TrackSegment {
    const segment = new TrackSegment(birth);
    if (this.segments.push(segment) === 1) {
      this.firstListedSegment = segment.number;
      this.version++;
    }
    this.#unsealed = segment;
    return segment;
  }

  #birth(cut: CutRecord, startDts: number): SegmentBirth {
    const { track, init } = this;
    return {
      number: cut.segment,
      startDts,
      discontinuity: cut.discontinuity,
      discontinuitySequence: cut.discontinuitySequence,
      track,
      init,
      partTargetTicks:
        this.#partTargetMicros === 0
          ? Number.POSITIVE_INFINITY
          : Math.floor((this.#partTargetMicros * track.timescale) / MICROS_PER_SECOND),
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
    closeAsGapUntil(segment, next.startMicros);
    return this.#admit(segment);
  }

  /** Finishes what is open and fills the numbers up to `cut` with gaps that share the time between; numbers whose cut is known begin there. */
  #bridge(cut: CutRecord): boolean {
    const versionBefore = this.version;
    if (this.#unsealed !== undefined) this.#finish(this.#unsealed, undefined);
    const hole = this.#unsealed;
    const last = this.segments.at(-1);
    if (last === undefined) return false;
    const from = hole?.number ?? last.number + 1;
    const fromMicros = hole === undefined ? last.endMicros : ticksToMicros(hole.startDts, hole.track.timescale);
    const shareMicros = (cut.startMicros - fromMicros) / (cut.segment - from);
    const startOf = (number: number): number =>
      this.#cuts.get(number)?.startMicros ?? Math.round(fromMicros + shareMicros * (number - from));
    // Until a discontinuity nothing can have changed: what was lost had the parameters of what came before it.
    let { track, init }: Pick<SegmentBirth, "track" | "init"> = last;
    let sequence = last.discontinuitySequence;
    const sequenceBefore = cut.discontinuitySequence - (cut.discontinuity ? 1 : 0);
    for (let number = from; number < cut.segment; number++) {
      const known = this.#cuts.get(number);
      const discontinuity = known?.discontinuity ?? sequence < sequenceBefore;
      if (discontinuity) {
        sequence++;
        ({ track, init } = this);
      }
      const startDts = microsToTicks(startOf(number), track.timescale);
      const birth = { ...this.#birth(cut, startDts), number, discontinuity, discontinuitySequence: sequence };
      const gap = number === hole?.number ? hole : this.#append({ ...birth, track, init });
      closeAsGapUntil(gap, startOf(number + 1));
      this.#admit(gap);
    }
    return this.version !== versionBefore;
  }

  /** A segment has its final form: lists it, and lets go of what left the window. */
  #admit(segment: TrackSegment): boolean {
    this.#unsealed = undefined;
    this.#listedMicros += durationMicros(segment);
    for (;;) {
      const oldest = this.segments[this.#firstListed];
      if (oldest === undefined) break;
      const withoutMicros = this.#listedMicros - durationMicros(oldest);
      if (withoutMicros < this.#listedMicrosMin) break;
      this.#listedMicros = withoutMicros;
      this.#firstListed++;
    }
    this.#evict(segment.endMicros);
    this.firstListedSegment = this.segments[this.#firstListed]?.number ?? segment.number;
    this.version++;
    return true;
  }

  /**
   * RFC 8216bis §6.2.2: a segment stays retrievable for its own duration plus that of the longest playlist after it first appeared, which was
   * at its end. Parts live in their segments, so they outlast the three target durations asked for them.
   */
  #evict(nowMicros: number): void {
    for (;;) {
      const oldest = this.segments[0];
      if (this.#firstListed === 0 || oldest === undefined) return;
      if (nowMicros < oldest.endMicros + durationMicros(oldest) + this.#longestPlaylistMicros) return;
      this.segments.shift();
      this.#firstListed--;
    }
  }
}

function closeAsGapUntil(segment: TrackSegment, endMicros: number): void {
  segment.closeAsGap(Math.max(1, microsToTicks(endMicros, segment.track.timescale) - segment.startDts));
}
