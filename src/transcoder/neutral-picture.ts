import { AV_PIX_FMT_YUV420P } from "node-av/constants";
import { FFmpegError, Frame } from "node-av/lib";

const BLACK_LUMA = 16;
const NO_CHROMA = 128;

/** Makes all of a picture black, whether its colours stand in one plane or two. In full range black is 0. */
export function blacken(picture: Frame, isFullRange: boolean): void {
  const luma = isFullRange ? 0 : BLACK_LUMA;
  for (const [plane, bytes] of (picture.data ?? []).entries()) bytes.fill(plane === 0 ? luma : NO_CHROMA);
}

/** A black picture: what is shown where nothing could be decoded so far. The receiver frees it. */
export function neutralPicture(width: number, height: number): Frame {
  const picture = new Frame();
  picture.alloc();
  picture.format = AV_PIX_FMT_YUV420P;
  picture.width = width;
  picture.height = height;
  FFmpegError.throwIfError(picture.getBuffer(0), "allocate a picture");
  blacken(picture, false);
  return picture;
}
