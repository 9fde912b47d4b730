import type { EncodedCodec } from "#codecs/encoding.ts";
import { Fault } from "#faults/fault.ts";
import type { ColourInfo, VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/** Luma samples of a slate's picture at most: room for 8192x4320. */
const PICTURE_SAMPLES_MAX = 36_000_000;
/** Smallest side of a slate, luma samples. */
const SIDE_MIN = 16;
/** Samples that are stretched by more than this are taken for square ones: somebody made a mistake. */
const STRETCH_MAX = 4;
/** Code points of ISO/IEC 23091-4 matrices that a scaler can make of red, green and blue. */
const MATRICES: ReadonlySet<number> = new Set([1, 4, 5, 6, 7, 9]);

/** What a slate's pictures are coded as: 8 bits, 4:2:0. */
export interface PictureFormat {
  readonly codec: EncodedCodec;
  /** Luma samples. */
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: Rational;
  readonly colour: ColourInfo | undefined;
}

/** Width and height, pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The format of a slate for a broadcast's picture: its own, with even sides.
 * @throws Fault `CODEC_UNSUPPORTED` for a codec that is never encoded, `LIMIT_REACHED` for a picture that is too large or too small.
 */
export function formatOf({ codec, width, height, pixelAspect, colour }: VideoConfig): PictureFormat {
  if (codec === "vp9") {
    throw new Fault("CODEC_UNSUPPORTED", "slates are not made in VP9", {
      hint: "Set the encoder to H.264, H.265 or AV1, or the stream's continuity to hold.",
    });
  }
  if (Math.min(width, height) < SIDE_MIN || width * height > PICTURE_SAMPLES_MAX)
    throw new Fault("LIMIT_REACHED", `slates of ${width}x${height} are not made`);
  const isKnown = colour !== undefined && MATRICES.has(colour.matrix);
  return { codec, width: width & ~1, height: height & ~1, pixelAspect, colour: isKnown ? colour : undefined };
}

/** Size at which a picture of that format looks right where pixels are square. */
export function displaySize({ width, height, pixelAspect: { num, den } }: Omit<PictureFormat, "codec">): Size {
  const stretch = num > 0 && den > 0 ? num / den : 1;
  if (stretch > STRETCH_MAX || stretch < 1 / STRETCH_MAX) return { width, height };
  return { width: Math.max(SIDE_MIN, Math.round(width * stretch)), height };
}
