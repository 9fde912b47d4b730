import type { VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import type { Rung } from "./rung.ts";

/** `off`: the source alone. `default`: of the usual rungs those below the source. Else the operator's, in any order. */
export type Ladder = "off" | "default" | readonly WantedRung[];

/** Completes "must be …". */
export const LADDER_ALLOWED =
  "off, default, or up to 8 heights with or without bitrates, such as 720:2500k,480,360:700k";

/** Rungs an operator may ask for. */
const RUNGS_MAX = 8;
/** Smallest and largest height, lines. */
const HEIGHTS = { min: 100, max: 4320 } as const;
/** Smallest and largest bitrate, kbit/s. */
const KILOBITS = { min: 50, max: 100_000 } as const;

/** Reads a ladder as the configuration has it; `undefined` for anything else. */
export function parseLadder(text: string): Ladder | undefined {
  if (text === "off" || text === "default") return text;
  const words = text.split(",").map((word) => word.trim());
  if (words.length > RUNGS_MAX) return undefined;
  const rungs: WantedRung[] = [];
  for (const word of words) {
    const [, height, kilobits] = /^(\d{1,4})p?(?::(\d{1,6})k)?$/.exec(word) ?? [];
    if (height === undefined || !isWithin(Number(height), HEIGHTS)) return undefined;
    if (kilobits !== undefined && !isWithin(Number(kilobits), KILOBITS)) return undefined;
    rungs.push({ height: Number(height), bitrate: kilobits === undefined ? undefined : Number(kilobits) * 1000 });
  }
  return rungs;
}

function isWithin(value: number, { min, max }: { readonly min: number; readonly max: number }): boolean {
  return value >= min && value <= max;
}

/** A rung that the operator wants. */
export interface WantedRung {
  /** Luma samples of the shorter side: the height of a wide picture, the width of a tall one. */
  readonly height: number;
  /** Bits per second; what is usual for the height where it is left out. */
  readonly bitrate: number | undefined;
}

/** Rungs of the default ladder, best first: bits per second of H.264 at up to 30 pictures a second. */
const DEFAULT_RUNGS: readonly { readonly height: number; readonly bitrate: number }[] = [
  { height: 1080, bitrate: 4_500_000 },
  { height: 720, bitrate: 2_500_000 },
  { height: 480, bitrate: 1_200_000 },
  { height: 360, bitrate: 700_000 },
  { height: 240, bitrate: 128_000 },
];

/** Pictures a second beyond which a rung needs more bits, or half the pictures. */
const USUAL_FPS_MAX = 33;
/** What twice the pictures cost more: most of them are much like the one before. */
const FAST_BITRATE_FACTOR = 1.5;
/** From this height on a rung keeps all pictures of a fast source. */
const FULL_RATE_HEIGHT_MIN = 720;

/** The usual bitrate of a height that the default ladder does not have: between its neighbours by the number of samples. */
function usualBitrate(height: number): number {
  const above = DEFAULT_RUNGS.findLast((rung) => rung.height >= height);
  const below = DEFAULT_RUNGS.find((rung) => rung.height <= height);
  const near = above ?? below;
  if (near === undefined) return 0;
  if (above === undefined || below === undefined || above === below)
    return Math.round(near.bitrate * (height / near.height) ** 2);
  const share = (height ** 2 - below.height ** 2) / (above.height ** 2 - below.height ** 2);
  return Math.round(below.bitrate + share * (above.bitrate - below.bitrate));
}

function wantedOf(ladder: Exclude<Ladder, "off">): WantedRung[] {
  if (ladder === "default") return DEFAULT_RUNGS.map(({ height }) => ({ height, bitrate: undefined }));
  return [...ladder];
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}

/**
 * The rungs for a source, best first. None is as large as the source, which is offered as it is, and aspect ratio and sample aspect ratio stay.
 * Below 720 lines a source of more than 33 pictures a second gives every second one.
 * @param frameRate of the source; `undefined` where nobody knows it, which counts as an ordinary one.
 * @param ladder what the operator wants; none for `off`.
 */
export function planLadder(source: VideoConfig, frameRate: Rational | undefined, ladder: Ladder): Rung[] {
  if (ladder === "off") return [];
  const shorter = Math.min(source.width, source.height);
  const isFast = frameRate !== undefined && frameRate.num / frameRate.den > USUAL_FPS_MAX;
  const rungs: Rung[] = [];
  for (const { height, bitrate } of wantedOf(ladder).sort((a, b) => b.height - a.height)) {
    if (height >= shorter || rungs.some((rung) => rung.name === `${height}p`)) continue;
    const scale = height / shorter;
    const frameRateDivisor = isFast && height < FULL_RATE_HEIGHT_MIN ? 2 : 1;
    const factor = isFast && frameRateDivisor === 1 && bitrate === undefined ? FAST_BITRATE_FACTOR : 1;
    rungs.push({
      name: `${height}p`,
      width: even(source.width * scale),
      height: even(source.height * scale),
      frameRateDivisor,
      bitrate: Math.round((bitrate ?? usualBitrate(height)) * factor),
    });
  }
  return rungs;
}
