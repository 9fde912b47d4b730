import type { Frame } from "node-av/lib";

/**
 * A picture that several use, each for as long as it needs: whoever lets go of it last gives its memory back. The library can count references
 * itself, but tells the collector of the whole picture's memory each time, which costs more than scaling it.
 */
export class HeldPicture {
  readonly frame: Frame;
  readonly #freed: (frame: Frame) => void;
  #holders = 1;

  /** Held once, by the caller. `freed` is told when nobody holds it any more; the frame is freed where it is left out. */
  constructor(frame: Frame, freed: (frame: Frame) => void = (unused) => unused.free()) {
    this.frame = frame;
    this.#freed = freed;
  }

  /** One more holds it. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** One less holds it. */
  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.#freed(this.frame);
  }
}
