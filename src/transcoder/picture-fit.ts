import type { Rational } from "#time/ticks.ts";

/** A place in a picture, luma samples; all even. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A picture's size as it is stored, and the shape of its samples. */
export interface PictureShape {
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: Rational;
}

/** Rungs have even sizes, so their aspect ratio is not quite their source's; so much of a side is left to that. */
const ROUNDING_SHARE = 0.03;

/** Where a picture stands in a frame of another size, as large as can be and in the middle: all of the frame unless the aspect ratios differ. */
export function fitInside(picture: PictureShape, frame: PictureShape): Rectangle {
  const { width, height } = frame;
  const shown = (picture.width * picture.pixelAspect.num) / (picture.height * picture.pixelAspect.den);
  /** Samples of the frame in a row, for each line, that show it unstretched. */
  const samplesPerLine = (shown * frame.pixelAspect.den) / frame.pixelAspect.num;
  const fittedWidth = Math.min(width, height * samplesPerLine);
  const fittedHeight = Math.min(height, width / samplesPerLine);
  const isNear = fittedWidth > width * (1 - ROUNDING_SHARE) && fittedHeight > height * (1 - ROUNDING_SHARE);
  if (isNear) return { x: 0, y: 0, width, height };
  const [innerWidth, innerHeight] = [even(fittedWidth), even(fittedHeight)];
  return { x: half(width - innerWidth), y: half(height - innerHeight), width: innerWidth, height: innerHeight };
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}

function half(rest: number): number {
  return 2 * Math.floor(rest / 4);
}
