import type { EndReason } from "#link/record.ts";
import type { Track } from "#media/track.ts";

/** One CMAF chunk: `moof` + `mdat`, published as an LL-HLS partial segment. Immutable. */
export interface Part {
  /** Position in its segment, from 0. */
  readonly index: number;
  /** Ticks of the track's timescale. */
  readonly startDts: number;
  readonly duration: number;
  /** Starts with a frame a decoder can start at. */
  readonly independent: boolean;
  /** Read-only; stays valid after the part has left the window. */
  readonly bytes: Uint8Array;
}

/** A track's share of a segment: its parts in order. Bytes of the segment are the bytes of its parts, one after the other. */
export interface Segment {
  readonly number: number;
  /** The track as it was when the segment began: its timescale is the unit of all ticks here, its parameters those of the frames. */
  readonly track: Track;
  /**
   * Decode time of the first frame, and the time playlists and manifests give the segment: segments of a track join exactly on this axis, with
   * B-frames too, and keyframes are shown at their decode time.
   */
  readonly startDts: number;
  /** Ticks of all whole parts so far; of the whole segment when sealed. */
  readonly duration: number;
  readonly parts: readonly Part[];
  /** No frame will be added any more. */
  readonly sealed: boolean;
  readonly independent: boolean;
  /** A discontinuity lies between the segment before and this one. */
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  /**
   * This segment did not arrive whole in this track; it is announced as `EXT-X-GAP`. Parts that were published before the loss was known stay
   * retrievable; {@link duration} is the time between the cuts around it.
   */
  readonly gap: boolean;
  /** Frames and bytes of all whole parts so far. */
  readonly frameCount: number;
  /** How many of these frames are the gate's: a held picture or silence while the encoder sent nothing. */
  readonly heldFrameCount: number;
  readonly sizeBytes: number;
  /** What most of the encoder's frames in it last, ticks, averaged where rounding makes it vary; 0 until it is sealed and where all are held. */
  readonly usualFrameTicks: number;
  /** Name of the init segment it needs. */
  readonly initName: string;
  /** All of it, in one array that is made when it is first asked for. Only when sealed. */
  readonly bytes: Uint8Array | undefined;
}

/** An initialisation segment, named by the hash of its contents. */
export interface InitSegment {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One track of the window. */
export interface WindowTrack {
  /** The track as it is now; older segments may have been made with other parameters and another timescale. */
  readonly track: Track;
  readonly init: InitSegment;
  /** Retrievable segments, oldest first, numbers contiguous; the last may be unsealed. */
  readonly segments: readonly Segment[];
  /** Number of the first segment the playlist lists; older ones are still served until their retention is over. */
  readonly firstListedSegment: number;
  /** Grows with each change visible in this track's own playlist (rendition reports of other tracks apart). */
  readonly version: number;
  /** The encoder no longer sends this track; its playlist is closed. */
  readonly retired: boolean;
}

/** The parameters that are fixed for a whole timeline, as every playlist and manifest states them. */
export interface WindowParameters {
  readonly timelineId: string;
  /** A whole second in or before which the timeline began, stream time in microseconds. */
  readonly originMicros: number;
  /** Nominal segment duration in microseconds. */
  readonly segmentDurationMicros: number;
  readonly targetDurationSeconds: number;
  /** Part target in microseconds; 0 where the stream has no parts. */
  readonly partTargetMicros: number;
  /** Listed past in microseconds. */
  readonly windowMicros: number;
}

/** What a renderer reads: the state of all tracks between two applied records. */
export interface WindowSnapshot {
  readonly parameters: WindowParameters;
  readonly tracks: readonly WindowTrack[];
  track(name: string): WindowTrack | undefined;
  readonly ended: EndReason | undefined;
  /** Stream time at which the period of this discontinuity sequence starts, microseconds. */
  periodStartMicros(discontinuitySequence: number): number;
}
