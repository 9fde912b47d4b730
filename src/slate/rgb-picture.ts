import {
  AV_PIX_FMT_BGRA,
  AV_PIX_FMT_YUV420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_RGB,
  AVCOL_SPC_UNSPECIFIED,
  type AVColorSpace,
  type AVPixelFormat,
  SWS_ACCURATE_RND,
  SWS_AREA,
  SWS_BICUBIC,
  SWS_FULL_CHR_H_INP,
} from "node-av/constants";
import { FFmpegError, Frame, SoftwareScaleContext } from "node-av/lib";
import type { PictureFormat, Size } from "./picture-format.ts";

/** Bytes of a pixel: blue, green, red, opacity. */
export const PIXEL_BYTES = 4;
/** Transfer characteristics of pictures brighter than usual ones (ISO/IEC 23091-2): at these levels they show the usual white. */
const WHITE_BY_TRANSFER: ReadonlyMap<number, number> = new Map([
  [16, 0.58],
  [18, 0.75],
]);

/** Pixels of a picture, where they are in memory. */
export interface Pixels extends Size {
  readonly bytes: Uint8Array;
  readonly strideBytes: number;
}

function allocate(format: AVPixelFormat, { width, height }: Size): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = format;
  frame.width = width;
  frame.height = height;
  FFmpegError.throwIfError(frame.getBuffer(0), "allocate a picture");
  return frame;
}

/** A picture of red, green and blue whose pixels are anything. The receiver frees it. */
export function rgbPicture(size: Size): Frame {
  const frame = allocate(AV_PIX_FMT_BGRA, size);
  frame.colorSpace = AVCOL_SPC_RGB;
  frame.colorRange = AVCOL_RANGE_JPEG;
  return frame;
}

/** The pixels of a picture of {@link rgbPicture}; valid until it is freed. */
export function pixelsOf(picture: Frame): Pixels {
  const bytes = picture.data?.[0] ?? new Uint8Array(0);
  return { bytes, strideBytes: picture.linesize[0] ?? 0, width: picture.width, height: picture.height };
}

function scaleInto(made: Frame, picture: Frame, flags: number): Frame {
  const context = new SoftwareScaleContext();
  try {
    // Not told any sizes or formats: then the pictures' own ones count, and their colour matrix and range with them.
    context.allocContext();
    FFmpegError.throwIfError(context.setOption("sws_flags", String(flags)), "set up a scaler");
    FFmpegError.throwIfError(context.scaleFrameSync(made, picture), "scale a picture");
    return made;
  } catch (error) {
    made.free();
    throw error;
  } finally {
    context.freeContext();
  }
}

/** A picture of any format in red, green and blue and another size. The receiver frees it. */
export function toRgb(picture: Frame, size: Size): Frame {
  const isSmaller = size.width < picture.width || size.height < picture.height;
  return scaleInto(rgbPicture(size), picture, (isSmaller ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND);
}

/** A picture of red, green and blue as encoders take it, in a slate's size and colours. The receiver frees it. */
export function toCoded(picture: Frame, format: PictureFormat): Frame {
  const { colour } = format;
  dim(pixelsOf(picture), WHITE_BY_TRANSFER.get(colour?.transfer ?? 0) ?? 1);
  const made = allocate(AV_PIX_FMT_YUV420P, format);
  // The library's numbers are those of ISO/IEC 23091-2.
  made.colorSpace = (colour?.matrix ?? AVCOL_SPC_UNSPECIFIED) as AVColorSpace;
  made.colorRange = colour?.fullRange === true ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  return scaleInto(made, picture, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP);
}

function dim({ bytes }: Pixels, factor: number): void {
  if (factor === 1) return;
  for (let at = 0; at < bytes.byteLength; at++) bytes[at] = Math.round((bytes[at] ?? 0) * factor);
}
