import { afterEach, expect, test } from "bun:test";
import type { LinkRecord } from "#link/record.ts";
import type { Frame } from "#media/frame.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { EncodingCapacity } from "./capacity.ts";
import { type LadderPlan, planPictureLadder } from "./ladder-plan.ts";
import { TrackLadder } from "./track-ladder.ts";
import { type Clip, FIRST_SEGMENT, makeClip } from "./transcode-rig.ts";

const DEADLINE_MS = 30_000;
const ENCODING = { profile: "realtime", coding: "identical", hardware: "none" } as const;
const SECONDS = 4;
const FPS = 30;

let clip: Clip;
const ladders: TrackLadder[] = [];

afterEach(async () => {
  await Promise.all(ladders.splice(0).map((ladder) => ladder.close()));
});

/** A ladder of 240 and 180 lines over a clip, and all that it published. */
class Stage {
  readonly records: LinkRecord[] = [];
  readonly observer = new RecordingObserver();
  readonly ladder: TrackLadder;
  readonly plan: LadderPlan;
  grown = 0;
  #changed = Promise.withResolvers<void>();

  constructor(options: { capacity?: EncodingCapacity; knownConfigs?: Map<string, readonly TrackConfig[]> } = {}) {
    clip ??= makeClip({ seconds: SECONDS, fps: FPS });
    const wanted = [240, 180].map((height) => ({ height, bitrate: undefined }));
    const plan = planPictureLadder(clip.config, wanted, ENCODING);
    if (plan === undefined) throw new Error("no plan");
    this.plan = plan;
    const source: Track = { id: 1, name: "source", timescale: 90_000, config: clip.config };
    this.ladder = new TrackLadder({
      stream: "main",
      source,
      plan,
      firstId: 1000,
      redundancy: 1,
      capacity: options.capacity ?? new EncodingCapacity({ processors: 1, megapixelsPerSecond: 1000 }),
      knownConfigs: options.knownConfigs ?? new Map(),
      clock: systemClock,
      observer: this.observer,
      publish: (record) => {
        this.records.push(record);
        this.#happened();
      },
      isDiscontinuous: () => false,
      grown: () => {
        this.grown++;
        this.#happened();
      },
    });
    ladders.push(this.ladder);
  }

  /** The source's frames from one to another, with cuts and seals. */
  feed(from: number, to: number): void {
    for (const frame of clip.frames.slice(from, to)) {
      if (frame.index === 0) this.ladder.cut(frame.segment);
      this.ladder.frame(frame);
      const next: Frame | undefined = clip.frames[frame.index + 1 + (frame.segment - FIRST_SEGMENT) * FPS];
      if (next === undefined || next.segment !== frame.segment) this.ladder.seal(frame.segment, frame.index + 1);
    }
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await this.#changed.promise;
  }

  /** Places of the frames that were published of a rung. */
  placesOf(track: number): string[] {
    return this.records.flatMap((record) =>
      record.type === "frame" && record.frame.track === track ? `${record.frame.segment}.${record.frame.index}` : [],
    );
  }

  isSealed(track: number, segment: number): boolean {
    return this.records.some(
      (record) => record.type === "seal" && record.track === track && record.segment === segment,
    );
  }

  #happened(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

const allPlaces = (): string[] => clip.frames.map(({ segment, index }) => `${segment}.${index}`);

test(
  "a rung without room is refused and the others are made; their room is given back",
  async () => {
    const capacity = new EncodingCapacity({ processors: 1, megapixelsPerSecond: 5 });
    expect(capacity.reserve(3)).toBe(true);
    const stage = new Stage({ capacity });
    await stage.ladder.ready;
    expect(stage.ladder.tracks.map(({ name }) => name)).toEqual(["180p"]);
    expect(stage.ladder.health.refused).toEqual(["240p"]);
    expect(stage.observer.named("transcoder.full")).toHaveLength(1);
    await stage.ladder.close();
    expect(capacity.used).toBe(3);
  },
  DEADLINE_MS,
);

test(
  "rungs are what was known of them, and change with the next segment where a worker makes others",
  async () => {
    const first = new Stage();
    await first.ladder.ready;
    const configs = first.ladder.tracks.map(({ config }) => config);
    const others = configs.map((config) => ({ ...config, record: new Uint8Array(config.record).fill(0, 1, 2) }));
    const stage = new Stage({ knownConfigs: new Map([[first.plan.key, others]]) });
    expect(stage.ladder.tracks.map(({ config }) => config)).toEqual(others);
    stage.feed(0, FPS / 2);
    await stage.until(() => stage.observer.named("transcoder.worker.unlike").length === 1);
    expect(stage.ladder.tracks.map(({ config }) => config)).toEqual(configs);
    stage.feed(FPS / 2, clip.frames.length);
    await stage.ladder.finish();
    for (const track of [1000, 1001]) {
      expect(stage.placesOf(track)).toEqual(allPlaces().slice(FPS));
      for (let segment = 1; segment < SECONDS; segment++)
        expect(stage.isSealed(track, FIRST_SEGMENT + segment)).toBe(true);
    }
  },
  DEADLINE_MS,
);

test(
  "what the source has when a worker is ready late, it still makes from the first frame on",
  async () => {
    const stage = new Stage();
    stage.feed(0, clip.frames.length);
    await stage.ladder.finish();
    for (const track of [1000, 1001]) expect(stage.placesOf(track)).toEqual(allPlaces());
    expect(stage.observer.events).toEqual([]);
  },
  DEADLINE_MS,
);
