import type { Rational } from "#time/ticks.ts";

/** Pictures an encoder is asked for at most; the gate takes no more tracks of picture. */
export const MULTITRACK_PICTURES_MAX = 8;

/** Usual pictures below an encoder's best one, best first: lines of the shorter side, bits per second of H.264 at up to 30 pictures a second. */
const USUAL_PICTURES: readonly { readonly lines: number; readonly bitrate: number }[] = [
  { lines: 2160, bitrate: 16_000_000 },
  { lines: 1440, bitrate: 9_000_000 },
  { lines: 1080, bitrate: 6_000_000 },
  { lines: 720, bitrate: 3_000_000 },
  { lines: 480, bitrate: 1_200_000 },
  { lines: 360, bitrate: 700_000 },
];
/** The one below where there is no usual one, or where nothing else fits. */
const SMALLEST_PICTURE = { lines: 240, bitrate: 400_000 } as const;
/** A further picture has at most this share of the best one's lines: closer ones are of no use to anybody. */
const NEXT_SHARE_MAX = 0.8;

/** Least that is called usual, bits per second. */
const BITRATE_MIN = 50_000;

/** Pictures a second beyond which one needs more bits, or small ones half the pictures. */
const USUAL_FPS_MAX = 33;
/** What twice the pictures cost more: most of them are much like the one before. */
const FAST_BITRATE_FACTOR = 1.5;
/** From this height on a further picture keeps the frame rate of a fast source. */
const FULL_RATE_LINES_MIN = 720;

/** With less than this share of its usual bitrate a picture looks worse than a smaller one. */
const BITRATE_SHARE_MIN = 0.6;

/** What an encoder can send. */
export interface MultitrackLimits {
  /** Its picture, samples. */
  readonly width: number;
  readonly height: number;
  readonly frameRate: Rational;
  /** Pictures it may send at once; from 1 on. */
  readonly tracksMax: number;
  /** Bits per second for all pictures together; `undefined`: as many as they need. */
  readonly bitrateMax: number | undefined;
}

/** One picture that an encoder is to send. */
export interface MultitrackPicture {
  readonly width: number;
  readonly height: number;
  /** Every n-th picture of the source. */
  readonly frameRateDivisor: 1 | 2;
  /** Bits per second. */
  readonly bitrate: number;
}

interface Candidate {
  readonly lines: number;
  readonly frameRateDivisor: 1 | 2;
  /** Usual bits per second. */
  readonly bitrate: number;
}

/** The usual bitrate of a height: between its neighbours by the number of samples. */
function usualBitrate(lines: number): number {
  const all = [...USUAL_PICTURES, SMALLEST_PICTURE];
  const above = all.findLast((picture) => picture.lines >= lines);
  const below = all.find((picture) => picture.lines <= lines);
  const near = above ?? below ?? SMALLEST_PICTURE;
  if (above === undefined || below === undefined || above === below)
    return Math.max(BITRATE_MIN, near.bitrate * (lines / near.lines) ** 2);
  const share = (lines ** 2 - below.lines ** 2) / (above.lines ** 2 - below.lines ** 2);
  return below.bitrate + share * (above.bitrate - below.bitrate);
}

/** Picks `count` evenly, the first and the last among them. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  if (count <= 1) return items.slice(0, 1);
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * (items.length - 1)) / (count - 1))]).filter(
    (item) => item !== undefined,
  );
}

/** Heights of pictures that may be sent, best first: the encoder's own and usual ones below it. */
function heightsFrom(own: number): number[] {
  const below = [...USUAL_PICTURES, SMALLEST_PICTURE].map(({ lines }) => lines);
  return [own, ...below.filter((lines) => lines <= own * NEXT_SHARE_MAX)];
}

/** Pictures of these heights; small ones of a fast source are slower, but for the best one. */
function candidatesOf(heights: readonly number[], isFast: boolean): Candidate[] {
  return heights.map((lines, i) => {
    const isHalved = isFast && i > 0 && lines < FULL_RATE_LINES_MIN;
    const factor = isFast && !isHalved ? FAST_BITRATE_FACTOR : 1;
    return { lines, frameRateDivisor: isHalved ? 2 : 1, bitrate: usualBitrate(lines) * factor };
  });
}

const sumOf = (pictures: readonly Candidate[]): number => pictures.reduce((sum, { bitrate }) => sum + bitrate, 0);

/** Leaves out what lies between the best picture and the smallest until the rest fits; `undefined` when those two do not. */
function fitting(wanted: readonly Candidate[], bitrateMax: number): readonly Candidate[] | undefined {
  let pictures = wanted;
  while (sumOf(pictures) * BITRATE_SHARE_MIN > bitrateMax) {
    if (pictures.length <= 2) return undefined;
    pictures = [...pictures.slice(0, 1), ...pictures.slice(2)];
  }
  return pictures;
}

/** The best choice that fits: several pictures rather than one; `undefined` when not even the smallest does. */
function choose(
  heights: readonly number[],
  { tracksMax, bitrateMax, isFast }: { tracksMax: number; bitrateMax: number; isFast: boolean },
): readonly Candidate[] | undefined {
  if (tracksMax > 1) {
    for (const i of heights.keys()) {
      const rest = heights.slice(i);
      if (rest.length < 2) break;
      // The smallest stands in where there is no usual one.
      const usual = rest.length > 2 ? rest.filter((lines) => lines > SMALLEST_PICTURE.lines) : rest;
      const pictures = fitting(spread(candidatesOf(usual, isFast), tracksMax), bitrateMax);
      if (pictures !== undefined) return pictures;
    }
  }
  for (const lines of heights) {
    const pictures = candidatesOf([lines], isFast);
    if (sumOf(pictures) * BITRATE_SHARE_MIN <= bitrateMax) return pictures;
  }
  return undefined;
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}

/**
 * The pictures an encoder is to send, best first: its own picture, which is never enlarged, and usual ones below it, as many as it may send and the
 * bandwidth carries. Where that is narrow, bitrates shrink a little, then pictures in the middle are left out, then the best one is a smaller one.
 * @returns at least one picture, or the bits per second that the smallest one needs.
 */
export function planMultitrack(limits: MultitrackLimits): readonly MultitrackPicture[] | number {
  const { width, height, frameRate, tracksMax, bitrateMax = Number.POSITIVE_INFINITY } = limits;
  const shorter = Math.min(width, height);
  const isFast = frameRate.num / frameRate.den > USUAL_FPS_MAX;
  const heights = heightsFrom(shorter);
  const pictures = choose(heights, { tracksMax, bitrateMax, isFast });
  if (pictures === undefined) return Math.ceil(sumOf(candidatesOf(heights.slice(-1), isFast)) * BITRATE_SHARE_MIN);
  const share = Math.min(1, bitrateMax / sumOf(pictures));
  return pictures.map((picture) => ({
    width: even((width * picture.lines) / shorter),
    height: even((height * picture.lines) / shorter),
    frameRateDivisor: picture.frameRateDivisor,
    bitrate: Math.floor(picture.bitrate * share),
  }));
}
