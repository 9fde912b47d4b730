import { AV_PIX_FMT_BGRA, AVCOL_RANGE_JPEG, AVCOL_SPC_RGB } from "node-av/constants";
import { FFmpegError, Frame } from "node-av/lib";
import type { Size } from "./picture-format.ts";
import { Scaler } from "./scaler.ts";

/** Bytes of a pixel: blue, green, red, opacity. */
export const PIXEL_BYTES = 4;

/** Pixels of a picture, where they are in memory. */
export interface Pixels extends Size {
  readonly bytes: Uint8Array;
  readonly strideBytes: number;
}

/** A picture of red, green and blue whose pixels are anything. The receiver frees it. */
export function rgbPicture({ width, height }: Size): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = AV_PIX_FMT_BGRA;
  frame.width = width;
  frame.height = height;
  frame.colorSpace = AVCOL_SPC_RGB;
  frame.colorRange = AVCOL_RANGE_JPEG;
  FFmpegError.throwIfError(frame.getBuffer(0), "allocate a picture");
  return frame;
}

/** The pixels of a picture of {@link rgbPicture}; valid until it is freed. */
export function pixelsOf(picture: Frame): Pixels {
  const bytes = picture.data?.[0] ?? new Uint8Array(0);
  return { bytes, strideBytes: picture.linesize[0] ?? 0, width: picture.width, height: picture.height };
}

/** A picture of any format in red, green and blue and another size. The receiver frees it. */
export function toRgb(picture: Frame, size: Size): Frame {
  const made = rgbPicture(size);
  const scaler = new Scaler();
  try {
    scaler.scale(made, picture);
    return made;
  } catch (error) {
    made.free();
    throw error;
  } finally {
    scaler.close();
  }
}

/** Puts black behind what can be seen through. */
export function flatten({ bytes }: Pixels): void {
  for (let at = 0; at < bytes.byteLength; at += PIXEL_BYTES) {
    const opacity = bytes[at + 3] ?? 255;
    if (opacity === 255) continue;
    for (let i = 0; i < 3; i++) bytes[at + i] = Math.round(((bytes[at + i] ?? 0) * opacity) / 255);
    bytes[at + 3] = 255;
  }
}
