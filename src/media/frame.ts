/** An access unit as the encoder's session delivers it, before the gate: stamped with the encoder's own clock. */
export interface RawFrame {
  /** Kind and number of the encoder's track; see {@link RawTrack}. */
  readonly track: RawTrack;
  /** Decode time in the session's timescale, as received: it may wrap, jump or repeat. Unsigned 32 bits for RTMP (milliseconds). */
  readonly dts: number;
  /** Presentation time minus decode time, same unit. Zero for audio. */
  readonly ptsOffset: number;
  /** A decoder can start here: IDR or clean random access for AVC and HEVC, key frame for AV1 and VP9, always true for audio. */
  readonly keyframe: boolean;
  /**
   * The sample as CMAF wants it: length-prefixed NAL units (avc, hevc; 4-byte lengths, no access unit delimiters needed), a temporal unit in
   * low-overhead OBU format (av1), raw data blocks without ADTS (aac), a packet (opus), a sync frame (ac3, eac3), a frame (flac, vp9, mp3).
   * Owned by the receiver: the sender never writes to it again.
   */
  readonly payload: Uint8Array;
}

/** An encoder's track: `number` is 0 for the default one (Enhanced RTMP multitrack `trackId`). */
export interface RawTrack {
  readonly kind: "video" | "audio";
  readonly number: number;
}

/** Bits of {@link Frame.flags}. Additive: unknown bits are ignored. */
export const FrameFlag = {
  /** A decoder can start at this frame. */
  KEY: 1,
  /** First frame of its segment in this track. */
  CUT: 2,
  /** On a frame with CUT: the whole segment can be decoded without any earlier one. */
  INDEPENDENT: 4,
  /** On a frame with CUT: codec parameters changed, or the timeline has a discontinuity here. */
  DISCONTINUITY: 8,
  /** Made by us: slate picture or silence. */
  SLATE: 16,
} as const;

/**
 * A stamped frame: what the gate makes of a {@link RawFrame}. (timelineId, track, segment, index) names it for ever, and nothing downstream
 * decides any of these again. Decode times of a track are contiguous: `dts` of the next frame is `dts + duration` of this one; a gap in the
 * input shows as a longer duration and a larger `ptsOffset`, never as a hole.
 */
export interface Frame {
  /** {@link Track.id}. */
  readonly track: number;
  /** Segment number; grows by one per cut within a timeline. */
  readonly segment: number;
  /** Position of this frame among its track's frames of this segment, from 0. */
  readonly index: number;
  /** Decode time in ticks of the track's timescale since the Unix epoch (stream time). */
  readonly dts: number;
  /** Presentation minus decode time in ticks; may be negative (CMAF `trun` version 1). */
  readonly ptsOffset: number;
  /** Ticks, at least 1. */
  readonly duration: number;
  /** Sum of {@link FrameFlag} bits. */
  readonly flags: number;
  /** As {@link RawFrame.payload}. Read-only for every subscriber. */
  readonly payload: Uint8Array;
}
