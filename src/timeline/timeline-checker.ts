import { AssertionFailed } from "#faults/fault.ts";
import type { CutRecord, HelloRecord, LinkRecord } from "#link/record.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { MICROS_PER_SECOND, ticksToMicros } from "#time/ticks.ts";

/*
 * The invariants of a timeline, checked record by record as a strict subscriber sees them. Tests only.
 */

const NUMBERS_EPOCH_SECONDS = 1_577_836_800;

/** One track's share of a segment, as it came out. */
export interface CheckedSegment {
  readonly number: number;
  readonly frames: Frame[];
  sealed: boolean;
}

interface Progress {
  readonly segments: CheckedSegment[];
  last: Frame | undefined;
  /** Latest presentation time, ticks. */
  presented: number;
}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailed(what);
}

/** Takes a broadcast's records; throws at the first that breaks a rule. */
export class TimelineChecker {
  hello: HelloRecord | undefined;
  tracks: readonly Track[] = [];
  /** Every track that was ever announced, in its latest form. */
  readonly everyTrack: Map<number, Track> = new Map();
  readonly cuts: CutRecord[] = [];
  ended = false;
  readonly #progress = new Map<number, Progress>();

  /** Segments of a track, in order. */
  segments(track: number): readonly CheckedSegment[] {
    return this.#progress.get(track)?.segments ?? [];
  }

  /** Every frame of a track, in order. */
  frames(track: number): Frame[] {
    return this.segments(track).flatMap(({ frames }) => frames);
  }

  take(record: LinkRecord): void {
    demand(!this.ended, "nothing comes after the end");
    if (record.type === "hello") {
      demand(this.hello === undefined, "one hello");
      this.hello = record;
      this.#announce(record.tracks);
      return;
    }
    demand(this.hello !== undefined, "the hello comes first");
    if (record.type === "tracks") {
      this.#announce(record.tracks);
    } else if (record.type === "cut") this.#cut(record);
    else if (record.type === "frame") this.#frame(record.frame);
    else if (record.type === "seal") this.#seal(record.track, record.segment, record.frameCount);
    else if (record.type === "end") this.ended = true;
  }

  #announce(tracks: readonly Track[]): void {
    this.tracks = tracks;
    for (const track of tracks) {
      const before = this.everyTrack.get(track.id);
      demand(before === undefined || before.timescale === track.timescale, `${track.name} keeps its timescale`);
      demand(before === undefined || before.name === track.name, `${track.name} keeps its name`);
      this.everyTrack.set(track.id, track);
    }
  }

  #cut(cut: CutRecord): void {
    const before = this.cuts.at(-1);
    const { segment, startMicros } = cut;
    demand(Number.isSafeInteger(startMicros), "stream time is whole microseconds");
    demand(
      segment <= Math.floor(startMicros / MICROS_PER_SECOND) - NUMBERS_EPOCH_SECONDS,
      `segment ${segment} is above the second of its start`,
    );
    if (before !== undefined) {
      demand(segment === before.segment + 1, `segment ${segment} follows ${before.segment}`);
      const distance = startMicros - before.startMicros;
      demand(distance >= 249_990, `cut ${segment} comes ${distance} µs after the one before`);
      const grown = cut.discontinuitySequence - before.discontinuitySequence;
      demand(grown === (cut.discontinuity ? 1 : 0), "discontinuities are counted");
    }
    this.cuts.push(cut);
  }

  #frame(frame: Frame): void {
    const track = this.tracks.find(({ id }) => id === frame.track);
    demand(track !== undefined, `track ${frame.track} was announced`);
    const name = `${track.name} ${frame.segment}/${frame.index}`;
    demand([frame.dts, frame.ptsOffset, frame.duration].every(Number.isSafeInteger), `${name} has whole ticks`);
    demand(frame.duration >= 1, `${name} lasts`);
    const cut = this.cuts.findLast(({ segment }) => segment === frame.segment);
    demand(cut !== undefined, `${name} comes after its cut`);
    const progress = this.#of(frame.track);
    const { last } = progress;
    let open = progress.segments.at(-1);
    if (open?.number !== frame.segment) {
      demand(open === undefined || open.sealed, `${name} comes after the seal of the segment before`);
      demand(open === undefined || frame.segment === open.number + 1, `${name} leaves no segment out`);
      open = { number: frame.segment, frames: [], sealed: false };
      progress.segments.push(open);
    }
    demand(!open.sealed, `${name} comes before its seal`);
    demand(frame.index === open.frames.length, `${name} has the next index, ${open.frames.length}`);
    const first = frame.index === 0;
    demand(first === ((frame.flags & FrameFlag.CUT) !== 0), `${name} is marked as first of its segment or not`);
    const independent = (frame.flags & FrameFlag.INDEPENDENT) !== 0;
    demand(independent === (first && (frame.flags & FrameFlag.KEY) !== 0), `${name} claims independence rightly`);
    const discontinuity = (frame.flags & FrameFlag.DISCONTINUITY) !== 0;
    demand(discontinuity === (first && cut.discontinuity), `${name} shows the discontinuity of its cut`);
    if (last !== undefined && !discontinuity) {
      const gap = frame.dts - (last.dts + last.duration);
      demand(gap === 0, `${name} begins ${gap} ticks after the end of the frame before`);
    } else if (last !== undefined) {
      demand(frame.dts > last.dts, `${name} begins after the frame before`);
    }
    const pts = frame.dts + frame.ptsOffset;
    const isAfter = (frame.flags & FrameFlag.KEY) === 0 || pts > progress.presented;
    demand(isAfter, `${name} is shown ${progress.presented - pts} ticks before a picture that came before it`);
    progress.presented = Math.max(progress.presented, pts);
    progress.last = frame;
    open.frames.push(frame);
  }

  #seal(track: number, segment: number, frameCount: number): void {
    const progress = this.#of(track);
    let open = progress.segments.at(-1);
    if (open?.number !== segment) {
      demand(frameCount === 0, `track ${track} seals ${frameCount} frames of ${segment} that never came`);
      demand(open === undefined || (open.sealed && segment === open.number + 1), `track ${track} seals in order`);
      open = { number: segment, frames: [], sealed: false };
      progress.segments.push(open);
    }
    demand(!open.sealed, `track ${track} seals ${segment} once`);
    demand(open.frames.length === frameCount, `track ${track} seals ${open.frames.length} frames as ${frameCount}`);
    open.sealed = true;
  }

  #of(track: number): Progress {
    let progress = this.#progress.get(track);
    if (progress === undefined) {
      progress = { segments: [], last: undefined, presented: Number.NEGATIVE_INFINITY };
      this.#progress.set(track, progress);
    }
    return progress;
  }

  /** End of everything that came of a track, microseconds. */
  endMicros(track: number): number {
    const last = this.#progress.get(track)?.last;
    return last === undefined ? 0 : ticksToMicros(last.dts + last.duration, this.everyTrack.get(track)?.timescale ?? 1);
  }

  /** Duration of a sealed segment in microseconds: what `EXTINF` says. */
  durationMicros(track: Track, segment: CheckedSegment): number {
    const ticks = segment.frames.reduce((sum, frame) => sum + frame.duration, 0);
    return ticksToMicros(ticks, track.timescale);
  }
}
