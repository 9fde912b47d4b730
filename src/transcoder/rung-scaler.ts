import {
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV422P,
  AV_PIX_FMT_YUV444P,
  AV_PIX_FMT_YUVJ420P,
  AV_PIX_FMT_YUVJ422P,
  AV_PIX_FMT_YUVJ444P,
  type AVPixelFormat,
  SWS_ACCURATE_RND,
  SWS_BICUBIC,
  SWS_BITEXACT,
  type SwsFlags,
} from "node-av/constants";
import { FFmpegError, Frame, Rational as AvRational, SoftwareScaleContext } from "node-av/lib";
import type { Rational } from "#time/ticks.ts";
import { HeldPicture } from "./held-picture.ts";
import { blacken } from "./neutral-picture.ts";
import { fitInside, type Rectangle } from "./picture-fit.ts";

/** The same samples on every processor: two machines make equal rungs. */
const SCALE_FLAGS = (SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT) as SwsFlags;

/** Formats that differ from the plain ones by their range alone. The range is kept as it is and told in the rung's parameters. */
const PLAIN_FORMATS: ReadonlyMap<AVPixelFormat, AVPixelFormat> = new Map([
  [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P],
  [AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P],
  [AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P],
]);

/** What a {@link RungScaler} makes. */
export interface RungPictures {
  readonly width: number;
  readonly height: number;
  /** 8-bit 4:2:0, in three planes or two. */
  readonly pixelFormat: AVPixelFormat;
  readonly pixelAspect: Rational;
  /** Black is 0, not 16. */
  readonly isFullRange: boolean;
}

/** A picture of the rung's size. */
interface Canvas {
  readonly picture: Frame;
  /** Between which bars it was written last; empty: none. */
  barsFor: string;
}

/**
 * Makes pictures of one form out of pictures of any. One of another aspect ratio keeps its own, between black bars:
 *
 *     ┌──┬──────┬──┐     ┌────────────┐
 *     │▓▓│      │▓▓│     │▓▓▓▓▓▓▓▓▓▓▓▓│
 *     │▓▓│      │▓▓│     │            │
 *     │▓▓│      │▓▓│     │▓▓▓▓▓▓▓▓▓▓▓▓│
 *     └──┴──────┴──┘     └────────────┘
 */
export class RungScaler {
  readonly #pictures: RungPictures;
  readonly #whole: Rectangle;
  /** In the rung's size, held by nobody. */
  readonly #unused: Canvas[] = [];
  /** What stands between the bars. */
  readonly #inner = new Frame();
  #context: SoftwareScaleContext | undefined;
  #contextFor = "";

  constructor(pictures: RungPictures) {
    this.#pictures = pictures;
    this.#whole = { x: 0, y: 0, width: pictures.width, height: pictures.height };
    this.#inner.alloc();
  }

  /** Gives the picture in the rung's form, held by the caller: `source` itself where nothing is to be done, else one that is written to again when nobody holds it. */
  async scale(source: HeldPicture): Promise<HeldPicture> {
    const picture = source.frame;
    const { width, height, pixelFormat } = this.#pictures;
    // A picture's format is a pixel format.
    const told = picture.format as AVPixelFormat;
    const format = PLAIN_FORMATS.get(told) ?? told;
    picture.format = format;
    if (picture.width === width && picture.height === height && format === pixelFormat) return source.hold();
    const place = this.#placeOf(picture);
    const isWhole = place.width === width && place.height === height;
    const canvas = this.#canvas();
    const target = isWhole ? canvas.picture : this.#sized(this.#inner, place);
    const context = this.#contextOf(picture.width, picture.height, format, place);
    FFmpegError.throwIfError(await context.scaleFrame(target, picture), "scale a picture");
    if (isWhole) canvas.barsFor = "";
    else this.#paste(place, canvas);
    return new HeldPicture(canvas.picture, () => this.#unused.push(canvas));
  }

  /** A picture of the rung's size that nobody holds. */
  #canvas(): Canvas {
    const unused = this.#unused.pop();
    if (unused !== undefined) return unused;
    const picture = new Frame();
    picture.alloc();
    this.#sized(picture, this.#whole);
    const { num, den } = this.#pictures.pixelAspect;
    picture.sampleAspectRatio = new AvRational(num, den);
    return { picture, barsFor: "" };
  }

  #placeOf(picture: Frame): Rectangle {
    const { num, den } = picture.sampleAspectRatio;
    const pixelAspect = num > 0 && den > 0 ? { num, den } : { num: 1, den: 1 };
    return fitInside({ width: picture.width, height: picture.height, pixelAspect }, this.#pictures);
  }

  /** The frame with memory for that size. */
  #sized(frame: Frame, { width, height }: Rectangle): Frame {
    if (frame.width !== width || frame.height !== height) {
      frame.unref();
      frame.format = this.#pictures.pixelFormat;
      frame.width = width;
      frame.height = height;
      FFmpegError.throwIfError(frame.getBuffer(0), "allocate a picture");
    }
    return frame;
  }

  #paste(place: Rectangle, canvas: Canvas): void {
    const { pixelFormat, isFullRange } = this.#pictures;
    const key = JSON.stringify(place);
    if (key !== canvas.barsFor) blacken(canvas.picture, isFullRange);
    canvas.barsFor = key;
    const from = this.#inner.data ?? [];
    for (const [plane, to] of (canvas.picture.data ?? []).entries()) {
      const source = from[plane];
      if (source === undefined) continue;
      const [toStride = 0, fromStride = 0] = [canvas.picture.linesize[plane], this.#inner.linesize[plane]];
      const shrunk = plane === 0 ? 1 : 2;
      // Two planes: the colours of a sample stand side by side.
      const across = pixelFormat === AV_PIX_FMT_NV12 ? 1 : shrunk;
      const rowBytes = place.width / across;
      for (let row = 0; row < place.height / shrunk; row++) {
        const at = (place.y / shrunk + row) * toStride + place.x / across;
        to.set(source.subarray(row * fromStride, row * fromStride + rowBytes), at);
      }
    }
  }

  #contextOf(width: number, height: number, format: AVPixelFormat, place: Rectangle): SoftwareScaleContext {
    const key = `${width}x${height}:${format}:${place.width}x${place.height}`;
    if (this.#context !== undefined && key === this.#contextFor) return this.#context;
    this.#context?.freeContext();
    const context = new SoftwareScaleContext();
    context.getContext(width, height, format, place.width, place.height, this.#pictures.pixelFormat, SCALE_FLAGS);
    this.#context = context;
    this.#contextFor = key;
    return context;
  }
}
