/**
 * One broadcast with its ladder: link in, link out. What comes from the gate goes through untouched; the picture is also sent to one or two
 * workers, whose rungs become further tracks. They have the source's segment numbers, and names that no other node would give differently.
 *
 *   planning ─configs known, or waited long enough─▶ on air ─end─▶ ended
 *
 *   worker   opening ─ready─▶ encoding ─lost, stuck─▶ gone ─back-off─▶ opening      segments it missed are gaps in its rungs
 *                                └──behind by more than 2 s─▶ its best rung is given up
 */
import { Fault } from "#faults/fault.ts";
import { LiveBroadcast } from "#link/live-broadcast.ts";
import type { CutRecord, HelloRecord, LinkRecord } from "#link/record.ts";
import type { LinkSource } from "#link/subscription.ts";
import { trackHealth } from "#link/track-health.ts";
import type { Ladder } from "#media/ladder.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { Rational } from "#time/ticks.ts";
import { planLadder } from "./ladder.ts";
import type { Encoding, Rung } from "./rung.ts";
import { ladderWarnings, type RelayHealth } from "./relay-health.ts";
import { RungLane } from "./rung-lane.ts";
import { TranscodeProcess } from "./transcode-process.ts";

/** Ids of rungs begin here: the gate counts its own from 0 and never comes so far. */
const RUNG_ID_MIN = 1000;
/** How long a broadcast waits for its rungs' codec parameters before it begins without them, milliseconds. */
const READY_MS_MAX = 1500;
/** How long the end of a broadcast waits for its last pictures, milliseconds. */
const FINISH_MS_MAX = 2000;
/** How far a worker may be behind before its best rung is given up, microseconds. */
const BEHIND_MICROS_MAX = 2_000_000;
/** Cuts in a row at which it must be: other work on the machine may take a moment. */
const BEHIND_CUTS = 2;
/** A worker that has just begun may be behind for so long, milliseconds: its first segment comes all at once. */
const SETTLING_MS = 5000;
/** Waits before a lost worker is replaced, milliseconds; the last one is repeated. */
const REPLACE_AFTER_MS = [0, 500, 1000, 2000, 5000, 10_000] as const;
/** A worker that lived so long was healthy: its loss is the first again, milliseconds. */
const HEALTHY_MS = 5_000;
/** Cuts remembered for rungs that come later than the source. */
const CUTS_KEPT_MAX = 64;

/** What a {@link Relay} is told. */
export interface RelayOptions {
  readonly source: LinkSource;
  readonly ladder: Ladder;
  readonly encoding: Encoding;
  /** Workers that encode the same at the same time. */
  readonly redundancy: number;
  /** Codec parameters of rungs seen before, by {@link TranscodeProcess}'s job: a broadcast like an earlier one need not wait for its worker. */
  readonly knownConfigs: Map<string, readonly TrackConfig[]>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The broadcast with its ladder begins. */
  started(live: LiveBroadcast): void;
}

/** A place for a worker: whoever works there is replaced when it is gone. */
interface Seat {
  worker: TranscodeProcess | undefined;
  /** Of the newest worker here; no other one ever had it. */
  number: number;
  sinceMs: number;
  /** Workers lost one after the other, each before it was healthy. */
  losses: number;
  replaceAtMs: number;
}

