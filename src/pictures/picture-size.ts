import type { VideoConfig } from "#media/track.ts";

/** Widest and highest a picture is made, pixels: enough for a tile on a sharp screen. */
export const PICTURE_SIDE_MAX = 640;

/** Size in pixels of the picture that is made of a track's keyframes: as viewers see it, never larger than it is sent. */
export function pictureSize({ width, height, pixelAspect }: VideoConfig): { width: number; height: number } {
  const shownWidth = (width * pixelAspect.num) / Math.max(1, pixelAspect.den);
  const scale = Math.min(1, PICTURE_SIDE_MAX / shownWidth, PICTURE_SIDE_MAX / height);
  const side = (pixels: number): number => Math.min(PICTURE_SIDE_MAX, Math.max(2, Math.round(pixels * scale)));
  return { width: side(shownWidth), height: side(height) };
}
