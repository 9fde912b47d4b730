import type { LinkRecord } from "#link/record.ts";
import { TrackMeter } from "#link/track-health.ts";
import { FrameFlag } from "#media/frame.ts";
import { type Track, type TrackConfig, VIDEO_TIMESCALE } from "#media/track.ts";
import type { PlannedRung } from "./ladder-plan.ts";
import { RungMerge } from "./rung-merge.ts";
import type { RungFrame } from "./transcode-process.ts";

/** What a lane needs of its broadcast. */
export interface LaneOptions {
  readonly rung: PlannedRung;
  readonly id: number;
  /** Id of the source's track. */
  readonly madeFrom: number;
  readonly config: TrackConfig;
  /** Workers make frames that fit together but are not the same. */
  readonly isLocked: boolean;
  publish(record: LinkRecord): void;
  /** Whether the segment begins with a discontinuity. */
  isDiscontinuous(segment: number): boolean;
}

/** A rung on air: a track of the broadcast, merged from what the workers deliver. */
export class RungLane {
  readonly rung: PlannedRung;
  track: Track;
  readonly meter: TrackMeter = new TrackMeter();
  readonly merge: RungMerge;
  readonly #options: LaneOptions;

  constructor(options: LaneOptions) {
    const { rung, id, madeFrom, config } = options;
    const timescale = config.kind === "video" ? VIDEO_TIMESCALE : config.sampleRate;
    this.#options = options;
    this.rung = rung;
    this.track = { id, name: rung.name, timescale, config, madeFrom };
    const sink = {
      frame: (frame: RungFrame) => this.#frame(frame),
      sealed: (segment: number, frameCount: number) =>
        options.publish({ type: "seal", track: id, segment, frameCount }),
      lost: (fromSegment: number, fromIndex: number) =>
        options.publish({ type: "skip", track: id, fromSegment, fromIndex, why: "lagged" }),
    };
    this.merge = new RungMerge(sink, options.isLocked);
  }

  /** Other parameters, from the next segment that begins on. */
  configure(config: TrackConfig): void {
    this.track = { ...this.track, config };
  }

  /** How many frames its share of a segment has, of which the source has `frameCount`. */
  countOf(frameCount: number): number {
    return Math.ceil(frameCount / this.rung.frameRateDivisor);
  }

  #frame({ segment, index, dts, ptsOffset, duration, keyframe, payload }: RungFrame): void {
    let flags: number = keyframe ? FrameFlag.KEY : 0;
    if (index === 0) {
      flags |= FrameFlag.CUT | (keyframe ? FrameFlag.INDEPENDENT : 0);
      if (this.#options.isDiscontinuous(segment)) flags |= FrameFlag.DISCONTINUITY;
    }
    this.meter.add(payload.byteLength);
    const frame = { track: this.track.id, segment, index, dts, ptsOffset, duration, flags, payload };
    this.#options.publish({ type: "frame", frame });
  }
}
