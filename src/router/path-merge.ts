/**
 * Paths that carry the same encode, made one: whoever has the next frame first gives it.
 *
 *   path ─same content, one distance between the clocks (`path-match.ts`)─▶ merged
 *   merged frame ─at or before the end of its track─▶ it was there already: dropped
 *                ─next, or nobody else can have what lies between─▶ out, with the first path's clock
 *                ─later─▶ held until another path has filled the gap, as long as one may lag; what else is to be seen and heard then waits with it
 *
 * A path whose own stamps jump leaves and is matched anew, as long as there is another one; the last one is let through as it comes.
 */
import type { RawFrame } from "#media/frame.ts";
import type { Backlog } from "./backlog.ts";
import { expectedLagMs, GAP_MS_MAX, gapWaitMs, LAG_MS_MAX, type PathState, pathState } from "./path-lag.ts";
import { contentHash, PathMatch, RememberedFrames, ROUNDING_MS } from "./path-match.ts";

/** How far a path may be ahead of what was sent, or behind it, milliseconds: 3 s of lag, and some air. */
const DISTANCE_MS_MAX = 4000;
/** Step of a path's own stamps after which it is no longer trusted, milliseconds. */
const STEP_MS_MAX = 1000;
/** Frames of a track that differ from what was sent, in a row, after which a path is no longer the same encode. */
const DIFFERENT_FRAMES = 16;
/** A gap is a step longer than this many frames. */
const GAP_FRAMES = 1.5;
/** How long after a path is gone it may be back and not be known yet, while the one that is left lags, milliseconds. */
const RETURN_MS = 10_000;
/** How long after a gap that nobody could fill the next one is taken for the encoder's own as well, milliseconds. */
const UNEVEN_MS = 10_000;
/** How far a track goes ahead of one that waits for a gap to be filled, milliseconds. */
const AHEAD_OF_GAP_MS = 100;
/** Frames of a track that wait for a gap to be filled: 4 s at 120 a second. */
const HELD_FRAMES_MAX = 480;
/** What all that wait may weigh: 4 s at 64 Mbit/s, bytes. */
const HELD_BYTES_MAX = 32 * 1024 * 1024;
/** Frames sent that are remembered, so that a path can be seen to differ: some 4 s. */
const SENT_FRAMES_MAX = 256;

/** How far behind what leads a track may come back that nobody gave lately, milliseconds: silence was heard before that. */
const OVER_MS = 2500;

/** What merges: an encoder session, for one. */
export interface MergePath {
  /** Whether the frame is of the tracks that tell paths apart. */
  leads(frame: RawFrame): boolean;
  /** What it sent before it was merged. */
  readonly backlog: Backlog;
}

interface Sent {
  readonly hash: number;
  /** When it came. */
  readonly atMs: number;
}

interface Held<Path> {
  readonly path: Path;
  readonly frame: RawFrame;
  readonly hash: number;
  /** On the first path's clock. */
  readonly stamp: number;
  readonly arrivedMs: number;
}

interface TrackState<Path> {
  /** Stamp of the last frame sent. */
  end: number | undefined;
  endHash: number;
  intervalMs: number;
  /** A gap is held open. */
  waits: boolean;
  /** When there was a gap last that nobody could fill, milliseconds. */
  unevenMs: number;
  readonly held: Held<Path>[];
  /** What was sent at which stamp, oldest first. */
  readonly sent: Map<number, Sent>;
}

/** Merges paths of one encode. */
export class PathMerge<Path extends MergePath> {
  readonly #emit: (frame: RawFrame, nowMs: number, path: Path) => void;
  readonly #paths = new Map<Path, PathState>();
  readonly #matches = new Map<Path, PathMatch>();
  readonly #tracks = new Map<number, TrackState<Path>>();
  readonly #history = new RememberedFrames();
  #hasMerged = false;
  /** Stamp of the last frame sent of the tracks that lead. */
  #ledEnd: number | undefined;
  #heldBytes = 0;
  /** When a path was lost last, milliseconds. */
  #lostMs = Number.NEGATIVE_INFINITY;

  /** @param emit takes the merged frames, in decoding order of each track. */
  constructor(emit: (frame: RawFrame, nowMs: number, path: Path) => void) {
    this.#emit = emit;
  }

