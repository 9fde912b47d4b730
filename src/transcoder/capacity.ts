/** Share of the processors that encoding may plan with: delivery and the encoders' own peaks need the rest. */
const PLANNED_SHARE = 0.9;
/** Processor seconds for a megapixel of rungs, decoding and scaling included, until this machine's own figure is known. */
const USUAL_SECONDS_PER_MEGAPIXEL = 0.015;
/** Weight of that guess against measurements, megapixels. */
const GUESS_MEGAPIXELS = 100;
/** What of the measurements is left after each new one: a figure of the last minutes. */
const MEMORY = 0.995;

/** What {@link EncodingCapacity} is told. */
export interface CapacityOptions {
  /** Processors this process may use; a fraction where a container is given less than one. */
  readonly processors: number;
  /** Megapixels per second, where the operator knows better than any measurement. */
  readonly megapixelsPerSecond?: number | undefined;
}

/**
 * How many megapixels of rungs a second this machine can encode: measured from the processor time that workers say they used, and shared out
 * among the broadcasts. A rung's load is the luma samples of its pictures; what decoding and scaling cost is in the measured price.
 */
export class EncodingCapacity {
  readonly #processors: number;
  readonly #fixed: number | undefined;
  #seconds = USUAL_SECONDS_PER_MEGAPIXEL * GUESS_MEGAPIXELS;
  #megapixels = GUESS_MEGAPIXELS;
  #used = 0;

  constructor({ processors, megapixelsPerSecond }: CapacityOptions) {
    this.#processors = processors;
    this.#fixed = megapixelsPerSecond;
  }

  /** Megapixels per second when nothing is encoded. */
  get total(): number {
    return this.#fixed ?? (this.#processors * PLANNED_SHARE * this.#megapixels) / this.#seconds;
  }

  /** Megapixels per second that are promised to rungs. */
  get used(): number {
    return this.#used;
  }

  /** Megapixels per second that are left. */
  get free(): number {
    return Math.max(0, this.total - this.#used);
  }

  /** A worker used so much processor time for so many megapixels of rungs. */
  spent(cpuMicros: number, megapixels: number): void {
    this.#seconds = this.#seconds * MEMORY + cpuMicros / 1_000_000;
    this.#megapixels = this.#megapixels * MEMORY + megapixels;
  }

  /** Takes so many megapixels per second, unless there are not so many; answers whether it did. Nothing at all is always there. */
  reserve(megapixelsPerSecond: number): boolean {
    if (megapixelsPerSecond > 0 && megapixelsPerSecond > this.free) return false;
    this.#used += megapixelsPerSecond;
    return true;
  }

  /** Gives back what was {@link reserve}d. */
  release(megapixelsPerSecond: number): void {
    this.#used = Math.max(0, this.#used - megapixelsPerSecond);
  }
}
