import type { CutRecord, EndReason, HelloRecord, LinkRecord } from "#link/record.ts";
import type { Track } from "#media/track.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import type { ObjectName } from "./object-names.ts";
import { initName } from "./object-names.ts";
import { TrackWindow } from "./track-window.ts";
import type { Segment, WindowParameters, WindowSnapshot, WindowTrack } from "./window.ts";

/** Cuts remembered: more than any window has segments, so that late frames and gaps find theirs. */
const CUTS_KEPT_MAX = 1024;
/** Periods whose start is remembered. */
const PERIODS_KEPT_MAX = 256;

/** What stands under an object's name. */
export type Located =
  /** Whole and final. */
  | { readonly state: "ready"; readonly bytes: Uint8Array }
  /** A segment that has parts and will have more. */
  | { readonly state: "growing"; readonly segment: Segment }
  /** The next part of a track, named by its preload hint or in a segment about to begin: it may be waited for. */
  | { readonly state: "expected" }
  /** Later than anything that may be waited for. */
  | { readonly state: "future" }
  /** Was there and has left the window. */
  | { readonly state: "gone" }
  /** Never was and never will be. */
  | { readonly state: "absent" };

/**
 * The live window of a broadcast: link records in, objects and their state out. A pure function of the records since the oldest segment it
 * keeps, however they were batched: two windows fed the same frames hold the same bytes.
 *
 *   hello ─▶ tracks ─▶ cut ─▶ frame… ─▶ seal     per track: open part → parts → sealed segment → listed → retrievable → evicted
 */
export class BroadcastWindow implements WindowSnapshot {
  #parameters: WindowParameters;
  #version = 0;
  #ended: EndReason | undefined;
  #lastCut: CutRecord | undefined;
  #tracks: TrackWindow[] = [];
  readonly #cuts = new Map<number, CutRecord>();
  readonly #byId = new Map<number, TrackWindow>();
  readonly #byName = new Map<string, TrackWindow>();
  readonly #periodStarts = new Map<number, number>();

  constructor(hello: HelloRecord) {
    this.#parameters = parametersOf(hello);
    this.#setTracks(hello.tracks);
  }

  get timelineId(): string {
    return this.#parameters.timelineId;
  }

  get parameters(): WindowParameters {
    return this.#parameters;
  }

  /** Grows with each change that a playlist or manifest of the broadcast shows. */
  get version(): number {
    return this.#version;
  }

  /** Tracks the encoder sends now, in the order of the broadcast. */
  get tracks(): readonly WindowTrack[] {
    return this.#tracks;
  }

  /** Why the broadcast ended; `undefined` while it is on air. */
  get ended(): EndReason | undefined {
    return this.#ended;
  }

  /** A track by name, also one that was retired and still has segments. */
  track(name: string): WindowTrack | undefined {
    return this.#byName.get(name);
  }

  periodStartMicros(discontinuitySequence: number): number {
    return this.#periodStarts.get(discontinuitySequence) ?? this.#parameters.originMicros;
  }

