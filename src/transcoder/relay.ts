/**
 * One broadcast with its ladder: link in, link out. What comes from the gate goes through untouched; the picture is also sent to a worker, whose
 * rungs become further tracks. They have the source's segment numbers, and names that no other node would give differently.
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
import { type HealthWarning, type TrackHealth, trackHealth, TrackMeter } from "#link/track-health.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { type Track, VIDEO_TIMESCALE, type VideoConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { Rational } from "#time/ticks.ts";
import { type Ladder, planLadder } from "./ladder.ts";
import type { Profile, Rung } from "./rung.ts";
import { type RungFrame, TranscodeProcess } from "./transcode-process.ts";

/** Ids of rungs begin here: the gate counts its own from 0 and never comes so far. */
const RUNG_ID_MIN = 1000;
/** How long a broadcast waits for its rungs' codec parameters before it begins without them, milliseconds. */
const READY_MS_MAX = 1500;
/** How long the end of a broadcast waits for its last pictures, milliseconds. */
const FINISH_MS_MAX = 2000;
/** How far a worker may be behind before its best rung is given up, microseconds. */
const BEHIND_MICROS_MAX = 2_000_000;
/** A worker that has just begun may be behind for so long, milliseconds: its first segment comes all at once. */
const SETTLING_MS = 5000;
/** Waits before a lost worker is replaced, milliseconds; the last one is repeated. */
const REPLACE_AFTER_MS = [0, 500, 1000, 2000, 5000, 10_000] as const;
/** A worker that lived so long was healthy: its loss is the first again, milliseconds. */
const HEALTHY_MS = 30_000;
/** Cuts remembered for rungs that come later than the source. */
const CUTS_KEPT_MAX = 64;

/** What a {@link Relay} is told. */
export interface RelayOptions {
  readonly source: LinkSource;
  readonly ladder: Ladder;
  readonly profile: Profile;
  /** Codec parameters of rungs seen before, by {@link TranscodeProcess}'s job: a broadcast like an earlier one need not wait for its worker. */
  readonly knownConfigs: Map<string, readonly VideoConfig[]>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The broadcast with its ladder begins. */
  started(live: LiveBroadcast): void;
}

/** A rung on air. */
interface Lane {
  readonly rung: Rung;
  readonly track: Track;
  readonly meter: TrackMeter;
  /** Segment and index its next frame is expected to have; `segment` -1 before the first. */
  segment: number;
  index: number;
}

/** How a relay is doing. */
export interface RelayHealth {
  readonly stream: string;
  readonly rungs: readonly TrackHealth[];
  readonly behindMicros: number;
  /** Workers lost so far. */
  readonly lost: number;
  readonly isEncoding: boolean;
  readonly warnings: readonly HealthWarning[];
}

/** Follows a broadcast and adds its ladder. */
export class Relay {
  live: LiveBroadcast | undefined;
  readonly #options: RelayOptions;
  readonly #cuts = new Map<number, CutRecord>();
  #hello: HelloRecord | undefined;
  /** Tracks of the source as they are now. */
  #tracks: readonly Track[] = [];
  /** The picture that is transcoded. */
  #picture: Track | undefined;
  #lanes: Lane[] = [];
  #worker: TranscodeProcess | undefined;
  #workerSinceMs = 0;
  #lost = 0;
  #losses = 0;
  /** Names of rungs that this machine was too slow for. */
  readonly #givenUp: string[] = [];
  #meteredMs = 0;
  #replaceAtMs = Number.POSITIVE_INFINITY;
  #ready = Promise.withResolvers<void>();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** How it is doing. */
  get health(): RelayHealth {
    return {
      stream: this.#options.source.stream,
      rungs: this.#lanes.map(({ track, meter }) => trackHealth(track, meter)),
      behindMicros: this.#worker?.behindMicros ?? 0,
      lost: this.#lost,
      isEncoding: this.#worker !== undefined,
      warnings: this.#warnings,
    };
  }

