import type { VideoConfig } from "#media/track.ts";

/** Widest and highest a picture is made, pixels: enough for a tile on a sharp screen. */
export const PICTURE_SIDE_MAX = 640;
/** Widest and highest the small copy of a picture is made, pixels: what a storyboard shows above a seek bar. */
const STILL_SIDE_MAX = 160;

/** Width and height in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

function fit(width: number, height: number, sideMax: number): PictureSize {
  const scale = Math.min(1, sideMax / width, sideMax / height);
  const side = (pixels: number): number => Math.min(sideMax, Math.max(2, Math.round(pixels * scale)));
  return { width: side(width), height: side(height) };
}

/** Size of the picture that is made of a track's keyframes: as viewers see it, never larger than it is sent. */
export function pictureSize({ width, height, pixelAspect }: VideoConfig): PictureSize {
  return fit((width * pixelAspect.num) / Math.max(1, pixelAspect.den), height, PICTURE_SIDE_MAX);
}

/** Size of the small copy of a picture of that size. */
export function stillSize({ width, height }: PictureSize): PictureSize {
  return fit(width, height, STILL_SIDE_MAX);
}
