import type { Chunk } from "./chunk.ts";

/** What {@link TrackContinuity.add} found at the join of two chunks. */
export interface ContinuityBreak {
  readonly kind: "missing" | "repeated";
  /** Frames, estimated by the usual frame duration. */
  readonly frames: number;
  readonly expectedDts: number;
  readonly foundDts: number;
}

/** Follows a track's decode times: each chunk must begin exactly where the one before ended (ISO/IEC 23000-19 §7.3.2.3). */
export class TrackContinuity {
  #expected: number | undefined;
  #frameDuration = 0;
  frames = 0;
  framesMissing = 0;
  framesRepeated = 0;

  /** Where the next chunk must begin, in ticks; `undefined` before the first and after {@link restart}. */
  get expectedDts(): number | undefined {
    return this.#expected;
  }

  /** The next chunk may begin anywhere: a discontinuity was announced, or something was not fetched. */
  restart(): void {
    this.#expected = undefined;
  }

  /** The next chunk. Returns a break, or `undefined` when it joins. */
  add(chunk: Chunk): ContinuityBreak | undefined {
    const expected = this.#expected;
    this.#expected = chunk.startDts + chunk.duration;
    this.frames += chunk.samples.length;
    const usual = chunk.duration / Math.max(1, chunk.samples.length);
    if (this.#frameDuration === 0) this.#frameDuration = usual;
    if (expected === undefined || chunk.startDts === expected) return undefined;
    const offBy = chunk.startDts - expected;
    const frames = Math.max(1, Math.round(Math.abs(offBy) / Math.max(1, this.#frameDuration)));
    if (offBy > 0) this.framesMissing += frames;
    else this.framesRepeated += frames;
    return { kind: offBy > 0 ? "missing" : "repeated", frames, expectedDts: expected, foundDts: chunk.startDts };
  }
}
