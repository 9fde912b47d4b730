import {
  AV_PIX_FMT_YUV420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_SMPTE170M,
  AVCOL_SPC_UNSPECIFIED,
  type AVColorSpace,
} from "node-av/constants";
import { FFmpegError, Frame } from "node-av/lib";
import { displaySize, type PictureFormat, type Size } from "./picture-format.ts";
import { Scaler } from "./scaler.ts";
import { upright } from "./upright.ts";

/** Pictures with as many lines are taken for BT.709 where nothing is said, smaller ones for BT.601: so do players. */
const HIGH_DEFINITION_LINES = 720;
/** Transfer characteristics of pictures brighter than usual ones (ISO/IEC 23091-2): at these levels they show the usual white. */
const WHITE_BY_TRANSFER: ReadonlyMap<number, number> = new Map([
  [16, 0.58],
  [18, 0.75],
]);
const BLACK_LUMA = 16;
const NO_CHROMA = 128;
/** What a picture may lack of the frame's sides and still fills it, luma samples: rounding. */
const ROUNDING = 2;

/** A place in a picture, luma samples; all even. */
interface Rectangle extends Size {
  readonly x: number;
  readonly y: number;
}

/** Makes pictures of any size and format what a slate's encoder takes: as large as can be, in the middle, upright, never stretched, in the slate's colours. */
export class PictureFitter {
  readonly #format: PictureFormat;
  readonly #coded: Frame;
  readonly #scaler = new Scaler();
  /** What a fitted picture is scaled into where it does not fill the frame. */
  #inner: Frame | undefined;

  constructor(format: PictureFormat) {
    this.#format = format;
    this.#coded = this.#allocate(format);
    const black = this.#isFullRange ? 0 : BLACK_LUMA;
    for (const [plane, bytes] of (this.#coded.data ?? []).entries()) bytes.fill(plane === 0 ? black : NO_CHROMA);
  }

  get #isFullRange(): boolean {
    return this.#format.colour?.fullRange === true;
  }

  /** The picture as it is coded; the same object each time, which stays ours and is overwritten by the next one. */
  fit(picture: Frame): Frame {
    if (picture.colorSpace === AVCOL_SPC_UNSPECIFIED) picture.colorSpace = guessedMatrix(picture);
    const turned = upright(picture);
    try {
      return this.#fitUpright(turned ?? picture);
    } finally {
      turned?.free();
    }
  }

  /** Gives its memory back. */
  close(): void {
    this.#scaler.close();
    this.#inner?.free();
    this.#coded.free();
  }

  #fitUpright(picture: Frame): Frame {
    const place = this.#placeOf(picture);
    const { width, height } = this.#format;
    FFmpegError.throwIfError(this.#coded.makeWritable(), "reuse a picture");
    if (place.width === width && place.height === height) {
      this.#scaler.scale(this.#coded, picture);
    } else {
      if (this.#inner?.width !== place.width || this.#inner.height !== place.height) {
        this.#inner?.free();
        this.#inner = this.#allocate(place);
      }
      this.#scaler.scale(this.#inner, picture);
      copyInto(this.#coded, this.#inner, place);
    }
    const white = WHITE_BY_TRANSFER.get(this.#format.colour?.transfer ?? 0);
    if (white !== undefined) dim(this.#coded, white, this.#isFullRange ? 0 : BLACK_LUMA);
    return this.#coded;
  }

  #allocate({ width, height }: Size): Frame {
    const { colour } = this.#format;
    const frame = new Frame();
    frame.alloc();
    frame.format = AV_PIX_FMT_YUV420P;
    frame.width = width;
    frame.height = height;
    // The library's numbers are those of ISO/IEC 23091-2.
    frame.colorSpace = (colour?.matrix as AVColorSpace | undefined) ?? guessedMatrix(this.#format);
    frame.colorRange = this.#isFullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    FFmpegError.throwIfError(frame.getBuffer(0), "allocate a picture");
    return frame;
  }

  #placeOf({ width: ownWidth, height: ownHeight, sampleAspectRatio: { num, den } }: Frame): Rectangle {
    const { width, height } = this.#format;
    const shown = displaySize(this.#format);
    const ownStretch = num > 0 && den > 0 ? num / den : 1;
    const scale = Math.min(shown.width / (ownWidth * ownStretch), shown.height / ownHeight);
    const fittedWidth = (ownWidth * ownStretch * scale * width) / shown.width;
    const fittedHeight = ownHeight * scale;
    if (fittedWidth > width - ROUNDING && fittedHeight > height - ROUNDING) return { x: 0, y: 0, width, height };
    const [innerWidth, innerHeight] = [even(fittedWidth, width), even(fittedHeight, height)];
    return { x: half(width - innerWidth), y: half(height - innerHeight), width: innerWidth, height: innerHeight };
  }
}

function guessedMatrix({ height }: Size): AVColorSpace {
  return height >= HIGH_DEFINITION_LINES ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

function even(value: number, max: number): number {
  return Math.min(max, Math.max(2, 2 * Math.round(value / 2)));
}

function half(rest: number): number {
  return 2 * Math.floor(rest / 4);
}

function copyInto(target: Frame, source: Frame, { x, y, width, height }: Rectangle): void {
  for (const [plane, bytes] of (source.data ?? []).entries()) {
    const by = plane === 0 ? 1 : 2;
    const to = target.data?.[plane];
    const [fromStride = 0, toStride = 0] = [source.linesize[plane], target.linesize[plane]];
    for (let row = 0; row < height / by; row++)
      to?.set(bytes.subarray(row * fromStride, row * fromStride + width / by), (y / by + row) * toStride + x / by);
  }
}

function dim(picture: Frame, factor: number, black: number): void {
  for (const [plane, bytes] of (picture.data ?? []).entries()) {
    const still = plane === 0 ? black : NO_CHROMA;
    for (let at = 0; at < bytes.byteLength; at++)
      bytes[at] = Math.round(still + ((bytes[at] ?? still) - still) * factor);
  }
}