  /** Paths that are merged; one at least, once begun. */
  get paths(): Iterable<Path> {
    return this.#paths.keys();
  }

  get pathCount(): number {
    return this.#paths.size;
  }

  has(path: Path): boolean {
    return this.#paths.has(path);
  }

  /** Frames that wait for a gap to be filled. */
  get heldFrames(): number {
    let count = 0;
    for (const { held } of this.#tracks.values()) count += held.length;
    return count;
  }

  /** Whether there was more than one since it began. */
  get hasMerged(): boolean {
    return this.#hasMerged;
  }

  /** Whether a path was lost lately: the ones that are left may have lagged, which nobody could notice until then. */
  isLonely(nowMs: number): boolean {
    return nowMs - this.#lostMs < RETURN_MS;
  }

  /** How long a path that is merged may take to give what comes next, milliseconds: others lag, and lose nothing. */
  lagMs(nowMs: number): number {
    let lag = 0;
    const isLonely = this.isLonely(nowMs);
    for (const path of this.#paths.values()) {
      lag = Math.max(lag, path.owes || isLonely ? expectedLagMs(path, nowMs) : path.lagMs);
    }
    return lag;
  }

  /** Only this path is left, with its own clock; all others are matched anew. */
  begin(path: Path): void {
    this.clear();
    this.#paths.set(path, pathState(0, 0));
  }

  /** Nothing is merged. */
  clear(): void {
    this.#paths.clear();
    this.#matches.clear();
    this.#tracks.clear();
    this.#history.clear();
    this.#hasMerged = false;
    this.#ledEnd = undefined;
    this.#heldBytes = 0;
    this.#lostMs = Number.NEGATIVE_INFINITY;
  }

  /** A path is gone; what was held for it goes out. */
  remove(path: Path, nowMs: number): void {
    this.#matches.delete(path);
    if (!this.#paths.delete(path)) return;
    this.#lostMs = nowMs;
    this.tick(nowMs);
  }

  /** Takes a path out that is to be matched anew, where another one is left. Answers whether it is out. */
  part(path: Path, nowMs: number): boolean {
    if (this.#paths.size < 2 || !this.#paths.has(path)) return !this.#paths.has(path);
    this.remove(path, nowMs);
    return true;
  }

  /** Takes a frame of any path. `isCompared`: whether there are others, merged or not. */
  take(path: Path, frame: RawFrame, nowMs: number, isCompared = true): void {
    const state = this.#paths.get(path);
    const hash = isCompared ? contentHash(frame) : 0;
    if (state === undefined) this.#compare(path, frame, hash, nowMs);
    else {
      const stamp = (frame.dts + state.offset) >>> 0;
      this.#place(state, { path, frame, hash, stamp, arrivedMs: nowMs }, nowMs);
    }
  }

  /** Waits that end. */
  tick(nowMs: number): void {
    for (const [key, track] of this.#tracks) this.#release(key, track, nowMs);
    // What was held for one of those comes now.
    for (const [key, track] of this.#tracks) this.#release(key, track, nowMs);
  }

  /** A path that is not merged: is it the same encode? */
  #compare(path: Path, frame: RawFrame, hash: number, nowMs: number): void {
    path.backlog.push(frame, nowMs);
    if (!path.leads(frame)) return;
    let match = this.#matches.get(path);
    if (match === undefined) {
      match = new PathMatch();
      this.#matches.set(path, match);
    }
    const offset = match.frame(hash, frame, this.#history.find(hash));
    if (offset !== undefined) this.#join(path, offset, nowMs);
  }

  #join(path: Path, offset: number, nowMs: number): void {
    this.#matches.delete(path);
    const newest = path.backlog.findLast((frame) => path.leads(frame));
    const end = newest === undefined ? undefined : this.#tracks.get(keyOf(newest))?.end;
    if (newest === undefined || end === undefined || Math.abs((newest.dts + offset - end) | 0) > DISTANCE_MS_MAX)
      return;
    const state = pathState(offset, nowMs);
    this.#paths.set(path, state);
    this.#hasMerged = true;
    for (const { frame, nowMs: arrivedMs } of path.backlog.take()) {
      // Its clock jumped meanwhile: what came before is of no use.
      if (!this.has(path)) path.backlog.push(frame, arrivedMs);
      else {
        const stamp = (frame.dts + offset) >>> 0;
        this.#place(state, { path, frame, hash: contentHash(frame), stamp, arrivedMs }, nowMs);
      }
    }
  }

  #place(state: PathState, held: Held<Path>, nowMs: number): void {
    const { path, frame, stamp, arrivedMs } = held;
    const key = keyOf(frame);
    const track = this.#track(key);
    const last = state.last.get(key);
    const step = last === undefined ? 0 : (stamp - last) | 0;
    const isWild = step > STEP_MS_MAX || step < -STEP_MS_MAX;
    if (isWild && this.part(path, nowMs)) {
      path.backlog.push(frame, arrivedMs);
      return;
    }
    state.last.set(key, stamp);
    state.arrivedMs = nowMs;
    if (path.leads(frame)) state.ledMs = nowMs;
    else if (this.#isOver(track, stamp)) return;
    if (this.#paths.size === 1 && isWild) this.#flush(key, track, nowMs);
    const isNext = track.held.length === 0 && (isWild || state.current.has(key) || track.end === undefined);
    if (this.#paths.size === 1 && isNext) {
      this.#send(key, track, held, nowMs);
      return;
    }
    if (isSent(track, held)) {
      // What it sent before it was merged proves nothing.
      if (arrivedMs === nowMs) this.#seeAgain(path, state, track, held);
      return;
    }
    state.different = 0;
    this.#hold(track, held);
    const { waits } = track;
    this.#release(key, track, nowMs);
    // Others were held for it.
    if (waits && !track.waits) this.tick(nowMs);
  }

  /** Whether a frame of a track that nobody gave lately comes too late to be heard: what led has passed it long ago. */
  #isOver({ end }: TrackState<Path>, stamp: number): boolean {
    const led = this.#ledEnd;
    if (!this.#hasMerged || led === undefined) return false;
    const isSilent = end === undefined || ((led - end) | 0) > LAG_MS_MAX;
    return isSilent && ((led - stamp) | 0) > OVER_MS;
  }

  /** A frame that was sent already tells how far its path lags, and whether it is the same encode still. */
  #seeAgain(path: Path, state: PathState, track: TrackState<Path>, held: Held<Path>): void {
    const { frame, stamp, hash, arrivedMs } = held;
    const isNewest = ((stamp - (track.end ?? stamp)) | 0) >= -ROUNDING_MS;
    let isSame = false;
    for (let off = -ROUNDING_MS; off <= ROUNDING_MS && !isSame; off++) {
      const sent = track.sent.get((stamp + off) >>> 0);
      if (sent === undefined || sent.hash !== hash) continue;
      isSame = true;
      state.lagMs = Math.max(0, arrivedMs - sent.atMs);
      if (path.leads(frame)) state.owes = !isNewest;
    }
    const isForgotten = ((stamp - (track.sent.keys().next().value ?? stamp)) | 0) < 0;
    if (isSame) state.different = 0;
    else if (!isForgotten && ++state.different >= DIFFERENT_FRAMES) this.part(path, arrivedMs);
  }

  #hold(track: TrackState<Path>, held: Held<Path>): void {
    const list = track.held;
    let at = list.length;
    for (; at > 0; at--) {
      const before = list[at - 1];
      if (before === undefined) break;
      const distance = (held.stamp - before.stamp) | 0;
      if (Math.abs(distance) <= ROUNDING_MS && before.hash === held.hash) return;
      if (distance >= 0) break;
    }
    list.splice(at, 0, held);
    this.#heldBytes += held.frame.payload.byteLength;
  }

  #release(key: number, track: TrackState<Path>, nowMs: number): void {
    for (let next = track.held[0]; next !== undefined; next = track.held[0]) {
      if (!isSent(track, next) && !this.#isDue(key, track, next, nowMs)) return;
      track.held.shift();
      this.#heldBytes -= next.frame.payload.byteLength;
      if (!isSent(track, next)) this.#send(key, track, next, nowMs);
    }
    track.waits = false;
  }

  /** Nothing is waited for any longer. */
  #flush(key: number, track: TrackState<Path>, nowMs: number): void {
    for (const next of track.held.splice(0)) {
      this.#heldBytes -= next.frame.payload.byteLength;
      if (!isSent(track, next)) this.#send(key, track, next, nowMs);
    }
  }

  #isDue(key: number, track: TrackState<Path>, next: Held<Path>, nowMs: number): boolean {
    if (track.end === undefined || track.intervalMs === 0) return true;
    if (track.held.length > HELD_FRAMES_MAX || this.#heldBytes > HELD_BYTES_MAX) return true;
    const isUneven = nowMs - track.unevenMs < UNEVEN_MS;
    const gapMs = (next.stamp - track.end) | 0;
    const isGap = gapMs > GAP_FRAMES * track.intervalMs + 1 && gapMs <= GAP_MS_MAX;
    const waits = isGap && this.#mayBeFilled(key, next, isUneven, nowMs);
    track.waits = waits && !isUneven;
    return !waits && !this.#isAhead(key, next.stamp);
  }

  /** Whether another path may still give what lies before a frame. */
  #mayBeFilled(key: number, next: Held<Path>, isUneven: boolean, nowMs: number): boolean {
    const waitedMs = nowMs - next.arrivedMs;
    for (const [path, state] of this.#paths) {
      if (path === next.path) continue;
      const at = state.last.get(key);
      const hasPassed = at !== undefined && ((at - next.stamp) | 0) >= -ROUNDING_MS;
      if (!hasPassed && waitedMs < gapWaitMs(state, isUneven, nowMs)) return true;
    }
    return false;
  }

  /** Whether another track waits for what is to be seen and heard with this: without it, it would be filled with silence. */
  #isAhead(key: number, stamp: number): boolean {
    for (const [other, { waits, end }] of this.#tracks)
      if (other !== key && waits && end !== undefined && ((stamp - end) | 0) > AHEAD_OF_GAP_MS) return true;
    return false;
  }

  #send(key: number, track: TrackState<Path>, held: Held<Path>, nowMs: number): void {
    const { path, frame, hash, stamp, arrivedMs } = held;
    if (track.end !== undefined) {
      const step = (stamp - track.end) | 0;
      if (this.#paths.size > 1 && step > GAP_FRAMES * track.intervalMs + 1) track.unevenMs = nowMs;
      if (step > 0 && step <= STEP_MS_MAX)
        track.intervalMs += track.intervalMs === 0 ? step : (step - track.intervalMs) / 8;
    }
    track.waits = false;
    track.end = stamp;
    track.endHash = hash;
    track.sent.delete(stamp);
    if (hash === 0) track.sent.clear();
    else track.sent.set(stamp, { hash, atMs: arrivedMs });
    if (track.sent.size > SENT_FRAMES_MAX) {
      for (const oldest of track.sent.keys()) {
        track.sent.delete(oldest);
        break;
      }
    }
    const state = this.#paths.get(path);
    if (state !== undefined) {
      state.current.add(key);
      if (track.held.length === 0 && path.leads(frame)) [state.lagMs, state.owes] = [0, false];
    }
    for (const [other, state] of this.#paths) {
      if (other === path) continue;
      state.current.delete(key);
      if (path.leads(frame)) state.owes = true;
    }
    this.#emit(stamp === frame.dts ? frame : { ...frame, dts: stamp }, nowMs, path);
    if (path.leads(frame)) this.#ledEnd = stamp;
    if (hash === 0 || !path.leads(frame)) return;
    this.#history.add(hash, stamp);
    for (const [other, match] of this.#matches) {
      const offset = match.other(hash, stamp, frame.keyframe);
      if (offset !== undefined) this.#join(other, offset, nowMs);
    }
  }

  #track(key: number): TrackState<Path> {
    let track = this.#tracks.get(key);
    if (track === undefined) {
      const unevenMs = Number.NEGATIVE_INFINITY;
      track = { end: undefined, endHash: 0, intervalMs: 0, waits: false, unevenMs, held: [], sent: new Map() };
      this.#tracks.set(key, track);
    }
    return track;
  }
}

/** Whether the end of what was sent is at a frame, or after it. */
function isSent<Path>({ end, endHash }: TrackState<Path>, { stamp, hash }: Held<Path>): boolean {
  if (end === undefined) return false;
  const ahead = (stamp - end) | 0;
  return ahead <= 0 || (ahead <= ROUNDING_MS && hash === endHash);
}

function keyOf({ track }: RawFrame): number {
  return track.number * 2 + Number(track.kind === "video");
}
