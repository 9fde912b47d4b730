/**
 * One track of a broadcast and its rungs: workers that make the same, a lane for each rung that was ever on air.
 *
 *   worker   opening ─ready─▶ encoding ─lost, stuck─▶ gone ─back-off─▶ opening
 *   rung     made ◀─RungChoice─▶ not made                                            its segments are gaps
 */
import type { Fault } from "#faults/fault.ts";
import type { LinkRecord } from "#link/record.ts";
import type { Frame } from "#media/frame.ts";
import { sameBytes } from "#media/codecs/nal.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { EncodingCapacity } from "./capacity.ts";
import { LadderLog } from "./ladder-log.ts";
import type { LadderPlan } from "./ladder-plan.ts";
import type { LadderHealth } from "./relay-health.ts";
import { type RungChange, RungChoice } from "./rung-choice.ts";
import { RungLane } from "./rung-lane.ts";
import { hasRung } from "./rung-mask.ts";
import { type RungFrame, TranscodeProcess } from "./transcode-process.ts";

/** Waits before a lost worker is replaced, milliseconds; the last one is repeated. */
const REPLACE_AFTER_MS = [0, 500, 1000, 2000, 5000, 10_000] as const;
/** How long the end of a broadcast waits for its last frames, milliseconds. */
const FINISH_MS_MAX = 2000;

/** Segments of the source that are kept for a new worker, so that it goes on where a lost one stopped: the newest and the one before. */
const KEPT_SEGMENTS = 2;
/** How long after a worker that is unlike the others another one is tried, milliseconds. */
const UNLIKE_RETRY_MS = 60_000;
/** When a seat's worker is replaced that is there, or not wanted. */
const NEVER: number = Number.POSITIVE_INFINITY;

/** What a {@link TrackLadder} is told. */
export interface TrackLadderOptions {
  readonly stream: string;
  /** The source's track. */
  readonly source: Track;
  readonly plan: LadderPlan;
  /** Id of the first rung's track; the others follow. */
  readonly firstId: number;
  /** Workers that encode the same at the same time. */
  readonly redundancy: number;
  readonly capacity: EncodingCapacity;
  /** Codec parameters of rungs seen before, by plan: a broadcast like an earlier one need not wait for its worker. */
  readonly knownConfigs: Map<string, readonly TrackConfig[]>;
  readonly clock: Clock;
  readonly observer: Observer;
  publish(record: LinkRecord): void;
  /** Whether the segment begins with a discontinuity. */
  isDiscontinuous(segment: number): boolean;
  /** There are more rungs on air than before, or other ones. */
  grown(): void;
}

/** A place for a worker: whoever works there is replaced when it is gone. */
interface Seat {
  worker: TranscodeProcess | undefined;
  /** Of the newest worker here; no other one ever had it. */
  number: number;
  /** Whether its worker has told what it makes, and whether it has made a whole segment. */
  isReady: boolean;
  isProven: boolean;
  /** What its worker makes of segments before this one is of no use. */
  firstSegment: number;
  /** Workers lost one after the other, of which none made a whole segment: something in the source may kill them. */
  losses: number;
  replaceAtMs: number;
  /** Megapixels of rungs that it made since it last told what they cost. */
  megapixels: number;
}

/** A segment of the source, as far as it came. */
interface KeptSegment {
  readonly number: number;
  readonly frames: Frame[];
  /** How many frames it has, when that is known. */
  frameCount: number | undefined;
}

/** Makes a track's rungs. */
export class TrackLadder {
  readonly #options: TrackLadderOptions;
  readonly #choice: RungChoice;
  readonly #log: LadderLog;
  /** By place in the plan; absent while the rung was never on air. */
  readonly #lanes: (RungLane | undefined)[];
  readonly #seats: readonly Seat[];
  readonly #ready = Promise.withResolvers<void>();
  #source: TrackConfig;
  #configs: readonly TrackConfig[] | undefined;
  /** Workers begun so far: the number of the next. */
  #begun = 0;
  #lost = 0;
  readonly #kept: KeptSegment[] = [];
  /** Reports of the workers at the last cut. */
  #reports = -1;
  /** Whether the source has had a frame. */
  #hasBegun = false;
  /** Number of the newest segment of the source; -1 before the first. */
  #segment = -1;

