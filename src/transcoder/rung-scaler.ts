import {
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
import { FFmpegError, Frame, SoftwareScaleContext } from "node-av/lib";

/** The same samples on every processor: two machines make equal rungs. */
const SCALE_FLAGS = (SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT) as SwsFlags;

/** Formats that differ from the plain ones by their range alone. The range is kept as it is and told in the rung's parameters. */
const PLAIN_FORMATS: ReadonlyMap<AVPixelFormat, AVPixelFormat> = new Map([
  [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P],
  [AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P],
  [AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P],
]);

/** Makes 8-bit 4:2:0 pictures of one size and layout out of pictures of any. */
export class RungScaler {
  readonly #width: number;
  readonly #height: number;
  readonly #format: AVPixelFormat;
  readonly #scaled = new Frame();
  #context: SoftwareScaleContext | undefined;
  #contextFor = "";

  constructor(width: number, height: number, format: AVPixelFormat) {
    this.#width = width;
    this.#height = height;
    this.#format = format;
    this.#scaled.alloc();
  }

  /** Gives the picture in the rung's size: `picture` itself where nothing is to be done, else one that the next call overwrites. */
  async scale(picture: Frame): Promise<Frame> {
    // A picture's format is a pixel format.
    const told = picture.format as AVPixelFormat;
    const format = PLAIN_FORMATS.get(told) ?? told;
    if (picture.width === this.#width && picture.height === this.#height && format === this.#format) {
      picture.format = format;
      return picture;
    }
    const scaled = this.#scaled;
    if (scaled.width !== this.#width) {
      scaled.format = this.#format;
      scaled.width = this.#width;
      scaled.height = this.#height;
      FFmpegError.throwIfError(scaled.getBuffer(0), "allocate a picture");
    }
    FFmpegError.throwIfError(scaled.makeWritable(), "reuse a picture");
    picture.format = format;
    const context = this.#contextOf(picture.width, picture.height, format);
    FFmpegError.throwIfError(await context.scaleFrame(scaled, picture), "scale a picture");
    return scaled;
  }

  #contextOf(width: number, height: number, format: AVPixelFormat): SoftwareScaleContext {
    const key = `${width}x${height}:${format}`;
    if (this.#context !== undefined && key === this.#contextFor) return this.#context;
    this.#context?.freeContext();
    const context = new SoftwareScaleContext();
    context.getContext(width, height, format, this.#width, this.#height, this.#format, SCALE_FLAGS);
    this.#context = context;
    this.#contextFor = key;
    return context;
  }
}
