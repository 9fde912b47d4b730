import type { RawFrame } from "#media/frame.ts";

/** For how many frames one waits for its twin: 20 s of pictures at 60 a second. */
const REMEMBERED_FRAMES_MAX = 1200;
/** Agreeing frames, a keyframe among them, that prove two paths to carry the same encode. */
const AGREEING_FRAMES = 8;
/** How far the distance of two clocks may vary, milliseconds: each rounds for itself. */
export const ROUNDING_MS = 2;

/** What a frame carries, as a number of 52 bits: equal for equal payloads of the same kind of track. */
export function contentHash({ track, payload }: RawFrame): number {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let low = (track.number * 2 + Number(track.kind === "video")) ^ payload.byteLength;
  let high = ~low;
  let at = 0;
  for (; at + 4 <= payload.byteLength; at += 4) {
    const word = view.getInt32(at);
    low = Math.imul(low ^ word, 0x01_00_01_93);
    high = Math.imul(high + word, 0x85_eb_ca_6b) ^ (high >>> 15);
  }
  for (; at < payload.byteLength; at++) low = Math.imul(low ^ view.getUint8(at), 0x01_00_01_93);
  return (low >>> 0) * 0x10_00_00 + ((high ^ (high >>> 13)) & 0xf_ff_ff);
}

/** The stamps of the last frames by what they carry. Frames that look alike say nothing about when they were and are forgotten. */
export class RememberedFrames {
  readonly #stamps = new Map<number, number | "several">();

  get size(): number {
    return this.#stamps.size;
  }

  add(hash: number, stamp: number): void {
    const isKnown = this.#stamps.delete(hash);
    this.#stamps.set(hash, isKnown ? "several" : stamp);
    if (this.#stamps.size <= REMEMBERED_FRAMES_MAX) return;
    for (const oldest of this.#stamps.keys()) {
      this.#stamps.delete(oldest);
      break;
    }
  }

  /** The stamp of the only frame that carries this. */
  find(hash: number): number | undefined {
    const stamp = this.#stamps.get(hash);
    return stamp === "several" ? undefined : stamp;
  }

  clear(): void {
    this.#stamps.clear();
  }
}

/** Finds out whether a path carries what another one does, and how far their clocks are apart. */
export class PathMatch {
  readonly #own = new RememberedFrames();
  #offset = 0;
  #agreeing = 0;
  #hasKeyframe = false;

  /** A frame of this path; `twin`: the stamp of the same content on the other one. Answers the offset to add once it is proven. */
  frame(hash: number, frame: RawFrame, twin: number | undefined): number | undefined {
    this.#own.add(hash, frame.dts);
    return twin === undefined ? undefined : this.#agree((twin - frame.dts) | 0, frame.keyframe);
  }

  /** A frame of the other path, for a path that is ahead of it. Answers the offset once it is proven. */
  other(hash: number, stamp: number, keyframe: boolean): number | undefined {
    const own = this.#own.find(hash);
    return own === undefined ? undefined : this.#agree((stamp - own) | 0, keyframe);
  }

  #agree(offset: number, keyframe: boolean): number | undefined {
    if (this.#agreeing === 0 || Math.abs(offset - this.#offset) > ROUNDING_MS) {
      this.#agreeing = 0;
      this.#hasKeyframe = false;
      this.#offset = offset;
    }
    this.#agreeing++;
    this.#hasKeyframe ||= keyframe;
    return this.#agreeing >= AGREEING_FRAMES && this.#hasKeyframe ? this.#offset : undefined;
  }
}