  get #warnings(): HealthWarning[] {
    const warnings: HealthWarning[] = [];
    if (this.#givenUp.length > 0) {
      warnings.push({
        code: "LADDER_REDUCED",
        sentence: `This machine could not encode every rung in time: ${this.#givenUp.join(" and ")} went.`,
        fix: "Choose a shorter ladder or the profile realtime, or run fewer streams on this machine.",
      });
    }
    if (this.live !== undefined && this.#rungs.length > 0 && this.#worker === undefined) {
      warnings.push({
        code: "TRANSCODER_GONE",
        sentence: "The transcoder ended and is started again; viewers have the source meanwhile.",
        fix: "If it happens again, look for transcoder.worker.lost in the log.",
      });
    }
    return warnings;
  }

  /** Process id of the worker, while there is one. */
  get workerPid(): number | undefined {
    return this.#worker?.pid;
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
      await this.#worker?.stop();
      this.#worker = undefined;
    }
  }

  async #begin(hello: HelloRecord, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#hello = hello;
    this.#tracks = hello.tracks;
    const job = this.#plan();
    if (job !== undefined) {
      this.#open();
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
    return JSON.stringify([this.#rungs, this.#frameRate, this.#options.profile, shapeOf(this.#picture)]);
  }

  /** Starts a worker for the rungs that are left. */
  #open(): void {
    const { clock, profile } = this.#options;
    const config = this.#picture?.config;
    this.#replaceAtMs = Number.POSITIVE_INFINITY;
    if (config?.kind !== "video" || this.#rungs.length === 0) return;
    this.#workerSinceMs = clock.nowMs();
    const worker: TranscodeProcess = new TranscodeProcess(
      { source: config, frameRate: this.#frameRate, rungs: this.#rungs, profile },
      {
        ready: (configs) => {
          if (this.#worker !== worker) return;
          this.#options.knownConfigs.set(this.#jobKey, configs);
          this.#adoptConfigs(configs);
          this.#ready.resolve();
        },
        frame: (frame) => {
          if (this.#worker === worker) this.#frame(frame);
        },
        sealed: (rung, segment, frameCount) => {
          const lane = this.#worker === worker ? this.#lanes[rung] : undefined;
          if (lane !== undefined) this.#seal(lane, segment, frameCount);
        },
        failed: (fault) => {
          if (this.#worker === worker) this.#loseWorker(fault);
        },
      },
      clock,
    );
    this.#worker = worker;
  }

  /** The rungs become tracks; does nothing when they are already. */
  #adoptConfigs(configs: readonly VideoConfig[]): void {
    if (this.#lanes.length > 0) return;
    this.#lanes = this.#rungs.flatMap((rung, i) => {
      const config = configs[i];
      if (config === undefined) return [];
      const track: Track = { id: RUNG_ID_MIN + i, name: rung.name, timescale: VIDEO_TIMESCALE, config };
      return [{ rung, track, meter: new TrackMeter(), segment: -1, index: 0 }];
    });
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
        return;
      case "frame":
        live.publish(record);
        if (record.frame.track === this.#picture?.id) this.#worker?.frame(record.frame);
        return;
      case "seal":
        live.publish(record);
        if (record.track === this.#picture?.id) this.#takeSeal(record.segment, record.frameCount);
        return;
      case "skip":
        live.publish(record);
        // What the worker has is no longer whole: it begins anew where the source does.
        if (record.track === this.#picture?.id && this.#worker !== undefined)
          this.#loseWorker(new Fault("TRANSCODER_FAILED", "this process was too slow to send it every picture"));
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
    const worker = this.#worker;
    if (worker === undefined) return;
    await Promise.race([worker.finish(), this.#options.clock.sleep(FINISH_MS_MAX)]);
    this.#worker = undefined;
    await worker.stop();
  }

  #takeTracks(tracks: readonly Track[]): void {
    this.#tracks = tracks;
    const before = this.#picture;
    const picture = before === undefined ? undefined : tracks.find(({ id }) => id === before.id);
    if (before === undefined) {
      if (this.#plan() !== undefined) this.#open();
    } else if (picture?.config.kind === "video" && picture.config !== before.config) {
      this.#picture = picture;
      this.#worker?.source(picture.config);
    }
    this.live?.publish({ type: "tracks", tracks: this.#allTracks });
  }

  /** The source's share of a segment is whole. Without a worker, the rungs' shares are holes, and that is said at once. */
  #takeSeal(segment: number, frameCount: number): void {
    if (this.#worker !== undefined) {
      this.#worker.seal(segment, frameCount);
      return;
    }
    for (const lane of this.#lanes) {
      // Frames are missing only of a rung that had some: one that never began has nothing to wait for.
      const missing = lane.segment < 0 ? 0 : Math.ceil(frameCount / lane.rung.frameRateDivisor);
      if (lane.segment <= segment) this.#seal(lane, segment, missing);
    }
  }

  #frame(made: RungFrame): void {
    const lane = this.#lanes[made.rung];
    if (lane === undefined || made.segment < lane.segment) return;
    const { segment, index, dts, ptsOffset, duration, keyframe, payload } = made;
    // A worker that took over begins with a segment: what its predecessor left of an earlier one is a hole.
    if (lane.segment >= 0 && segment > lane.segment && lane.index > 0) this.#skip(lane);
    lane.segment = segment;
    lane.index = index + 1;
    lane.meter.add(payload.byteLength);
    let flags: number = keyframe ? FrameFlag.KEY : 0;
    if (index === 0) {
      flags |= FrameFlag.CUT | (keyframe ? FrameFlag.INDEPENDENT : 0);
      if (this.#cuts.get(segment)?.discontinuity === true) flags |= FrameFlag.DISCONTINUITY;
    }
    const frame: Frame = { track: lane.track.id, segment, index, dts, ptsOffset, duration, flags, payload };
    this.live?.publish({ type: "frame", frame });
  }

  #meter(): void {
    const nowMs = this.#options.clock.nowMs();
    const seconds = (nowMs - this.#meteredMs) / 1000;
    if (seconds < 1) return;
    this.#meteredMs = nowMs;
    for (const { meter } of this.#lanes) meter.close(seconds);
  }

  #seal(lane: Lane, segment: number, frameCount: number): void {
    this.live?.publish({ type: "seal", track: lane.track.id, segment, frameCount });
    lane.segment = segment + 1;
    lane.index = 0;
  }

  #skip(lane: Lane): void {
    const { track, segment: fromSegment, index: fromIndex } = lane;
    this.live?.publish({ type: "skip", track: track.id, fromSegment, fromIndex, why: "lagged" });
  }

  #loseWorker(fault: Fault): void {
    const { clock, observer, source } = this.#options;
    const nowMs = clock.nowMs();
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.stop();
    for (const lane of this.#lanes) if (lane.index > 0) this.#skip(lane);
    this.#lost++;
    this.#losses = nowMs - this.#workerSinceMs >= HEALTHY_MS ? 1 : this.#losses + 1;
    const waitMs = REPLACE_AFTER_MS[Math.min(this.#losses, REPLACE_AFTER_MS.length) - 1] ?? 0;
    this.#ready.resolve();
    observer.event(
      "error",
      "transcoder.worker.lost",
      { stream: source.stream, code: fault.code, error: fault.message, waitMs },
      `the transcoder of ${source.stream} is gone (${fault.message}); the source goes on, its rungs come back with a new worker`,
    );
    this.#replaceAtMs = nowMs + waitMs;
    if (waitMs === 0) this.#open();
  }

  /** At each cut: replaces a worker that is gone, gives up the best rung of one that cannot keep up. */
  #look(): void {
    const { clock, observer, source } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#worker === undefined) {
      if (nowMs >= this.#replaceAtMs) this.#open();
      return;
    }
    const { behindMicros } = this.#worker;
    const [best, ...others] = this.#lanes;
    if (behindMicros <= BEHIND_MICROS_MAX || nowMs - this.#workerSinceMs < SETTLING_MS || best === undefined) return;
    observer.event(
      "warn",
      "transcoder.overloaded",
      { stream: source.stream, rung: best.rung.name, behindMs: Math.round(behindMicros / 1000) },
      `this machine cannot encode all rungs of ${source.stream} in time: ${best.rung.name} is given up`,
    );
    this.#givenUp.push(best.rung.name);
    void this.#worker.stop();
    this.#worker = undefined;
    for (const lane of others) if (lane.index > 0) this.#skip(lane);
    this.#lanes = others;
    this.#rungs = others.map(({ rung }) => rung);
    this.live?.publish({ type: "tracks", tracks: this.#allTracks });
    this.#open();
  }
}

/** What of a picture decides over its rungs' codec parameters. */
function shapeOf(track: Track | undefined): unknown {
  if (track?.config.kind !== "video") return undefined;
  const { width, height, pixelAspect, colour } = track.config;
  return [width, height, pixelAspect, colour];
}
