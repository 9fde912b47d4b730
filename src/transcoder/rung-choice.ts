/**
 * Which rungs of a broadcast are made: all, unless this machine has no room for them or turns out to be too slow.
 *
 *   made ─behind by a second─▶ given up (the best one; the queue is short, so the workers go on)
 *     ▲ └─behind by two───────▶ given up (as many as the speed asks for; the queue is thrown away with the workers)
 *     └──after a pause that doubles each time, if there is room──┘
 *
 *   refused ─room─▶ made           a rung that never fitted comes as soon as it does
 */
import type { EncodingCapacity } from "./capacity.ts";

/** How far the workers may be behind at two cuts in a row before a rung is given up, microseconds: other work on the machine may take a moment. */
const BEHIND_MICROS_MAX = 1_000_000;
/** How far before their queue is thrown away. */
const QUEUE_MICROS_MAX = 2_000_000;
/** Looks in a row at which they must be behind. */
const LOOKS = 2;
/** Behind by less they are well, microseconds. */
const WELL_MICROS = 500_000;
/** After any change the workers may be behind for so long, milliseconds: a first segment comes all at once. */
const SETTLING_MS = 5000;
/** Pause before a rung that was given up is tried again, milliseconds; it doubles with each time. */
const PAUSE_MS = { min: 30_000, max: 600_000 } as const;
/** Without trouble for so long, the pause is short again, milliseconds. */
const PEACE_MS = 300_000;
/** Share of the measured speed that is planned with after an overload. */
const SPEED_SHARE = 0.9;
/** How far back the speed is measured, milliseconds. */
const SPEED_SPAN_MS = 4000;

/** A rung to choose, best first. */
export interface ChoosableRung {
  readonly name: string;
  /** Megapixels per second of all workers that make it. */
  readonly load: number;
}

/** What is to be done after a look. `switch`: the workers make other rungs from the next segment on. `restart`: workers and their queue go. */
export type RungChange =
  | { readonly kind: "none" }
  | { readonly kind: "switch" | "restart"; readonly givenUp: readonly string[] }
  | { readonly kind: "more"; readonly back: string };

const NONE: RungChange = { kind: "none" };

interface Sample {
  readonly atMs: number;
  readonly behindMicros: number;
}

/** Chooses the rungs of one broadcast, which are given best first. */
export class RungChoice {
  readonly #rungs: readonly ChoosableRung[];
  readonly #capacity: EncodingCapacity;
  readonly #made: boolean[];
  readonly #givenUp = new Set<string>();
  #samples: Sample[] = [];
  #looksBehind = 0;
  #settledAtMs: number;
  #troubleMs = Number.NEGATIVE_INFINITY;
  #pauseMs: number = PAUSE_MS.min;
  #retryAtMs = 0;

  /** Takes room for the rungs, the smallest first: they reach most viewers. */
  constructor(rungs: readonly ChoosableRung[], capacity: EncodingCapacity, nowMs: number) {
    this.#rungs = rungs;
    this.#capacity = capacity;
    this.#made = rungs.map(() => false);
    this.#settledAtMs = nowMs + SETTLING_MS;
    for (let i = rungs.length - 1; i >= 0 && capacity.reserve(rungs[i]?.load ?? 0); i--) this.#made[i] = true;
  }

  /** Bits of the rungs that are made, counted from the lowest. */
  get mask(): number {
    return this.#made.reduce((mask, isMade, i) => (isMade ? mask | (1 << i) : mask), 0) >>> 0;
  }

  /** Names of rungs for which there was no room. */
  get refused(): readonly string[] {
    return this.#namesWhere((name, isMade) => !isMade && !this.#givenUp.has(name));
  }

  /** Names of rungs that turned out to be too much. */
  get givenUp(): readonly string[] {
    return this.#namesWhere((name, isMade) => !isMade && this.#givenUp.has(name));
  }

  /** Looks at how far the slowest of what is made is behind; at every cut. */
  look(nowMs: number, behindMicros: number): RungChange {
    this.#samples.push({ atMs: nowMs, behindMicros });
    while (this.#samples.length > 2 && nowMs - (this.#samples[1]?.atMs ?? nowMs) >= SPEED_SPAN_MS)
      this.#samples.shift();
    if (nowMs < this.#settledAtMs || this.mask === 0) return this.#more(nowMs, behindMicros);
    this.#looksBehind = behindMicros > BEHIND_MICROS_MAX ? this.#looksBehind + 1 : 0;
    if (this.#looksBehind < LOOKS) return this.#more(nowMs, behindMicros);
    const isHopeless = behindMicros > QUEUE_MICROS_MAX;
    return { kind: isHopeless ? "restart" : "switch", givenUp: this.#giveUp(nowMs, isHopeless) };
  }

  /** A worker begins: it may be behind for a while. */
  settle(nowMs: number): void {
    this.#settledAtMs = nowMs + SETTLING_MS;
    this.#looksBehind = 0;
    this.#samples = [];
  }

  /** Gives back the room. */
  close(): void {
    for (const [i, { load }] of this.#rungs.entries()) if (this.#made[i] === true) this.#capacity.release(load);
    this.#made.fill(false);
  }

  #namesWhere(isWanted: (name: string, isMade: boolean) => boolean): readonly string[] {
    return this.#rungs.filter(({ name }, i) => isWanted(name, this.#made[i] === true)).map(({ name }) => name);
  }

  /** Share of real time at which the workers went of late. */
  #speed(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 1;
    const lostMs = (last.behindMicros - first.behindMicros) / 1000;
    return Math.min(1, Math.max(0, 1 - lostMs / (last.atMs - first.atMs)));
  }

  #giveUp(nowMs: number, isHopeless: boolean): readonly string[] {
    const load = this.#rungs.reduce((sum, rung, i) => sum + (this.#made[i] === true ? rung.load : 0), 0);
    const loadMax = isHopeless ? load * this.#speed() * SPEED_SHARE : load;
    const gone: string[] = [];
    let left = load;
    for (const [i, rung] of this.#rungs.entries()) {
      if (this.#made[i] !== true || (gone.length > 0 && left <= loadMax)) continue;
      this.#made[i] = false;
      this.#capacity.release(rung.load);
      this.#givenUp.add(rung.name);
      left -= rung.load;
      gone.push(rung.name);
    }
    if (nowMs - this.#troubleMs > PEACE_MS) this.#pauseMs = PAUSE_MS.min;
    this.#retryAtMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(PAUSE_MS.max, this.#pauseMs * 2);
    this.#troubleMs = nowMs;
    this.settle(nowMs);
    return gone;
  }

  /** The smallest rung that is not made, if there is room and the machine is well. */
  #more(nowMs: number, behindMicros: number): RungChange {
    const next = this.#made.lastIndexOf(false);
    const rung = this.#rungs[next];
    if (rung === undefined || nowMs < this.#settledAtMs || behindMicros > WELL_MICROS) return NONE;
    if (this.#givenUp.has(rung.name) && nowMs < this.#retryAtMs) return NONE;
    if (!this.#capacity.reserve(rung.load)) return NONE;
    this.#made[next] = true;
    this.settle(nowMs);
    return { kind: "more", back: rung.name };
  }
}
