import type { ColourInfo, VideoCodec } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/** How much work goes into a picture: the faster, the more bits it takes to look the same. */
export type Profile = "realtime" | "balanced" | "quality";

/**
 * How a segment's pictures are encoded so that another worker can take over at any of them.
 *
 * - `identical`: by a fresh encoder for each segment, so that all workers make the same bytes.
 * - `locked`: by one encoder that runs on, with a structure that never varies: the first picture is an IDR, each other one refers to the one
 *   before it and to nothing else. Workers make different bytes, but those of one go on where the other's end. AV1 cannot be coded so.
 */
export type Coding = "identical" | "locked";

/** What encodes: the processor (`none`), the first that is there of the others (`auto`), or one by name. */
export type Hardware = "none" | "auto" | HardwareName;

/** Encoders outside the processor, by their makers' names. */
export type HardwareName = "nvenc" | "vaapi" | "qsv" | "videotoolbox";

/** Codecs that pictures are encoded with. */
export type EncodedCodec = Exclude<VideoCodec, "vp9">;

/** A codec that every rung has beside H.264, for players that know it. */
export type ExtraCodec = "none" | Exclude<EncodedCodec, "avc">;

/** What an encoder of pictures is told; it never changes while it lives. */
export interface VideoEncoderSettings {
  readonly codec: EncodedCodec;
  /** Luma samples, even. */
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: Rational;
  readonly colour: ColourInfo | undefined;
  /** Pictures per second, for rate control. */
  readonly frameRate: Rational;
  /** Bits per second, on average. */
  readonly bitrate: number;
  readonly profile: Profile;
}

/** Options of an encoder, by the library's names. */
export type EncoderOptions = Readonly<Record<string, string>>;

/** What a second may have beyond the average. */
export const PEAK_FACTOR = 1.2;
/** Seconds of the peak rate that a decoder may have buffered. */
export const BUFFER_SECONDS = 1.5;

/** An encoder of hardware that could not be opened, and what encodes in its place. */
export interface EncoderFallback {
  /** What was wanted, such as `h264_nvenc`. */
  readonly wanted: string;
  /** The encoder that does it now, such as `libx264`. */
  readonly used: string;
  readonly reason: string;
  /** What an operator can do. */
  readonly hint: string;
}