/** Follows a broadcast and adds its ladder. */
export class Relay {
  live: LiveBroadcast | undefined;
  readonly #options: RelayOptions;
  readonly #cuts = new Map<number, CutRecord>();
  /** Tracks of the source as they are now. */
  #tracks: readonly Track[] = [];
  /** The picture that is transcoded. */
  #picture: Track | undefined;
  #lanes: RungLane[] = [];
  readonly #seats: readonly Seat[];
  /** Workers begun so far: the number of the next. */
  #begun = 0;
  #lost = 0;
  /** Names of rungs that this machine was too slow for. */
  readonly #givenUp: string[] = [];
  #meteredMs = 0;
  #behindCuts = 0;
  /** Number of the newest segment of the source; -1 before the first. */
  #segment = -1;
  #ready = Promise.withResolvers<void>();

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#seats = Array.from({ length: options.redundancy }, () => ({
      worker: undefined,
      number: -1,
      sinceMs: 0,
      losses: 0,
      replaceAtMs: Number.POSITIVE_INFINITY,
    }));
  }

  /** How it is doing. */
  get health(): RelayHealth {
    return {
      stream: this.#options.source.stream,
      rungs: this.#lanes.map(({ track, meter }) => trackHealth(track, meter)),
      behindMicros: this.#behindMicros,
      lost: this.#lost,
      workers: this.#workers.length,
      warnings: ladderWarnings({
        givenUp: this.#givenUp,
        isGone: this.live !== undefined && this.#rungs.length > 0 && this.#workers.length === 0,
      }),
    };
  }

  get #workers(): readonly TranscodeProcess[] {
    return this.#seats.flatMap(({ worker }) => worker ?? []);
  }

  /** How far the fastest worker is behind, microseconds: viewers have what it makes. */
  get #behindMicros(): number {
    const behind = this.#workers.map(({ behindMicros }) => behindMicros);
    return behind.length === 0 ? 0 : Math.min(...behind);
  }

  /** Follows the source to its end. Rejects only for a bug; the signal ends it early. */
  async run(signal: AbortSignal): Promise<void> {
    const { source } = this.#options;
    const subscription = source.subscribe({ from: "window", name: "transcoder" });
    try {
      const [first, ...rest] = subscription.take();
      if (first?.type !== "hello") throw new Fault("INTERNAL", `the link of ${source.stream} begins without a hello`);
      await this.#begin(first, signal);
      for (const record of rest) await this.#take(record);
      for (;;) {
        for (const record of subscription.take()) await this.#take(record);
        if (!(await subscription.ready({ signal }))) break;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      subscription.close();
      await Promise.all(this.#seats.map((seat) => this.#vacate(seat)));
    }
  }

  async #begin(hello: HelloRecord, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#tracks = hello.tracks;
    const job = this.#plan();
    if (job !== undefined) {
      this.#openAll();
      const known = this.#options.knownConfigs.get(this.#jobKey);
      if (known !== undefined) this.#adoptConfigs(known);
      else await Promise.race([this.#ready.promise, clock.sleep(READY_MS_MAX, signal)]);
    }
    const live = new LiveBroadcast({ ...hello, tracks: this.#allTracks });
    this.live = live;
    this.#options.started(live);
  }

  #rungs: readonly Rung[] = [];
  #frameRate: Rational | undefined;

  /** Plans the ladder for the source's first picture; `undefined` where there is none, or nothing below it. */
  #plan(): readonly Rung[] | undefined {
    const picture = this.#tracks.find(({ config }) => config.kind === "video");
    if (picture?.config.kind !== "video") return undefined;
    this.#picture = picture;
    this.#frameRate = picture.config.frameRate;
    const rungs = planLadder(picture.config, this.#frameRate, this.#options.ladder);
    this.#rungs = rungs;
    return rungs.length === 0 ? undefined : rungs;
  }

  get #jobKey(): string {
    return JSON.stringify([this.#rungs, this.#frameRate, this.#options.encoding, shapeOf(this.#picture)]);
  }

  #openAll(): void {
    for (const seat of this.#seats) this.#open(seat);
  }

  /** Starts a worker for the rungs that are left. It makes every segment from the next one on. */
  #open(seat: Seat): void {
    const { clock, encoding } = this.#options;
    const config = this.#picture?.config;
    seat.replaceAtMs = Number.POSITIVE_INFINITY;
    if (config?.kind !== "video" || this.#rungs.length === 0) return;
    seat.sinceMs = clock.nowMs();
    const number = this.#begun++;
    const isHere = (): boolean => seat.worker === worker;
    const worker: TranscodeProcess = new TranscodeProcess(
      { kind: "video", source: config, frameRate: this.#frameRate, rungs: this.#rungs, encoding },
      {
        ready: (configs) => {
          if (!isHere()) return;
          this.#options.knownConfigs.set(this.#jobKey, configs);
          this.#adoptConfigs(configs);
          this.#ready.resolve();
        },
        frame: (frame) => {
          if (isHere()) this.#lanes[frame.rung]?.merge.frame(number, frame);
        },
        sealed: (rung, segment, frameCount) => {
          if (isHere()) this.#lanes[rung]?.merge.sealed(number, segment, frameCount);
        },
        spent: () => undefined,
        failed: (fault) => {
          if (isHere()) this.#lose(seat, fault);
        },
      },
      clock,
    );
    seat.worker = worker;
    seat.number = number;
    for (const { merge } of this.#lanes) merge.join(number, this.#segment + 1);
  }

  /** Lets a seat's worker go; resolves when its process is gone. */
  async #vacate(seat: Seat): Promise<void> {
    const { worker } = seat;
    if (worker === undefined) return;
    seat.worker = undefined;
    for (const { merge } of this.#lanes) merge.leave(seat.number);
    await worker.stop();
  }

  /** The rungs become tracks; does nothing when they are already. */
  #adoptConfigs(configs: readonly TrackConfig[]): void {
    if (this.#lanes.length > 0) return;
    this.#lanes = this.#rungs.flatMap((rung, i) => {
      const config = configs[i];
      if (config === undefined) return [];
      return new RungLane({
        rung,
        id: RUNG_ID_MIN + i,
        madeFrom: this.#picture?.id ?? 0,
        config,
        publish: (record) => this.live?.publish(record),
        isDiscontinuous: (segment) => this.#cuts.get(segment)?.discontinuity === true,
      });
    });
    for (const { merge } of this.#lanes) for (const { number } of this.#seats) merge.join(number, 0);
    this.live?.publish({ type: "tracks", tracks: this.#allTracks });
  }

  /** Pictures with the source first, then the rungs, best first; then what the source has beside. */
  get #allTracks(): readonly Track[] {
    const at = this.#tracks.findIndex(({ id }) => id === this.#picture?.id) + 1;
    return [...this.#tracks.slice(0, at), ...this.#lanes.map(({ track }) => track), ...this.#tracks.slice(at)];
  }

  async #take(record: LinkRecord): Promise<void> {
    const { live } = this;
    if (live === undefined) return;
    switch (record.type) {
      case "tracks":
        this.#takeTracks(record.tracks);
        return;
      case "cut":
        this.#cuts.set(record.segment, record);
        if (this.#cuts.size > CUTS_KEPT_MAX) this.#cuts.delete(this.#cuts.keys().next().value ?? 0);
        live.publish(record);
        this.#look();
        this.#segment = record.segment;
        return;
      case "frame":
        live.publish(record);
        if (record.frame.track === this.#picture?.id) for (const worker of this.#workers) worker.frame(record.frame);
        return;
      case "seal":
        live.publish(record);
        if (record.track === this.#picture?.id) this.#takeSeal(record.segment, record.frameCount);
        return;
      case "skip":
        live.publish(record);
        // The workers see that something is missing, and begin anew where the source does.
        return;
      case "end":
        await this.#finish();
        live.publish(record);
        return;
      case "head":
        live.publish(record);
        this.#meter();
        return;
      case "hello":
      case "event":
        live.publish(record);
        return;
    }
  }

  /** The last pictures come back, or are given up: the end of a broadcast waits for no worker that hangs. */
  async #finish(): Promise<void> {
    const finished = Promise.all(this.#workers.map((worker) => worker.finish()));
    await Promise.race([finished, this.#options.clock.sleep(FINISH_MS_MAX)]);
    await Promise.all(this.#seats.map((seat) => this.#vacate(seat)));
  }

  #takeTracks(tracks: readonly Track[]): void {
    this.#tracks = tracks;
    const before = this.#picture;
    const picture = before === undefined ? undefined : tracks.find(({ id }) => id === before.id);
    if (before === undefined) {
      if (this.#plan() !== undefined) this.#openAll();
    } else if (picture?.config.kind === "video" && picture.config !== before.config) {
      this.#picture = picture;
      for (const worker of this.#workers) worker.source(picture.config);
    }
    this.live?.publish({ type: "tracks", tracks: this.#allTracks });
  }

  /** The source's share of a segment is whole. Without a worker, the rungs' shares are holes, and that is said at once. */
  #takeSeal(segment: number, frameCount: number): void {
    const workers = this.#workers;
    for (const worker of workers) worker.seal(segment, frameCount);
    if (workers.length > 0) return;
    for (const lane of this.#lanes) lane.merge.missing(segment, lane.countOf(frameCount));
  }

  #meter(): void {
    const nowMs = this.#options.clock.nowMs();
    const seconds = (nowMs - this.#meteredMs) / 1000;
    if (seconds < 1) return;
    this.#meteredMs = nowMs;
    for (const { meter } of this.#lanes) meter.close(seconds);
  }

  #lose(seat: Seat, fault: Fault): void {
    const { clock, observer, source } = this.#options;
    const nowMs = clock.nowMs();
    void this.#vacate(seat);
    this.#lost++;
    seat.losses = nowMs - seat.sinceMs >= HEALTHY_MS ? 1 : seat.losses + 1;
    const waitMs = REPLACE_AFTER_MS[Math.min(seat.losses, REPLACE_AFTER_MS.length) - 1] ?? 0;
    this.#ready.resolve();
    const others = this.#workers.length;
    observer.event(
      "error",
      "transcoder.worker.lost",
      { stream: source.stream, code: fault.code, error: fault.message, waitMs, workersLeft: others },
      `a transcoder of ${source.stream} is gone; ${others > 0 ? "another one goes on" : "the source goes on, its rungs come back with a new one"}`,
    );
    seat.replaceAtMs = nowMs + waitMs;
    if (waitMs === 0) this.#open(seat);
  }

  /** At each cut: replaces workers that are gone, gives up the best rung where all are too slow. */
  #look(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const seat of this.#seats) if (seat.worker === undefined && nowMs >= seat.replaceAtMs) this.#open(seat);
    const isSettled = this.#seats.every(
      ({ worker, sinceMs }) => worker === undefined || nowMs - sinceMs >= SETTLING_MS,
    );
    this.#behindCuts = isSettled && this.#behindMicros > BEHIND_MICROS_MAX ? this.#behindCuts + 1 : 0;
    if (this.#behindCuts >= BEHIND_CUTS) this.#giveUpBest();
  }

  #giveUpBest(): void {
    const { observer, source } = this.#options;
    const [best, ...others] = this.#lanes;
    if (best === undefined) return;
    const behindMs = Math.round(this.#behindMicros / 1000);
    observer.event(
      "warn",
      "transcoder.overloaded",
      { stream: source.stream, rung: best.rung.name, behindMs },
      `this machine cannot encode all rungs of ${source.stream} in time: ${best.rung.name} is given up`,
    );
    this.#behindCuts = 0;
    this.#givenUp.push(best.rung.name);
    for (const seat of this.#seats) void this.#vacate(seat);
    this.#lanes = others;
    this.#rungs = others.map(({ rung }) => rung);
    this.live?.publish({ type: "tracks", tracks: this.#allTracks });
    this.#openAll();
  }
}

/** What of a picture decides over its rungs' codec parameters. */
function shapeOf(track: Track | undefined): unknown {
  if (track?.config.kind !== "video") return undefined;
  const { width, height, pixelAspect, colour } = track.config;
  return [width, height, pixelAspect, colour];
}