  constructor(options: TrackLadderOptions) {
    const { plan, source, capacity, clock, redundancy } = options;
    this.#options = options;
    this.#log = new LadderLog(options.observer, options.stream);
    this.#source = source.config;
    this.#lanes = plan.rungs.map(() => undefined);
    const loads = plan.rungs.map(({ name, megapixelsPerSecond }) => ({ name, load: megapixelsPerSecond * redundancy }));
    this.#choice = new RungChoice(loads, capacity, clock.nowMs());
    this.#seats = Array.from({ length: redundancy }, () => ({
      worker: undefined,
      number: -1,
      isReady: false,
      isProven: false,
      firstSegment: 0,
      losses: 0,
      replaceAtMs: NEVER,
      megapixels: 0,
    }));
    this.#log.refused(this.#choice.refused, capacity);
    this.#openAll();
    const known = options.knownConfigs.get(plan.key);
    if (known !== undefined) this.#adopt(known);
  }

  /** The rungs as tracks, best first; none before {@link ready}. */
  get tracks(): readonly Track[] {
    return this.#lanes.flatMap((lane) => lane?.track ?? []);
  }

  /** Resolves when the rungs' codec parameters are known, or no worker is there to tell them. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** How it is doing. */
  get health(): LadderHealth {
    return {
      lanes: this.#lanes.flatMap((lane) => lane ?? []),
      behindMicros: this.#behindMicros,
      lost: this.#lost,
      workers: this.#workers.length,
      refused: this.#choice.refused,
      givenUp: this.#choice.givenUp,
      isGone: this.#choice.mask !== 0 && this.#workers.length === 0,
    };
  }

  /** The source's segment `number` begins. */
  cut(number: number): void {
    const nowMs = this.#options.clock.nowMs();
    for (const seat of this.#seats) if (seat.worker === undefined && nowMs >= seat.replaceAtMs) this.#open(seat);
    // Workers that make nothing at all hang, and are replaced: that says nothing of the machine's speed.
    const reports = this.#workers.reduce((sum, worker) => sum + worker.reports, 0);
    if (reports !== this.#reports || this.#workers.length === 0)
      this.#apply(this.#choice.look(nowMs, this.#behindMicros));
    this.#reports = reports;
    this.#segment = number;
  }

  /** A frame of the source. */
  frame(frame: Frame): void {
    this.#hasBegun = true;
    this.#keep(frame);
    for (const { worker } of this.#seats) worker?.frame(frame);
  }

  /** The source's share of a segment is whole. Where no worker is, the rungs' shares are holes, and that is said at once. */
  seal(segment: number, frameCount: number): void {
    const kept = this.#kept.find(({ number }) => number === segment);
    if (kept !== undefined) kept.frameCount = frameCount;
    for (const { worker } of this.#seats) worker?.seal(segment, frameCount);
    if (this.#workers.length > 0) return;
    for (const lane of this.#lanes) lane?.merge.missing(segment, lane.countOf(frameCount));
  }

  /** Changed parameters of the source; the rungs stay as they are. */
  configure(source: TrackConfig): void {
    this.#source = source;
    // A new worker is told these parameters: it could not decode what came before them.
    this.#kept.length = 0;
    for (const { worker } of this.#seats) worker?.source(source);
  }

  /** A second is over; it lasted `seconds`. */
  meter(seconds: number): void {
    for (const lane of this.#lanes) lane?.meter.close(seconds);
  }

  /** The last frames come back, or are given up: the end of a broadcast waits for no worker that hangs. */
  async finish(): Promise<void> {
    const finished = Promise.all(this.#workers.map((worker) => worker.finish()));
    await Promise.race([finished, this.#options.clock.sleep(FINISH_MS_MAX)]);
    await this.close();
  }

  /** Lets the workers go; resolves when their processes are gone. */
  async close(): Promise<void> {
    this.#choice.close();
    for (const seat of this.#seats) seat.replaceAtMs = NEVER;
    await Promise.all(this.#seats.map((seat) => this.#vacate(seat)));
  }

  get #workers(): readonly TranscodeProcess[] {
    return this.#seats.flatMap(({ worker }) => worker ?? []);
  }

  /** How far the fastest worker is behind, microseconds: viewers have what it makes. */
  get #behindMicros(): number {
    const behind = this.#workers.map(({ behindMicros }) => behindMicros);
    return behind.length === 0 ? 0 : Math.min(...behind);
  }

  #keep(frame: Frame): void {
    let current = this.#kept.at(-1);
    if (current?.number !== frame.segment) {
      current = { number: frame.segment, frames: [], frameCount: undefined };
      this.#kept.push(current);
      if (this.#kept.length > KEPT_SEGMENTS) this.#kept.shift();
    }
    current.frames.push(frame);
  }

  #openAll(): void {
    for (const seat of this.#seats) this.#open(seat);
  }

  /** Starts a worker. It begins with the oldest kept segment that a rung still lacks frames of, or else with the next one. */
  #open(seat: Seat): void {
    const { clock, plan } = this.#options;
    seat.replaceAtMs = NEVER;
    if (this.#choice.mask === 0) {
      this.#ready.resolve();
      return;
    }
    seat.isProven = false;
    seat.isReady = false;
    seat.firstSegment = 0;
    seat.megapixels = 0;
    const number = this.#begun++;
    const isHere = (): boolean => seat.worker === worker;
    const worker: TranscodeProcess = new TranscodeProcess(
      plan.job(this.#source, !this.#hasBegun),
      {
        ready: (configs) => {
          if (isHere()) this.#takeReady(seat, configs);
        },
        frame: (frame) => {
          if (isHere()) this.#take(seat, frame);
        },
        sealed: (rung, segment, frameCount) => {
          if (!isHere() || segment < seat.firstSegment) return;
          seat.isProven = true;
          this.#lanes[rung]?.merge.sealed(number, segment, frameCount);
        },
        spent: (cpuMicros) => {
          if (!isHere()) return;
          this.#options.capacity.spent(cpuMicros, seat.megapixels);
          seat.megapixels = 0;
        },
        fellBack: (fallback) => {
          if (isHere()) this.#log.fellBack(fallback);
        },
        failed: (fault) => {
          if (isHere()) this.#lose(seat, fault);
        },
      },
      clock,
    );
    worker.setRungs(this.#choice.mask);
    seat.worker = worker;
    seat.number = number;
    this.#choice.settle(clock.nowMs());
    const from = this.#lackedSegment();
    for (const lane of this.#lanes) lane?.merge.join(number, from);
    for (const kept of this.#kept) {
      if (kept.number < from - plan.segmentsBefore) continue;
      for (const frame of kept.frames) worker.frame(frame);
      if (kept.frameCount !== undefined) worker.seal(kept.number, kept.frameCount);
    }
  }

  /** The oldest segment that is kept and not yet whole in every rung that is made; where there is none, the next one. */
  #lackedSegment(): number {
    const wanted = this.#lanes.flatMap((lane) => lane?.merge.wantedSegment ?? []);
    const oldest = Math.min(this.#segment + 1, ...wanted);
    return this.#kept.find(({ number }) => number >= oldest)?.number ?? this.#segment + 1;
  }

  /** A worker's rungs should be what those of others are. One whose encoders are others cannot go on where they stop. */
  #takeReady(seat: Seat, configs: readonly TrackConfig[]): void {
    const { plan, knownConfigs, clock } = this.#options;
    const known = this.#configs;
    seat.isReady = true;
    knownConfigs.set(plan.key, configs);
    if (known === undefined || configs.every((config, i) => isAlike(config, known[i]))) {
      this.#adopt(configs);
    } else if (this.#seats.some((other) => other !== seat && other.isReady && other.worker !== undefined)) {
      this.#log.unlike("the other one goes on alone");
      seat.replaceAtMs = clock.nowMs() + UNLIKE_RETRY_MS;
      void this.#vacate(seat);
    } else {
      this.#log.unlike("its rungs change with the next segment");
      this.#change(seat, configs);
    }
  }

  /** From the next segment on, the rungs are what this worker makes. */
  #change(seat: Seat, configs: readonly TrackConfig[]): void {
    this.#configs = configs;
    seat.firstSegment = this.#segment + 1;
    for (const [i, lane] of this.#lanes.entries()) {
      const config = configs[i];
      if (config !== undefined) lane?.configure(config);
      lane?.merge.leave(seat.number);
      lane?.merge.join(seat.number, seat.firstSegment);
    }
    this.#adopt(configs);
    this.#options.grown();
  }

  #take(seat: Seat, frame: RungFrame): void {
    seat.megapixels += this.#options.plan.rungs[frame.rung]?.megapixels ?? 0;
    if (frame.segment < seat.firstSegment) return;
    this.#lanes[frame.rung]?.merge.frame(seat.number, frame);
  }

  /** The rungs that are made become tracks, where they are not already. */
  #adopt(configs: readonly TrackConfig[]): void {
    this.#configs ??= configs;
    const { plan, firstId, source, publish, isDiscontinuous, grown } = this.#options;
    const { mask } = this.#choice;
    let isMore = false;
    for (const [i, rung] of plan.rungs.entries()) {
      const config = this.#configs[i];
      if (config === undefined || this.#lanes[i] !== undefined || !hasRung(mask, i)) continue;
      const { isLocked } = plan;
      const madeFrom = source.id;
      const lane = new RungLane({ rung, id: firstId + i, madeFrom, config, isLocked, publish, isDiscontinuous });
      // What was there before a rung came to the others is not waited for.
      const from = this.#hasBegun ? this.#segment + 1 : 0;
      for (const { worker, number } of this.#seats) if (worker !== undefined) lane.merge.join(number, from);
      this.#lanes[i] = lane;
      isMore = true;
    }
    this.#ready.resolve();
    if (isMore) grown();
  }

  /** Lets a seat's worker go; resolves when its process is gone. */
  async #vacate(seat: Seat): Promise<void> {
    const { worker, number } = seat;
    seat.worker = undefined;
    await this.#dismiss(worker, number);
  }

  async #dismiss(worker: TranscodeProcess | undefined, number: number): Promise<void> {
    if (worker === undefined) return;
    for (const lane of this.#lanes) lane?.merge.leave(number);
    await worker.stop();
  }

  #lose(seat: Seat, fault: Fault): void {
    const nowMs = this.#options.clock.nowMs();
    const { worker, number } = seat;
    seat.worker = undefined;
    this.#lost++;
    seat.losses = seat.isProven ? 1 : seat.losses + 1;
    const waitMs = REPLACE_AFTER_MS[Math.min(seat.losses, REPLACE_AFTER_MS.length) - 1] ?? 0;
    this.#ready.resolve();
    this.#log.lost(fault, this.#workers.length, waitMs);
    seat.replaceAtMs = nowMs + waitMs;
    // The new one comes before the old one leaves: what the old one owed is then not lost but awaited.
    if (waitMs === 0) this.#open(seat);
    void this.#dismiss(worker, number);
  }

  #apply(change: RungChange): void {
    if (change.kind === "none") return;
    this.#log.changed(change, this.#behindMicros);
    const { mask } = this.#choice;
    if (change.kind === "restart" || mask === 0) {
      for (const seat of this.#seats) void this.#vacate(seat);
      this.#openAll();
    } else {
      for (const { worker } of this.#seats) worker?.setRungs(mask);
      for (const seat of this.#seats) if (seat.worker === undefined && seat.replaceAtMs === NEVER) this.#open(seat);
    }
    if (this.#configs !== undefined) this.#adopt(this.#configs);
  }
}

function isAlike(a: TrackConfig, b: TrackConfig | undefined): boolean {
  return b !== undefined && a.codecs === b.codecs && sameBytes(a.record, b.record);
}
