import type { EncoderFallback } from "#codecs/encoding.ts";
import type { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { EncodingCapacity } from "./capacity.ts";
import type { RungChange } from "./rung-choice.ts";

/** What an operator reads of a stream's ladder. */
export class LadderLog {
  readonly #observer: Observer;
  readonly #stream: string;
  /** Names of encoders that were wanted in vain. */
  readonly #toldFallbacks = new Set<string>();

  constructor(observer: Observer, stream: string) {
    this.#observer = observer;
    this.#stream = stream;
  }

  /** There is no room for these rungs. */
  refused(names: readonly string[], capacity: EncodingCapacity): void {
    if (names.length === 0) return;
    const stream = this.#stream;
    const rungs = names.join(" and ");
    const freeMegapixels = Math.round(capacity.free);
    const totalMegapixels = Math.round(capacity.total);
    const message = `this machine has no room to encode ${rungs} of ${stream} now; what fits is made`;
    this.#observer.event("warn", "transcoder.full", { stream, rungs, freeMegapixels, totalMegapixels }, message);
  }

  /** Other rungs are made from now on. */
  changed(change: Exclude<RungChange, { kind: "none" }>, behindMicros: number): void {
    const stream = this.#stream;
    if (change.kind === "more") {
      const message = `${change.back} of ${stream} is made again`;
      this.#observer.event("info", "transcoder.rung.back", { stream, rung: change.back }, message);
      return;
    }
    const rungs = change.givenUp.join(" and ");
    const behindMs = Math.round(behindMicros / 1000);
    const message = `this machine cannot encode all rungs of ${stream} in time: ${rungs} is given up for a while`;
    this.#observer.event("warn", "transcoder.overloaded", { stream, rungs, behindMs }, message);
  }

  /** A worker is gone, and so many others are there. */
  lost(fault: Fault, workersLeft: number, waitMs: number): void {
    const stream = this.#stream;
    const rest =
      workersLeft > 0 ? "another one goes on" : "the source goes on, its rungs come back with a new transcoder";
    const fields = { stream, code: fault.code, error: fault.message, waitMs, workersLeft };
    this.#observer.event("error", "transcoder.worker.lost", fields, `a transcoder of ${stream} is gone; ${rest}`);
  }

  /** A worker's encoders are not those of the others. */
  unlike(what: string): void {
    const stream = this.#stream;
    const message = `a transcoder of ${stream} has other encoders than the one before it or beside it: ${what}`;
    this.#observer.event("warn", "transcoder.worker.unlike", { stream }, message);
  }

  /** An encoder could not be opened. Told once for each: other workers have the same machine. */
  fellBack({ wanted, used, reason, hint }: EncoderFallback): void {
    if (this.#toldFallbacks.has(wanted)) return;
    this.#toldFallbacks.add(wanted);
    const stream = this.#stream;
    const message = `${used} encodes ${stream} in place of ${wanted}, which does not open: ${reason}. ${hint}`;
    this.#observer.event("warn", "transcoder.encoder.fallback", { stream, wanted, used, reason }, message);
  }
}
