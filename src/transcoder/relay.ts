/**
 * One broadcast with its ladders: link in, link out. What comes from the gate goes through untouched; picture and sound are also sent to
 * workers, whose rungs become further tracks. They have the source's segment numbers, and names that no other node would give differently.
 *
 *   planning ─configs known, or waited long enough─▶ on air ─end─▶ ended
 */
import { Fault } from "#faults/fault.ts";
import { LiveBroadcast } from "#link/live-broadcast.ts";
import type { CutRecord, HelloRecord, LinkRecord } from "#link/record.ts";
import type { LinkSource } from "#link/subscription.ts";
import type { Ladder } from "#media/ladder.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { EncodingCapacity } from "./capacity.ts";
import { type LadderPlan, planPictureLadder, planSoundLadder } from "./ladder-plan.ts";
import { type RelayHealth, relayHealth } from "./relay-health.ts";
import type { Encoding } from "./rung.ts";
import { TrackLadder } from "./track-ladder.ts";

/** Ids of rungs begin here: the gate counts its own from 0 and never comes so far. Each of the source's tracks has room for as many. */
const RUNG_IDS = 1000;
/** How long a broadcast waits for its rungs' codec parameters before it begins without them, milliseconds. */
const READY_MS_MAX = 3000;
/** Cuts remembered for rungs that come later than the source. */
const CUTS_KEPT_MAX = 64;

/** What a {@link Relay} is told. */
export interface RelayOptions {
  readonly source: LinkSource;
  readonly ladder: Ladder;
  readonly encoding: Encoding;
  /** Workers that encode the same at the same time. */
  readonly redundancy: number;
  readonly capacity: EncodingCapacity;
  /** Codec parameters of rungs seen before, by plan: a broadcast like an earlier one need not wait for its worker. */
  readonly knownConfigs: Map<string, readonly TrackConfig[]>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The broadcast with its ladder begins. */
  started(live: LiveBroadcast): void;
}

/** Follows a broadcast and adds its ladders. */
export class Relay {
  live: LiveBroadcast | undefined;
  readonly #options: RelayOptions;
  readonly #cuts = new Map<number, CutRecord>();
  /** Tracks of the source as they are now. */
  #tracks: readonly Track[] = [];
  /** By id of the source's track. */
  readonly #ladders = new Map<number, TrackLadder>();
  #meteredMs = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** How it is doing. */
  get health(): RelayHealth {
    return relayHealth(
      this.#options.source.stream,
      [...this.#ladders.values()].map(({ health }) => health),
    );
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
      await Promise.all([...this.#ladders.values()].map((ladder) => ladder.close()));
    }
  }

  async #begin(hello: HelloRecord, signal: AbortSignal): Promise<void> {
    this.#takeTracks(hello.tracks);
    const ready = Promise.all([...this.#ladders.values()].map((ladder) => ladder.ready));
    await Promise.race([ready, this.#options.clock.sleep(READY_MS_MAX, signal)]);
    const live = new LiveBroadcast({ ...hello, tracks: this.#allTracks });
    this.live = live;
    this.#options.started(live);
  }

  /** The source's tracks, each with its rungs behind it, best first. */
  get #allTracks(): readonly Track[] {
    return this.#tracks.flatMap((track) => [track, ...(this.#ladders.get(track.id)?.tracks ?? [])]);
  }

  #takeTracks(tracks: readonly Track[]): void {
    const before = new Map(this.#tracks.map((track) => [track.id, track]));
    this.#tracks = tracks;
    const transcoded = this.#transcoded(tracks);
    for (const [id, ladder] of this.#ladders) {
      if (transcoded.some((track) => track.id === id)) continue;
      this.#ladders.delete(id);
      void ladder.close();
    }
    for (const track of transcoded) {
      const ladder = this.#ladders.get(track.id);
      if (ladder === undefined) this.#add(track);
      else if (before.get(track.id)?.config !== track.config) ladder.configure(track.config);
    }
    this.#tellTracks();
  }

  /** What rungs are made of: the picture, unless the encoder sends a ladder of its own, and the first sound. */
  #transcoded(tracks: readonly Track[]): readonly Track[] {
    const pictures = tracks.filter(({ config }) => config.kind === "video");
    const sounds = tracks.filter(({ config }) => config.kind === "audio");
    return [...(pictures.length === 1 ? pictures : []), ...sounds.slice(0, 1)];
  }

  #add(source: Track): void {
    const { stream } = this.#options.source;
    const { redundancy, capacity, knownConfigs, clock, observer } = this.#options;
    const plan = this.#plan(source);
    if (plan === undefined) return;
    const ladder = new TrackLadder({
      stream,
      source,
      plan,
      firstId: RUNG_IDS * (source.id + 1),
      redundancy,
      capacity,
      knownConfigs,
      clock,
      observer,
      publish: (record) => this.live?.publish(record),
      isDiscontinuous: (segment) => this.#cuts.get(segment)?.discontinuity === true,
      grown: () => this.#tellTracks(),
    });
    this.#ladders.set(source.id, ladder);
  }

  #plan({ config, timescale }: Track): LadderPlan | undefined {
    const { ladder, encoding } = this.#options;
    return config.kind === "video" ? planPictureLadder(config, ladder, encoding) : planSoundLadder(config, timescale);
  }

  #tellTracks(): void {
    this.live?.publish({ type: "tracks", tracks: this.#allTracks });
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
        for (const ladder of this.#ladders.values()) ladder.cut(record.segment);
        return;
      case "frame":
        live.publish(record);
        this.#ladders.get(record.frame.track)?.frame(record.frame);
        return;
      case "seal":
        live.publish(record);
        this.#ladders.get(record.track)?.seal(record.segment, record.frameCount);
        return;
      case "end":
        await Promise.all([...this.#ladders.values()].map((ladder) => ladder.finish()));
        live.publish(record);
        return;
      case "head":
        live.publish(record);
        this.#meter();
        return;
      case "skip":
      // The workers see that something is missing, and begin anew where the source does.
      case "hello":
      case "event":
        live.publish(record);
        return;
    }
  }

  #meter(): void {
    const nowMs = this.#options.clock.nowMs();
    const seconds = (nowMs - this.#meteredMs) / 1000;
    if (seconds < 1) return;
    this.#meteredMs = nowMs;
    for (const ladder of this.#ladders.values()) ladder.meter(seconds);
  }
}
