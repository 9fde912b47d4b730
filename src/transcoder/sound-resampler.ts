import type { Planes } from "./sound-mix.ts";

/** Zero crossings of the filter on each side, at the lower of the two rates. */
const CROSSINGS = 16;
/** Positions between two samples that the filter is known for. */
const PHASES = 512;
/** The filter's edge, of half the lower rate: what is above would fold. */
const PASS = 0.95;
/** Input samples for each output sample, at most: beyond, the filter gets no longer. */
const RATIO_MAX = 16;

/**
 * Changes the sample rate. The k-th sample that comes out stands at the time of the input's sample k · from / to, counted from the first one
 * that went in; it comes out when the filter's second half has gone in, too. What was before the first is silence.
 */
export class SoundResampler {
  readonly from: number;
  readonly to: number;
  readonly #half: number;
  readonly #filter: Float32Array;
  /** Samples that are still needed, the first at the input's position {@link #start}. */
  #planes: Float32Array[] = [];
  #start: number;
  /** Number of the next sample to come out. */
  #next = 0;

  /** Rates in Hz. */
  constructor(from: number, to: number) {
    const ratio = Math.min(RATIO_MAX, Math.max(1, from / to));
    this.from = from;
    this.to = to;
    this.#half = Math.ceil(CROSSINGS * ratio);
    this.#filter = filterOf(this.#half, PASS / ratio);
    this.#start = -this.#half;
  }

  /** Takes the next samples, always of equally many channels, and gives those that follow from them. */
  push(planes: Planes): Planes {
    const half = this.#half;
    this.#planes = planes.map((plane, channel) => {
      const before = this.#planes[channel] ?? new Float32Array(half);
      const all = new Float32Array(before.length + plane.length);
      all.set(before);
      all.set(plane, before.length);
      return all;
    });
    const end = this.#start + (this.#planes[0]?.length ?? 0);
    const first = this.#next;
    // The last sample's filter ends before the end of what is there.
    while (Math.floor((this.#next * this.from) / this.to) + half < end) this.#next++;
    const out = this.#planes.map((plane) => this.#filtered(plane, first, this.#next - first));
    const needed = Math.floor((this.#next * this.from) / this.to) - half + 1;
    const spent = Math.min(needed - this.#start, end - this.#start);
    this.#planes = this.#planes.map((plane) => plane.slice(spent));
    this.#start += spent;
    return out;
  }

  #filtered(plane: Float32Array, first: number, count: number): Float32Array {
    const out = new Float32Array(count);
    const taps = 2 * this.#half;
    for (let k = 0; k < count; k++) {
      const position = ((first + k) * this.from) / this.to;
      const whole = Math.floor(position);
      const phase = Math.round((position - whole) * PHASES) * taps;
      const at = whole - this.#half + 1 - this.#start;
      let sum = 0;
      for (let i = 0; i < taps; i++) sum += (plane[at + i] ?? 0) * (this.#filter[phase + i] ?? 0);
      out[k] = sum;
    }
    return out;
  }
}

/** A windowed sinc for each phase from 0 to {@link PHASES}, with `2 · half` taps; each passes a constant unchanged. */
function filterOf(half: number, cutoff: number): Float32Array {
  const taps = 2 * half;
  const filter = new Float32Array((PHASES + 1) * taps);
  for (let phase = 0; phase <= PHASES; phase++) {
    const row = Array.from({ length: taps }, (_, i) => {
      const x = i - half + 1 - phase / PHASES;
      const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / half) + 0.08 * Math.cos((2 * Math.PI * x) / half);
      return Math.abs(x) > half ? 0 : window * (x === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x));
    });
    const sum = row.reduce((a, b) => a + b, 0);
    filter.set(
      row.map((tap) => tap / sum),
      phase * taps,
    );
  }
  return filter;
}

/** How much a frame may be stretched, of its length: a correction of the clock is far below. */
const STRETCH_MAX = 1 / 16;

/** Exactly `count` samples: a little more or fewer than there are by stretching, else by silence at the end or by leaving the end out. */
export function fitted(planes: Planes, count: number): Planes {
  const length = planes[0]?.length ?? 0;
  if (length === count) return planes;
  const isNear = Math.abs(length - count) <= length * STRETCH_MAX;
  return planes.map((plane) => (isNear ? stretched(plane, count) : padded(plane, count)));
}

function padded(plane: Float32Array, count: number): Float32Array {
  const out = new Float32Array(count);
  out.set(plane.subarray(0, count));
  return out;
}

/** Through a cubic of Catmull and Rom. */
function stretched(plane: Float32Array, count: number): Float32Array {
  const out = new Float32Array(count);
  const at = (i: number): number => plane[Math.max(0, Math.min(plane.length - 1, i))] ?? 0;
  for (let k = 0; k < count; k++) {
    const position = (k * plane.length) / count;
    const i = Math.floor(position);
    const x = position - i;
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    out[k] = b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)));
  }
  return out;
}
