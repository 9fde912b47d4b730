import type { Rational } from "#time/ticks.ts";

/** Video codecs we carry, by their common names. */
export type VideoCodec = "avc" | "hevc" | "av1" | "vp9";

/** Audio codecs we carry. */
export type AudioCodec = "aac" | "opus" | "ac3" | "eac3" | "flac" | "mp3";

/** Colour description as ISO/IEC 23091-2 code points; absent where the stream does not say. */
export interface ColourInfo {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  readonly fullRange: boolean;
}

/** Everything a decoder or a sample entry needs to know of a video track. Immutable; a change makes a new one. */
export interface VideoConfig {
  readonly kind: "video";
  readonly codec: VideoCodec;
  /** The decoder configuration record: contents of `avcC`, `hvcC`, `av1C` or `vpcC` (without box header; `vpcC` with version and flags). */
  readonly record: Uint8Array;
  /** Displayed size in luma samples, cropping applied. */
  readonly width: number;
  readonly height: number;
  /** Sample aspect ratio; 1:1 where the stream does not say. */
  readonly pixelAspect: Rational;
  /** Frame rate from the bitstream (VUI timing, AV1 timing info); absent where it does not say or cannot be trusted. */
  readonly frameRate?: Rational;
  readonly colour?: ColourInfo;
  /** RFC 6381 `codecs` value, for instance `avc1.64001f`. */
  readonly codecs: string;
}

/** Everything a decoder or a sample entry needs to know of an audio track. */
export interface AudioConfig {
  readonly kind: "audio";
  readonly codec: AudioCodec;
  /** AudioSpecificConfig (aac), contents of `dOps` (opus), `dac3` (ac3), `dec3` (eac3), `dfLa` (flac), empty (mp3). */
  readonly record: Uint8Array;
  /** Output rate in Hz (after SBR); 48,000 for Opus. It is the track's timescale. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples at `sampleRate` in each access unit (1024 for AAC-LC, 2048 for HE-AAC at the output rate, 960 for 20 ms of Opus); 0 where it varies. */
  readonly samplesPerFrame: number;
  readonly codecs: string;
}

/** The codec parameters of a track. */
export type TrackConfig = VideoConfig | AudioConfig;

/**
 * A track of a broadcast. `name` is what stands in URLs: `source` is the encoder's first picture, `audio` its first sound,
 * further ones are `source-2`, `audio-2`, and so on (the number is the encoder's track number plus one).
 */
export interface Track {
  /** Position in the broadcast's list of tracks; never reused for another track within a timeline. */
  readonly id: number;
  readonly name: string;
  /** Ticks per second: 90,000 for video, the sample rate for audio. */
  readonly timescale: number;
  readonly config: TrackConfig;
  /** RFC 5646 language, where the encoder says. */
  readonly language?: string;
  /** Id of the encoder's track whose picture or sound this one shows again, made by a transcoder; absent in what the encoder sent. */
  readonly madeFrom?: number;
}

/** Timescale of every video track. */
export const VIDEO_TIMESCALE = 90_000;
