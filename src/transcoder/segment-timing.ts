/** When a frame of the source's segment is decoded and shown, in ticks of 90 kHz. */
export interface SourceTimes {
  readonly dts: number;
  /** Presentation time. */
  readonly pts: number;
  readonly duration: number;
}

/** When a frame of a rung is decoded, and for how long, in ticks of 90 kHz. */
export interface RungTimes {
  readonly dts: number;
  readonly duration: number;
}

/**
 * The times of a segment's frames, and what follows for its rungs. Of the source's frames a rung has every n-th:
 *
 *     source, in the order of decoding    0   1   2   3   4 │        n = 2: frame i of the rung has the decode time of frame 2i,
 *     rung                                0───────1───────2─┘        and the last one lasts to the segment's end
 */
export class SegmentTiming {
  readonly segment: number;
  readonly #frames: SourceTimes[] = [];
  #isSealed = false;

  constructor(segment: number) {
    this.segment = segment;
  }

  /** Takes the next frame of the source in decoding order. */
  add(frame: SourceTimes): void {
    this.#frames.push(frame);
  }

  /** No frame follows. */
  seal(): void {
    this.#isSealed = true;
  }

  get isSealed(): boolean {
    return this.#isSealed;
  }

  /** Frames of the source so far. */
  get frameCount(): number {
    return this.#frames.length;
  }

  /** How many frames of a sealed segment a rung has that takes every `divisor`-th. */
  rungFrameCount(divisor: number): number {
    return Math.ceil(this.#frames.length / divisor);
  }

  /** Times of a rung's frame; `undefined` while a frame of the source is awaited that says when it ends. */
  rungTimes(index: number, divisor: number): RungTimes | undefined {
    const first = this.#frames[index * divisor];
    const inFull = this.#frames[(index + 1) * divisor - 1];
    const last = inFull ?? (this.#isSealed ? this.#frames.at(-1) : undefined);
    if (first === undefined || last === undefined) return undefined;
    return { dts: first.dts, duration: last.dts + last.duration - first.dts };
  }
}
