import type { TrackConfig } from "#media/track.ts";
import type { WireFrame } from "./worker-wire.ts";

/** One track of the source and all its rungs, in a worker. Its methods are called one after the other; what it makes is told as reports. */
export interface TrackTranscoder {
  /** The rungs' codec parameters, in the order of the job. */
  readonly configs: readonly TrackConfig[];
  /** Takes the next frame; resolves when there is room for another. @throws Fault, FFmpegError when a codec gave up. */
  frame(frame: WireFrame): Promise<void>;
  /** The source's share of the segment is complete. */
  seal(segment: number): Promise<void>;
  /** Gives up the segment that is not sealed; goes on at the next that begins with a keyframe. */
  abandon(): Promise<void>;
  /** Parameters that hold from the next frame on. */
  setSource(source: TrackConfig): void;
  /** From the next segment on, only the rungs whose bits are set are made, counted from the lowest; the others end each segment without a frame. */
  setRungs(mask: number): void;
  /** Encodes and tells everything that was given. @throws Fault, FFmpegError when a codec gave up. */
  finish(): Promise<void>;
}
