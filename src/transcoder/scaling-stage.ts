/**
 * Between the decoder and the rungs: each picture is made in every size once, a smaller one from a larger one where that is large enough.
 *
 *     1080 ─┬▶ 720 ─┬▶ 480 ─▶ encoders of 480 lines
 *           │       └▶ 360 ─▶ encoders of 360 lines
 *           └▶ encoders of 720 lines, in H.264 and whatever else
 *
 * The sizes hang together as the job says, whatever rungs are made at the moment: a rung's picture depends on the source's alone.
 */
import type { HeldPicture } from "./held-picture.ts";
import type { RungLine } from "./rung-line.ts";
import { type RungPictures, RungScaler } from "./rung-scaler.ts";
import type { SegmentTiming } from "./segment-timing.ts";
import { TaskQueue } from "./task-queue.ts";

/** Decoded pictures that wait to be scaled; at more, decoding waits. */
const PICTURES_WAITING_MAX = 3;
/** So much larger, at least, a picture is of which another one is made, in width and height: with less the loss could be seen. */
const SHRINK_MIN = 1.45;

/** A size of the picture. */
interface Size {
  readonly pictures: RungPictures;
  readonly scaler: RungScaler;
  /** What it is made of; the source's picture where there is none. */
  readonly from: Size | undefined;
}

function isSame(a: RungPictures, b: RungPictures): boolean {
  return a.width === b.width && a.height === b.height && a.pixelFormat === b.pixelFormat;
}

function canBeMadeOf(small: RungPictures, large: RungPictures): boolean {
  const isEnough = large.width >= small.width * SHRINK_MIN && large.height >= small.height * SHRINK_MIN;
  return isEnough && small.pixelFormat === large.pixelFormat;
}

/** The sizes of all rungs, each once, the largest first. */
function sizesOf(lines: readonly RungLine[]): readonly Size[] {
  const sizes: Size[] = [];
  for (const { pictures } of [...lines].sort((a, b) => b.pictures.width - a.pictures.width)) {
    if (sizes.some((size) => isSame(size.pictures, pictures))) continue;
    const from = sizes.findLast((size) => canBeMadeOf(pictures, size.pictures));
    sizes.push({ pictures, scaler: new RungScaler(pictures), from });
  }
  return sizes;
}

/** Gives each rung its pictures in its size, in order, and what happens between them. */
export class ScalingStage {
  readonly #lines: readonly RungLine[];
  readonly #sizes: readonly Size[];
  readonly #queue = new TaskQueue();

  constructor(lines: readonly RungLine[]) {
    this.#lines = lines;
    this.#sizes = sizesOf(lines);
  }

  /** Gives `lines` the segment's picture at `position`, which is shown at `pts` (90 kHz). The stage holds the picture from now on. */
  present(
    timing: SegmentTiming,
    position: number,
    pts: number,
    picture: HeldPicture,
    lines: readonly RungLine[],
  ): void {
    this.#queue.push(async () => {
      const made = new Map<Size, HeldPicture>();
      for (const line of lines) {
        const size = this.#sizes.find(({ pictures }) => isSame(pictures, line.pictures));
        if (size === undefined) continue;
        const scaled = await this.#make(size, picture, made);
        await line.room();
        line.encode(timing, position / line.divisor, pts, scaled.hold());
      }
      for (const scaled of made.values()) scaled.release();
      picture.release();
    });
  }

  /** The segment has all its pictures. */
  end(timing: SegmentTiming): void {
    this.#queue.push(() => {
      for (const line of this.#lines) line.end(timing);
      return Promise.resolve();
    });
  }

  /** Gives up what is not yet told of the segment. */
  abandon(): void {
    this.#queue.push(() => {
      for (const line of this.#lines) line.abandon();
      return Promise.resolve();
    });
  }

  /** Resolves when there is room for another picture. @throws what the codec library threw. */
  async room(): Promise<void> {
    await this.#queue.below(PICTURES_WAITING_MAX);
  }

  /** Resolves when everything is encoded and told. @throws what the codec library threw. */
  async idle(): Promise<void> {
    await this.#queue.below(1);
    for (const line of this.#lines) await line.idle();
  }

  async #make(size: Size, source: HeldPicture, made: Map<Size, HeldPicture>): Promise<HeldPicture> {
    const known = made.get(size);
    if (known !== undefined) return known;
    const from = size.from === undefined ? source : await this.#make(size.from, source, made);
    const picture = await size.scaler.scale(from);
    made.set(size, picture);
    return picture;
  }
}
