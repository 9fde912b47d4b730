import type { EncodedCodec } from "#codecs/encoding.ts";
import type { Ladder } from "#media/ladder.ts";
import type { AudioConfig, TrackConfig, VideoConfig } from "#media/track.ts";
import { assert } from "#faults/fault.ts";
import { planLadder } from "./ladder.ts";
import type { Encoding } from "./rung.ts";
import { planSound } from "./sound-ladder.ts";
import type { TranscodeJob } from "./worker-wire.ts";

/** A rung as its ladder sees it, whatever it is made of. */
export interface PlannedRung {
  /** What stands in URLs and menus. */
  readonly name: string;
  /** It has every n-th frame of the source. */
  readonly frameRateDivisor: 1 | 2;
  /** What a frame counts for in the node's capacity, megapixels of H.264; 0 for sound. */
  readonly megapixels: number;
  /** The same for a second of it. */
  readonly megapixelsPerSecond: number;
}

/** What is made of one track of the source. */
export interface LadderPlan {
  /** Best first. */
  readonly rungs: readonly PlannedRung[];
  /** How many segments before the one that is to be made a worker must have been given for it. */
  readonly segmentsBefore: 0 | 1;
  /** Workers make frames that fit together but are not the same. */
  readonly isLocked: boolean;
  /** Says everything that decides over the rungs' codec parameters. */
  readonly key: string;
  /** What a worker is told. `isFromStart`: nothing was before the first frame it will be given. */
  job(source: TrackConfig, isFromStart: boolean): TranscodeJob;
}

/** What a picture costs in other codecs, against H.264 of the same size: measured in the profile realtime. */
const CODEC_COSTS: Readonly<Record<EncodedCodec, number>> = { avc: 1, hevc: 4.4, av1: 4.5 };
/** Pictures a second where nobody knows. */
const USUAL_FPS = 30;

/** Rungs of a picture; `undefined` where there are none. */
export function planPictureLadder(source: VideoConfig, ladder: Ladder, encoding: Encoding): LadderPlan | undefined {
  const { frameRate, width, height, pixelAspect, colour } = source;
  const rungs = planLadder(source, frameRate, ladder, encoding.extraCodec);
  if (rungs.length === 0) return undefined;
  const fps = frameRate === undefined ? USUAL_FPS : frameRate.num / frameRate.den;
  return {
    rungs: rungs.map((rung) => {
      const { name, frameRateDivisor, codec = "avc" } = rung;
      const megapixels = (rung.width * rung.height * CODEC_COSTS[codec]) / 1_000_000;
      return { name, frameRateDivisor, megapixels, megapixelsPerSecond: (megapixels * fps) / frameRateDivisor };
    }),
    segmentsBefore: 0,
    isLocked: encoding.coding === "locked",
    key: JSON.stringify([rungs, frameRate, encoding, width, height, pixelAspect, colour]),
    job: (config) => {
      assert(config.kind === "video", "a picture's ladder is made of a picture");
      return { kind: "video", source: config, frameRate, rungs, encoding };
    },
  };
}

/** Rungs of a sound whose track counts `timescale` ticks a second. */
export function planSoundLadder(source: AudioConfig, timescale: number): LadderPlan {
  const rungs = planSound(source);
  return {
    rungs: rungs.map(({ name }) => ({ name, frameRateDivisor: 1, megapixels: 0, megapixelsPerSecond: 0 })),
    // What comes before a segment decides over its first frames.
    segmentsBefore: 1,
    isLocked: false,
    key: JSON.stringify([rungs, timescale]),
    job: (config, isFromStart) => {
      assert(config.kind === "audio", "a sound's ladder is made of a sound");
      return { kind: "audio", source: config, timescale, rungs, isFromStart };
    },
  };
}
