import type { RawFrame } from "#media/frame.ts";

/** How long frames of an encoder that is not on air are kept, milliseconds. */
const BACKLOG_MS = 10_000;
/** What they may weigh: 10 s at 12 Mbit/s, bytes. The oldest go first. */
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
/** Sound from before a keyframe that is used with it, milliseconds. */
const SOUND_BEFORE_MS = 500;

/** A frame and when it came. */
export interface KeptFrame {
  readonly frame: RawFrame;
  readonly nowMs: number;
}

/** The newest frames of an encoder that stands by, in the order they came: what a switch to it begins with. */
export class Backlog {
  #frames: KeptFrame[] = [];
  #head = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a frame; drops those that are too old or too many. */
  push(frame: RawFrame, nowMs: number): void {
    this.#frames.push({ frame, nowMs });
    this.#bytes += frame.payload.byteLength;
    for (let oldest = this.#frames[this.#head]; oldest !== undefined; oldest = this.#frames[this.#head]) {
      if (nowMs - oldest.nowMs <= BACKLOG_MS && this.#bytes <= BACKLOG_BYTES_MAX) break;
      this.#bytes -= oldest.frame.payload.byteLength;
      this.#head++;
    }
    if (this.#head < 64 || this.#head * 2 < this.#frames.length) return;
    this.#frames.splice(0, this.#head);
    this.#head = 0;
  }

  /** The newest frame of which this is true. */
  findLast(isWanted: (frame: RawFrame) => boolean): RawFrame | undefined {
    for (let at = this.#frames.length - 1; at >= this.#head; at--) {
      const frame = this.#frames[at]?.frame;
      if (frame !== undefined && isWanted(frame)) return frame;
    }
    return undefined;
  }

  /** All of them, oldest first; afterwards it is empty. */
  take(): KeptFrame[] {
    const frames = this.#frames.slice(this.#head);
    this.clear();
    return frames;
  }

  /**
   * The newest keyframe and what came after it, with the sound right before it; empty where it has none. Without pictures each sound can begin.
   */
  fromKeyframe(hasPicture: boolean): KeptFrame[] {
    let start = this.#frames.length - 1;
    for (; start >= this.#head; start--) {
      const frame = this.#frames[start]?.frame;
      if (frame?.keyframe === true && (!hasPicture || frame.track.kind === "video")) break;
    }
    const key = this.#frames[start];
    if (key === undefined || start < this.#head) return [];
    const sound = this.#frames
      .slice(this.#head, start)
      .filter(({ frame, nowMs }) => frame.track.kind === "audio" && key.nowMs - nowMs <= SOUND_BEFORE_MS)
      // What was kept elsewhere comes in a burst: all of it is new, little of it belongs here.
      .filter(({ frame }) => Math.abs((key.frame.dts - frame.dts) | 0) <= SOUND_BEFORE_MS);
    return [...sound, ...this.#frames.slice(start)];
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
