/**
 * One track of a broadcast and its rungs: workers that make the same, a lane for each rung that was ever on air.
 *
 *   worker   opening ─ready─▶ encoding ─lost, stuck─▶ gone ─back-off─▶ opening
 *   rung     made ◀─RungChoice─▶ not made                                            its segments are gaps
 */
import type { EncoderFallback } from "#codecs/encoding.ts";
import type { Fault } from "#faults/fault.ts";
import type { LinkRecord } from "#link/record.ts";
import type { Frame } from "#media/frame.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { EncodingCapacity } from "./capacity.ts";
import type { LadderPlan } from "./ladder-plan.ts";
import type { LadderHealth } from "./relay-health.ts";
import { type RungChange, RungChoice } from "./rung-choice.ts";
import { RungLane } from "./rung-lane.ts";
import { type RungFrame, TranscodeProcess } from "./transcode-process.ts";

/** Waits before a lost worker is replaced, milliseconds; the last one is repeated. */
const REPLACE_AFTER_MS = [0, 500, 1000, 2000, 5000, 10_000] as const;
/** How long the end of a broadcast waits for its last frames, milliseconds. */
const FINISH_MS_MAX = 2000;

/** Segments of the source that are kept for a new worker, so that it goes on where a lost one stopped: the newest and the one before. */
const KEPT_SEGMENTS = 2;
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
  /** There are more rungs on air than before. */
  grown(): void;
}

/** A place for a worker: whoever works there is replaced when it is gone. */
interface Seat {
  worker: TranscodeProcess | undefined;
  /** Of the newest worker here; no other one ever had it. */
  number: number;
  /** Whether its worker has made a whole segment. */
  isProven: boolean;
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
  /** Names of encoders that were wanted in vain. */
  readonly #toldFallbacks = new Set<string>();
  /** Reports of the workers at the last cut. */
  #reports = -1;
  /** Whether the source has had a frame. */
  #hasBegun = false;
  /** Number of the newest segment of the source; -1 before the first. */
  #segment = -1;

  constructor(options: TrackLadderOptions) {
    const { plan, source, capacity, clock, redundancy } = options;
    this.#options = options;
    this.#source = source.config;
    this.#lanes = plan.rungs.map(() => undefined);
    const loads = plan.rungs.map(({ name, megapixelsPerSecond }) => ({ name, load: megapixelsPerSecond * redundancy }));
    this.#choice = new RungChoice(loads, capacity, clock.nowMs());
    this.#seats = Array.from({ length: redundancy }, () => ({
      worker: undefined,
      number: -1,
      isProven: false,
      losses: 0,
      replaceAtMs: NEVER,
      megapixels: 0,
    }));
    this.#tellRefused();
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
    const { clock, plan, knownConfigs } = this.#options;
    seat.replaceAtMs = NEVER;
    if (this.#choice.mask === 0) {
      this.#ready.resolve();
      return;
    }
    seat.isProven = false;
    seat.megapixels = 0;
    const number = this.#begun++;
    const isHere = (): boolean => seat.worker === worker;
    const worker: TranscodeProcess = new TranscodeProcess(
      plan.job(this.#source, !this.#hasBegun),
      {
        ready: (configs) => {
          if (!isHere()) return;
          knownConfigs.set(plan.key, configs);
          this.#adopt(configs);
        },
        frame: (frame) => {
          if (isHere()) this.#take(seat, frame);
        },
        sealed: (rung, segment, frameCount) => {
          if (!isHere()) return;
          seat.isProven = true;
          this.#lanes[rung]?.merge.sealed(number, segment, frameCount);
        },
        spent: (cpuMicros) => {
          if (!isHere()) return;
          this.#options.capacity.spent(cpuMicros, seat.megapixels);
          seat.megapixels = 0;
        },
        fellBack: (fallback) => {
          if (isHere()) this.#tellFallback(fallback);
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

  #take(seat: Seat, frame: RungFrame): void {
    seat.megapixels += this.#options.plan.rungs[frame.rung]?.megapixels ?? 0;
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
      if (config === undefined || this.#lanes[i] !== undefined || ((mask >>> i) & 1) === 0) continue;
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
    const { clock, observer, stream } = this.#options;
    const nowMs = clock.nowMs();
    const { worker, number } = seat;
    seat.worker = undefined;
    this.#lost++;
    seat.losses = seat.isProven ? 1 : seat.losses + 1;
    const waitMs = REPLACE_AFTER_MS[Math.min(seat.losses, REPLACE_AFTER_MS.length) - 1] ?? 0;
    this.#ready.resolve();
    const others = this.#workers.length;
    observer.event(
      "error",
      "transcoder.worker.lost",
      { stream, code: fault.code, error: fault.message, waitMs, workersLeft: others },
      `a transcoder of ${stream} is gone; ${others > 0 ? "another one goes on" : "the source goes on, its rungs come back with a new one"}`,
    );
    seat.replaceAtMs = nowMs + waitMs;
    // The new one comes before the old one leaves: what the old one owed is then not lost but awaited.
    if (waitMs === 0) this.#open(seat);
    void this.#dismiss(worker, number);
  }

  #apply(change: RungChange): void {
    if (change.kind === "none") return;
    const { observer, stream } = this.#options;
    if (change.kind === "more") {
      observer.event(
        "info",
        "transcoder.rung.back",
        { stream, rung: change.back },
        `${change.back} of ${stream} is made again`,
      );
    } else {
      const behindMs = Math.round(this.#behindMicros / 1000);
      const rungs = change.givenUp.join(" and ");
      const message = `this machine cannot encode all rungs of ${stream} in time: ${rungs} is given up for a while`;
      observer.event("warn", "transcoder.overloaded", { stream, rungs, behindMs }, message);
    }
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

  /** Once for each encoder: other workers have the same machine. */
  #tellFallback({ wanted, used, reason, hint }: EncoderFallback): void {
    if (this.#toldFallbacks.has(wanted)) return;
    this.#toldFallbacks.add(wanted);
    const { observer, stream } = this.#options;
    const message = `${used} encodes ${stream} in place of ${wanted}, which does not open: ${reason}. ${hint}`;
    observer.event("warn", "transcoder.encoder.fallback", { stream, wanted, used, reason }, message);
  }

  #tellRefused(): void {
    const { refused } = this.#choice;
    const { observer, stream, capacity } = this.#options;
    if (refused.length === 0) return;
    const message = `this machine has no room to encode ${refused.join(" and ")} of ${stream} now; what fits is made`;
    const [free, total] = [Math.round(capacity.free), Math.round(capacity.total)];
    observer.event(
      "warn",
      "transcoder.full",
      { stream, rungs: refused.join(" and "), freeMegapixels: free, totalMegapixels: total },
      message,
    );
  }
}
