/**
 * Whether the pictures of one encoder session can be decoded, by what a decoder said of its keyframes:
 *
 *   not known ─intact─▶ known ─damaged twice in a row─▶ called undecodable ─intact─▶ known
 *
 * Before the first intact keyframe of its format damaged ones say nothing: the decoder may not know the format.
 */
import type { KeyframeJudgement } from "./ports.ts";

/** Damaged keyframes in a row after which a session is called undecodable: a single one may have met with an accident. */
const DAMAGED_KEYFRAMES = 2;
/** How often a keyframe of a session that is called undecodable is decoded, milliseconds. */
const TRIED_EVERY_MS = 2000;

/** What is known of one session's keyframes. */
export class Decodability {
  #isKnown = false;
  #damaged = 0;
  #why: string | undefined;
  #triedMs = Number.NEGATIVE_INFINITY;

  /** What is wrong with its pictures, in a few words; `undefined` where they can be decoded, as far as is known. */
  get problem(): string | undefined {
    return this.#why;
  }

  /** Takes what a decoder said of one of its keyframes. `isKnown`: one with the same parameters was intact before, from whomever it came. */
  judged({ verdict, why }: KeyframeJudgement, isKnown = false): void {
    this.#isKnown ||= isKnown;
    if (verdict === "intact") {
      this.#isKnown = true;
      this.#damaged = 0;
      this.#why = undefined;
    } else if (verdict === "damaged" && this.#isKnown && ++this.#damaged >= DAMAGED_KEYFRAMES) this.#why = why;
  }

  /** Another session carries the same and cannot be decoded. */
  follow({ problem }: Decodability): void {
    this.#why = problem;
  }

  /** Whether a keyframe that came now is to be decoded, to see whether its session is well again. Then it counts as being so. */
  tries(nowMs: number): boolean {
    if (this.#why === undefined || nowMs - this.#triedMs < TRIED_EVERY_MS) return false;
    this.#triedMs = nowMs;
    return true;
  }
}
