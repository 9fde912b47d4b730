import { Fault } from "#faults/fault.ts";
import type { Rational } from "#time/ticks.ts";

/** A file that FFmpeg can read. What RTMP carries is passed through, anything else becomes H.264 and AAC. */
export interface FileSource {
  readonly kind: "file";
  readonly path: string;
  /** Begin again at the end, with timestamps that go on. Default false. */
  readonly loop?: boolean;
}

/** The synthetic picture and sound. Every value has a default: 1280x720 at 30 frames per second, 2.5 Mbit/s, stereo at 48 kHz. */
export interface TestSource {
  readonly kind: "test";
  readonly width?: number;
  readonly height?: number;
  /**
   * Several pictures of the same frames (Enhanced RTMP multitrack): their heights, the best first, at most {@link PICTURES_MAX}. Widths keep the
   * aspect ratio of `width` and `height`, bitrates follow from the first one's. Default: one picture of `width` and `height`.
   */
  readonly heights?: readonly number[];
  /** Pictures of fewer lines, the best one aside, show every second frame; not together with B-frames. Default 0: all show every frame. */
  readonly halfRateBelowLines?: number;
  /** Frames per second; 23.976, 29.97 and 59.94 mean the fractions over 1001. */
  readonly frameRate?: number | Rational;
  /** Bits per second of the first picture. */
  readonly videoBitrate?: number;
  /** Bits per second. */
  readonly audioBitrate?: number;
  readonly gopSeconds?: number;
  /** B-frames between references; 0 to 4. */
  readonly bframes?: number;
  readonly codec?: "avc" | "hevc" | "av1";
  readonly sampleRate?: 44_100 | 48_000;
  readonly channels?: 1 | 2;
  readonly video?: boolean;
  readonly audio?: boolean;
}

/** Where the broadcaster's pictures come from. */
export type PublishSource = FileSource | TestSource;

/** Pictures of the same frames that a {@link TestSource} may send. */
export const PICTURES_MAX = 8;
/** Smallest picture, samples. */
const WIDTH_MIN = 160;
const HEIGHT_MIN = 90;
/** Smallest bitrate of a picture, bits per second. */
const VIDEO_BITRATE_MIN = 50_000;
/** Largest bitrate of a picture, bits per second. */
const VIDEO_BITRATE_MAX = 100_000_000;
/** Bits grow more slowly than samples: with the height to this power, where samples grow with its square. */
const BITRATE_EXPONENT = 1.5;

/** One picture of a test source. */
export interface PictureSettings {
  readonly width: number;
  readonly height: number;
  /** Bits per second. */
  readonly bitrate: number;
  /** It shows every n-th frame. */
  readonly frameRateDivisor: 1 | 2;
}

/** A {@link TestSource} with nothing left open, as the encoder process gets it. */
export interface TestSettings {
  readonly kind: "test";
  /** The best first; empty: sound alone. */
  readonly pictures: readonly PictureSettings[];
  readonly frameRate: Rational;
  readonly audioBitrate: number;
  readonly gopFrames: number;
  readonly bframes: number;
  readonly codec: "avc" | "hevc" | "av1";
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  readonly audio: boolean;
}

/** What the encoder process is told on its command line. */
export type EncoderSettings = TestSettings | { readonly kind: "file"; readonly path: string; readonly loop: boolean };

const NTSC_RATES: readonly Rational[] = [
  { num: 24000, den: 1001 },
  { num: 30000, den: 1001 },
  { num: 60000, den: 1001 },
  { num: 120000, den: 1001 },
];

/** A frame rate as a fraction: whole numbers as they are, values within 0.01 of an NTSC rate as that rate, others in thousandths. */
export function frameRateOf(fps: number): Rational {
  if (Number.isInteger(fps)) return { num: fps, den: 1 };
  const ntsc = NTSC_RATES.find((rate) => Math.abs(rate.num / rate.den - fps) < 0.01);
  return ntsc ?? { num: Math.round(fps * 1000), den: 1000 };
}

function checked(name: string, value: number, min: number, max: number, whole = true): number {
  if (Number.isFinite(value) && value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  throw new Fault("CONFIG_INVALID", `${name} is ${value}`, {
    at: name,
    hint: `give ${whole ? "a whole number" : "a number"} from ${min} to ${max}`,
  });
}

function even(name: string, value: number, min: number): number {
  return checked(name, value, min, 4096) & ~1;
}

function picturesOf(source: TestSource): PictureSettings[] {
  const width = even("width", source.width ?? 1280, WIDTH_MIN);
  const height = even("height", source.height ?? 720, HEIGHT_MIN);
  const bitrate = checked("videoBitrate", source.videoBitrate ?? 2_500_000, VIDEO_BITRATE_MIN, VIDEO_BITRATE_MAX);
  if (source.video === false) return [];
  if (source.heights === undefined) return [{ width, height, bitrate, frameRateDivisor: 1 }];
  checked("the number of pictures", source.heights.length, 1, PICTURES_MAX);
  const heights = source.heights.map((one) => even("the height of a picture", one, HEIGHT_MIN));
  const [best = height] = heights;
  const { halfRateBelowLines = 0 } = source;
  return heights.map((one, i) => ({
    width: even("the width of a picture", 2 * Math.round((one * width) / height / 2), WIDTH_MIN),
    height: one,
    bitrate: Math.min(
      VIDEO_BITRATE_MAX,
      Math.max(VIDEO_BITRATE_MIN, Math.round(bitrate * (one / best) ** BITRATE_EXPONENT)),
    ),
    frameRateDivisor: i > 0 && one < halfRateBelowLines ? 2 : 1,
  }));
}

/** Fills in the defaults. @throws Fault `CONFIG_INVALID` naming the value and what is allowed. */
export function settingsOf(source: PublishSource): EncoderSettings {
  if (source.kind === "file") return { kind: "file", path: source.path, loop: source.loop ?? false };
  const rate = source.frameRate ?? 30;
  const frameRate = typeof rate === "number" ? frameRateOf(checked("frameRate", rate, 1, 120, false)) : rate;
  const fps = frameRate.num / frameRate.den;
  checked("frameRate", fps, 1, 120, false);
  const pictures = picturesOf(source);
  const isHalved = pictures.some(({ frameRateDivisor }) => frameRateDivisor === 2);
  const gopFrames = Math.round(checked("gopSeconds", source.gopSeconds ?? 2, 0.02, 60, false) * fps);
  return {
    kind: "test",
    pictures,
    frameRate,
    audioBitrate: checked("audioBitrate", source.audioBitrate ?? 128_000, 16_000, 512_000),
    gopFrames: isHalved ? Math.max(2, gopFrames & ~1) : Math.max(1, gopFrames),
    bframes: checked("bframes", source.bframes ?? 0, 0, isHalved ? 0 : 4),
    codec: source.codec ?? "avc",
    sampleRate: checked("sampleRate", source.sampleRate ?? 48_000, 8000, 96_000),
    channels: source.channels ?? 2,
    audio: source.audio ?? true,
  };
}
