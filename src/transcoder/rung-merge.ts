/**
 * One rung out of several workers that encode the same source. Identical encodes give a frame's name one content, so whoever delivers a name first
 * wins, and the others fill in wherever one stops. In locked coding one worker is followed until it is gone, late, or a segment begins.
 *
 *   wanted      (segment, index) that comes next
 *   delivered   by any worker ─▶ told at once, the next index is wanted; a worker's own copy that comes later is dropped
 *   ahead       what a worker that joined later has, waits while another is still on its way to what is wanted
 *   hole        nobody is on the way any more: told as lost, and the nearest segment that somebody has is wanted
 */
import type { RungFrame } from "./transcode-process.ts";

/** Frames of a worker that joined later and waits for the others, at most: what they still owe is then given up. Two segments at 60 a second. */
const AHEAD_MAX = 300;

/** Frames by which the worker that is followed may be behind another one before that one is followed, where they are not the same. */
const LATE_FRAMES_MAX = 8;

/** Where a merged rung goes. */
export interface MergeSink {
  frame(frame: RungFrame): void;
  /** The rung's share of the segment is complete, or will never be: then fewer than `frameCount` frames of it were told. */
  sealed(segment: number, frameCount: number): void;
  /** From this position on the rest of the segment is lost. */
  lost(segment: number, index: number): void;
}

interface Place {
  readonly segment: number;
  readonly index: number;
}

/** A frame, or with `frame` absent the end of a segment of `index` frames. */
interface Item extends Place {
  readonly frame: RungFrame | undefined;
}

interface Worker {
  readonly items: Item[];
  /** What it delivered last; before that, the place before its first frame. */
  last: Place;
}

function isBefore(a: Place, b: Place): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.index < b.index);
}

/** Merges one rung. */
export class RungMerge {
  readonly #sink: MergeSink;
  readonly #workers = new Map<number, Worker>();
  #wanted: Place | undefined;
  readonly #isLocked: boolean;
  /** Who delivered what was told last. */
  #followed = -1;

  /** `isLocked`: frames of one name differ a little, and differences add up: one worker is followed through a segment while it is there. */
  constructor(sink: MergeSink, isLocked = false) {
    this.#sink = sink;
    this.#isLocked = isLocked;
  }

  /** The segment that the next frame belongs to; `undefined` before the first. */
  get wantedSegment(): number | undefined {
    return this.#wanted?.segment;
  }

  /** A worker begins, and makes every segment from `firstSegment` on. `worker` is a number that no other one ever had. */
  join(worker: number, firstSegment: number): void {
    this.#workers.set(worker, { items: [], last: { segment: firstSegment, index: -1 } });
  }

  /** A worker's frame. */
  frame(worker: number, frame: RungFrame): void {
    this.#take(worker, { segment: frame.segment, index: frame.index, frame });
  }

  /** A worker has told all frames of its share of a segment. */
  sealed(worker: number, segment: number, frameCount: number): void {
    this.#take(worker, { segment, index: frameCount, frame: undefined });
  }

  /** A worker is gone; what it had delivered ahead of the others goes with it. */
  leave(worker: number): void {
    this.#workers.delete(worker);
    this.#pump();
    const wanted = this.#wanted;
    if (wanted === undefined || wanted.index === 0 || this.#isOnItsWay(wanted)) return;
    this.#sink.lost(wanted.segment, wanted.index);
    this.#wanted = { segment: wanted.segment + 1, index: 0 };
  }

  /** The source's segment is whole and no worker is there to make the rung's, which would have `frameCount` frames. */
  missing(segment: number, frameCount: number): void {
    const wanted = this.#wanted;
    if (wanted !== undefined && wanted.segment > segment + 1) return;
    // Frames are missing only of a rung that had some: one that never began has nothing to wait for.
    this.#sink.sealed(segment, wanted === undefined ? 0 : frameCount);
    if (wanted !== undefined && wanted.segment <= segment) this.#wanted = { segment: segment + 1, index: 0 };
  }

  #take(number: number, item: Item): void {
    const worker = this.#workers.get(number);
    if (worker === undefined) return;
    worker.last = item;
    worker.items.push(item);
    this.#wanted ??= { segment: item.segment, index: 0 };
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      const wanted = this.#wanted;
      if (wanted === undefined) return;
      const item = this.#find(wanted);
      if (item !== undefined) this.#tell(item);
      else if (!this.#leap(wanted)) return;
    }
  }

  /** The wanted item, if any worker has it; forgets what is older. */
  #find(wanted: Place): Item | undefined {
    for (const [number, { items }] of this.#workers) {
      let old = 0;
      while (items[old] !== undefined && isBefore(items[old] as Item, wanted)) old++;
      if (old > 0) items.splice(0, old);
      const [first] = items;
      if (first === undefined || first.segment !== wanted.segment || first.index !== wanted.index) continue;
      if (this.#isLocked && items.length <= LATE_FRAMES_MAX && this.#isFollowing(wanted, number)) continue;
      this.#followed = number;
      return items.shift();
    }
    return undefined;
  }

  /** Whether another worker than `number` is followed through the segment and will deliver what is wanted. */
  #isFollowing(wanted: Place, number: number): boolean {
    const followed = this.#workers.get(this.#followed);
    return number !== this.#followed && wanted.index > 0 && followed !== undefined && isBefore(followed.last, wanted);
  }

  #tell({ segment, index, frame }: Item): void {
    if (frame === undefined) {
      this.#sink.sealed(segment, index);
      this.#wanted = { segment: segment + 1, index: 0 };
    } else {
      this.#sink.frame(frame);
      this.#wanted = { segment, index: index + 1 };
    }
  }

  /** Wants the nearest segment that somebody has, when nobody brings what is wanted; answers whether it did. */
  #leap(wanted: Place): boolean {
    let nearest: Item | undefined;
    let isFull = false;
    for (const { items } of this.#workers.values()) {
      const [first] = items;
      if (first === undefined) continue;
      isFull ||= items.length > AHEAD_MAX;
      if (nearest === undefined || isBefore(first, nearest)) nearest = first;
    }
    if (nearest === undefined || (!isFull && this.#isOnItsWay(wanted))) return false;
    if (wanted.index > 0) this.#sink.lost(wanted.segment, wanted.index);
    this.#wanted = { segment: nearest.segment, index: nearest.index };
    return true;
  }

  /** Whether a worker has delivered everything it has and is not yet where the wanted frame is. */
  #isOnItsWay(wanted: Place): boolean {
    for (const { items, last } of this.#workers.values()) if (items.length === 0 && isBefore(last, wanted)) return true;
    return false;
  }
}
