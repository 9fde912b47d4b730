import type { ExtraCodec } from "#codecs/encoding.ts";
import type { Ladder, WantedRung } from "#media/ladder.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import type { Rung } from "./rung.ts";

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

/** What other codecs need of the bits that H.264 needs for much the same picture. */
const BITRATE_SHARES: Readonly<Record<Exclude<ExtraCodec, "none">, number>> = { hevc: 0.65, av1: 0.55 };

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
 * @param extraCodec each rung is there in this codec too: these come first, because they are what a machine can do without.
 */
export function planLadder(
  source: VideoConfig,
  frameRate: Rational | undefined,
  ladder: Ladder,
  extraCodec: ExtraCodec = "none",
): Rung[] {
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
  return extraCodec === "none" ? rungs : [...rungs.map((rung) => inCodec(rung, extraCodec)), ...rungs];
}

function inCodec(rung: Rung, codec: Exclude<ExtraCodec, "none">): Rung {
  return { ...rung, name: `${rung.name}-${codec}`, bitrate: Math.round(rung.bitrate * BITRATE_SHARES[codec]), codec };
}
