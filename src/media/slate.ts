import type { Rational } from "#time/ticks.ts";
import type { AudioConfig, VideoConfig } from "./track.ts";

/** A prepared picture with silence is asked for, in the format of a broadcast. */
export interface SlateRequest {
  readonly stream: string;
  readonly video: VideoConfig;
  readonly frameRate: Rational;
  readonly audio: AudioConfig | undefined;
  readonly file: string | undefined;
  readonly title: string;
  readonly words: string;
  readonly background: { readonly config: VideoConfig; readonly payload: Uint8Array } | undefined;
}

/** One loop. */
export interface Slate {
  readonly video: VideoConfig;
  readonly frameRate: Rational;
  readonly pictures: readonly { readonly payload: Uint8Array; readonly keyframe: boolean }[];
  readonly sound: { readonly config: AudioConfig; readonly frames: readonly Uint8Array[] } | undefined;
}

/** Makes slates. */
export interface SlateMaker {
  make(request: SlateRequest, signal: AbortSignal): Promise<Slate>;
}
