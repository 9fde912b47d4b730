import type { Fault } from "#faults/fault.ts";
import type { AudioConfig, VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/** What a slate is to look and sound like: a prepared picture that stands in for encoders that deliver nothing. */
export interface SlateRequest {
  readonly stream: string;
  /** Format of the picture: codec (avc, hevc, av1), size, pixel aspect and colour of the broadcast. */
  readonly video: VideoConfig;
  readonly frameRate: Rational;
  /** Format of the sound; `undefined`: no sound track. */
  readonly audio: AudioConfig | undefined;
  /** Path of an image or a clip that the operator chose; `undefined`: the card. */
  readonly file: string | undefined;
  /** Words on the card: what this is, such as the stream's title; may be empty. */
  readonly title: string;
  /** Words on the card: what happens now, such as "We'll be right back". */
  readonly words: string;
  /** A keyframe of the broadcast for the card's background, as `Frame.payload`; `undefined`: a background of ours. */
  readonly background: { readonly config: VideoConfig; readonly payload: Uint8Array } | undefined;
}

/** A picture of a slate. */
export interface SlatePicture {
  /** As `RawFrame.payload`. */
  readonly payload: Uint8Array;
  readonly keyframe: boolean;
}

/** A slate, ready to be repeated for as long as nobody delivers. */
export interface Slate {
  /** With parameter sets of its own; codec and size are those that were asked for (in H.264 and H.265 an odd side loses a row or column). */
  readonly video: VideoConfig;
  readonly frameRate: Rational;
  /** One loop, in decoding order, no B-frames. The first is a keyframe, and one at least every 2 s is. */
  readonly pictures: readonly SlatePicture[];
  /**
   * One loop of the sound, in exactly the configuration that was asked for. Silence is one frame or a few, to be repeated; the sound of a clip is
   * as long as its pictures, to half a frame of sound. `undefined` where the codec cannot be made.
   */
  readonly sound: { readonly config: AudioConfig; readonly frames: readonly Uint8Array[] } | undefined;
  /** Why the card stands in place of the operator's file. */
  readonly fault?: Fault;
}

/** Makes slates. */
export interface SlateMaker {
  /**
   * Makes a slate, or gives one that was made of an equal request. A file that cannot be used gives the card, see {@link Slate.fault}.
   * @throws Fault `CODEC_UNSUPPORTED`, `SLATE_FAILED`, `LIMIT_REACHED`; the signal's reason when it is aborted.
   */
  make(request: SlateRequest, signal: AbortSignal): Promise<Slate>;
}
