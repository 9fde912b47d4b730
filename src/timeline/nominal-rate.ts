import { USUAL_RATES } from "#media/codecs/frame-rate.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import { VIDEO_TIMESCALE } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/** Frame rates that exist, as fractions: the usual ones, and those of slow cameras and screens. */
const RATES: readonly Rational[] = [
  ...USUAL_RATES,
  { num: 10, den: 1 },
  { num: 12, den: 1 },
  { num: 15, den: 1 },
  { num: 20, den: 1 },
  { num: 90, den: 1 },
];

/** Relative difference below which a claimed rate is a rate that exists: 29.97 and 30 differ by 0.1 %. */
const SNAP = 0.0004;
/** Frames looked at: 2 s at 30 fps, over which 29.97 and 30 fps are 2 ms apart. */
const MEASURED_FRAMES = 61;
/** Stamps in milliseconds are off by less than one at both ends of a line; ticks. */
const SPREAD_TICKS_MAX: number = (2.4 * VIDEO_TIMESCALE) / 1000;
/** Relative difference of the mean distance beyond which a rate is not tried. */
const NEAR = 0.01;

/** The existing rate nearest to `fps` if it is that one but for rounding, else `undefined`. */
export function existingRate(fps: number): Rational | undefined {
  for (const rate of RATES) {
    const value = rate.num / rate.den;
    if (Math.abs(fps - value) <= value * SNAP) return rate;
  }
  return undefined;
}

/** Whether two rates are the same but for rounding. */
export function sameRate(a: Rational, b: Rational): boolean {
  return Math.abs((a.num * b.den) / (a.den * b.num) - 1) <= SNAP;
}

/** The frame rate that bitstream and metadata claim, unless they contradict each other: then it has to be measured. */
export function claimedRate(config: TrackConfig, metadata: EncoderMetadata | undefined): Rational | undefined {
  if (config.kind !== "video") return undefined;
  const told = metadata?.["framerate"];
  const fromMetadata = typeof told === "number" ? existingRate(told) : undefined;
  const { frameRate } = config;
  if (frameRate === undefined) return fromMetadata;
  const fromBitstream = existingRate(frameRate.num / frameRate.den);
  if (typeof told === "number" && told > 0 && (fromMetadata === undefined || fromBitstream === undefined))
    return undefined;
  if (fromMetadata !== undefined && fromBitstream !== undefined && !sameRate(fromMetadata, fromBitstream))
    return undefined;
  return fromBitstream;
}

/** Finds out from a track's stamps whether its frames come at a constant rate that exists. */
export class RateMeter {
  readonly #stamps: number[] = [];

  reset(): void {
    this.#stamps.length = 0;
  }

  /** Takes the next stamp in ticks of 90 kHz; answers the rate once the last 61 lie on its line, else `undefined`. */
  add(stamp: number): Rational | undefined {
    const stamps = this.#stamps;
    stamps.push(stamp);
    if (stamps.length < MEASURED_FRAMES) return undefined;
    const found = rateOf(stamps);
    // Looking again only when half of the stamps are new keeps the work per frame small.
    if (found === undefined) stamps.splice(0, MEASURED_FRAMES >> 1);
    return found;
  }
}

/** The rate whose line is nearest to all stamps. */
function rateOf(stamps: readonly number[]): Rational | undefined {
  const first = stamps[0] ?? 0;
  const mean = ((stamps.at(-1) ?? 0) - first) / (stamps.length - 1);
  let best: Rational | undefined;
  let bestSpread = SPREAD_TICKS_MAX;
  for (const rate of RATES) {
    const step = (VIDEO_TIMESCALE * rate.den) / rate.num;
    if (Math.abs(step / mean - 1) > NEAR) continue;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < stamps.length; i++) {
      const residual = (stamps[i] ?? 0) - first - i * step;
      if (residual < low) low = residual;
      if (residual > high) high = residual;
    }
    if (high - low < bestSpread) {
      best = rate;
      bestSpread = high - low;
    }
  }
  return best;
}