  /** Takes the next record. Never throws for what a link may carry: what does not fit is left out and becomes a gap. */
  apply(record: LinkRecord): void {
    switch (record.type) {
      case "frame":
        if (this.#ended === undefined && this.#byId.get(record.frame.track)?.push(record.frame)) this.#version++;
        return;
      case "seal":
        if (this.#byId.get(record.track)?.seal(record.segment, record.frameCount)) this.#version++;
        return;
      case "cut":
        this.#cut(record);
        return;
      case "skip":
        this.#byId.get(record.track)?.skip(record.fromSegment, record.fromIndex);
        return;
      case "tracks":
        this.#setTracks(record.tracks);
        return;
      case "hello":
        this.#hello(record);
        return;
      case "end":
        this.#end(record.why);
        return;
      case "head":
      case "event":
        return;
    }
  }

  /** Whether the seal of that segment will show one part more of it, in a track that has shown whole segments before. */
  hasRest(trackId: number, segment: number): boolean {
    const segments = this.#byId.get(trackId)?.segments;
    const last = segments?.at(-1);
    return last?.number === segment && last.hasRest && (segments?.length ?? 0) > 1;
  }

  /** What stands under that name in that track; `absent` for names of another timeline. */
  locate(trackName: string, name: ObjectName): Located {
    const track = this.#byName.get(trackName);
    if (track === undefined) return ABSENT;
    if (name.kind === "init") {
      const init = track.findInit(initName(name.hash));
      return init === undefined ? ABSENT : { state: "ready", bytes: init.bytes };
    }
    if (name.timelineId !== this.timelineId) return ABSENT;
    const segment = track.find(name.segment);
    if (segment === undefined) return this.#locateOutside(track, name);
    if (name.kind === "segment") {
      if (segment.bytes !== undefined && !segment.gap) return { state: "ready", bytes: segment.bytes };
      return segment.sealed || segment.spoiled ? ABSENT : { state: "growing", segment };
    }
    const part = segment.parts[name.part];
    if (part !== undefined) return { state: "ready", bytes: part.bytes };
    if (segment.sealed || segment.spoiled) return ABSENT;
    return name.part === segment.parts.length ? EXPECTED : FUTURE;
  }

  #locateOutside(track: TrackWindow, name: Exclude<ObjectName, { kind: "init" }>): Located {
    const first = track.segments[0];
    const last = track.segments.at(-1);
    if (first === undefined || last === undefined) return FUTURE;
    if (name.segment < first.number) return GONE;
    if (this.#ended !== undefined || track.retired) return ABSENT;
    const next = name.segment === last.number + 1 && (name.kind === "segment" || name.part === 0);
    return next ? EXPECTED : FUTURE;
  }

  #hello(record: HelloRecord): void {
    const parameters = parametersOf(record);
    if (parameters.timelineId !== this.timelineId) {
      this.#parameters = parameters;
      this.#byId.clear();
      this.#byName.clear();
      this.#tracks = [];
      this.#cuts.clear();
      this.#periodStarts.clear();
      this.#lastCut = undefined;
      this.#ended = undefined;
    }
    this.#setTracks(record.tracks);
  }

  #setTracks(tracks: readonly Track[]): void {
    const kept = new Set<TrackWindow>();
    this.#tracks = tracks.map((track) => {
      let window = this.#byId.get(track.id);
      if (window === undefined) {
        window = new TrackWindow(track, this.#parameters, this.#cuts);
        this.#byId.set(track.id, window);
      } else if (window.track !== track) {
        window.configure(track);
      }
      this.#byName.set(track.name, window);
      kept.add(window);
      return window;
    });
    for (const window of this.#byId.values()) {
      if (!kept.has(window) && !window.retired) window.retire(window.endMicros);
    }
    this.#version++;
  }

  #cut(cut: CutRecord): void {
    const before = this.#lastCut;
    if (before !== undefined && cut.segment <= before.segment) return;
    if (before !== undefined && !this.#bridgeable(before, cut)) {
      for (const track of this.#byId.values()) track.flush();
      this.#cuts.clear();
      this.#version++;
    }
    this.#lastCut = cut;
    this.#cuts.set(cut.segment, cut);
    dropOldest(this.#cuts, CUTS_KEPT_MAX);
    this.#periodStarts.set(cut.discontinuitySequence, cut.periodStartMicros);
    dropOldest(this.#periodStarts, PERIODS_KEPT_MAX);
    for (const track of this.#tracks) if (track.cut(cut)) this.#version++;
  }

  /** Whether the numbers between two cuts can be announced as gaps: no more of them than the window holds, none longer than the target duration. */
  #bridgeable(before: CutRecord, cut: CutRecord): boolean {
    const missing = cut.segment - before.segment - 1;
    if (missing === 0) return true;
    const { segmentDurationMicros, targetDurationSeconds, windowMicros } = this.#parameters;
    if (missing >= windowMicros / segmentDurationMicros) return false;
    const gapMicros = (cut.startMicros - before.startMicros) / (missing + 1);
    return gapMicros <= targetDurationSeconds * MICROS_PER_SECOND;
  }

  #end(why: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    const endMicros = this.#tracks.reduce((end, track) => Math.max(end, track.endMicros), 0);
    for (const track of this.#tracks) track.end(endMicros);
    this.#version++;
  }
}

const ABSENT: Located = { state: "absent" };
const EXPECTED: Located = { state: "expected" };
const FUTURE: Located = { state: "future" };
const GONE: Located = { state: "gone" };

function parametersOf(hello: HelloRecord): WindowParameters {
  const { timelineId, originMicros, segmentDurationMicros, targetDurationSeconds, partTargetMicros, windowMicros } =
    hello;
  return { timelineId, originMicros, segmentDurationMicros, targetDurationSeconds, partTargetMicros, windowMicros };
}

function dropOldest(map: Map<number, unknown>, countMax: number): void {
  if (map.size <= countMax) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
