/** Units one track may have waiting: 4 s of the shortest Opus frames. Full: the oldest is given up. */
export const WAITING_UNITS_MAX = 2048;
/** Taken places at the front of the array before it is moved up. */
const TAKEN_MAX = 64;

/** A bounded queue, oldest first. */
export class UnitQueue<Unit> {
  readonly #units: Unit[] = [];
  #from = 0;

  get length(): number {
    return this.#units.length - this.#from;
  }

  /** The oldest one, without taking it. */
  get head(): Unit | undefined {
    return this.#units[this.#from];
  }

  /** Puts one at the end; answers whether the oldest had to go for it. */
  push(unit: Unit): boolean {
    this.#units.push(unit);
    if (this.length <= WAITING_UNITS_MAX) return false;
    this.take();
    return true;
  }

  /** The oldest one. */
  take(): Unit | undefined {
    const unit = this.#units[this.#from];
    if (unit === undefined) return undefined;
    this.#from++;
    if (this.#from === this.#units.length) {
      this.#units.length = 0;
      this.#from = 0;
    } else if (this.#from >= TAKEN_MAX) {
      this.#units.splice(0, this.#from);
      this.#from = 0;
    }
    return unit;
  }

  /** Empties it; answers how many there were. */
  clear(): number {
    const { length } = this;
    this.#units.length = 0;
    this.#from = 0;
    return length;
  }

  /** Looks at all, oldest first. */
  *[Symbol.iterator](): Generator<Unit> {
    for (let i = this.#from; i < this.#units.length; i++) {
      const unit = this.#units[i];
      if (unit !== undefined) yield unit;
    }
  }
}
