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
  /** Nothing of this segment arrived in this track; it is announced as `EXT-X-GAP`. */
  readonly gap: boolean;
  /** Name of the init segment it needs. */
  readonly initName: string;
  /** All of it, in one array. Only when sealed. */
  readonly bytes: Uint8Array | undefined;
}

/** An initialisation segment, named by the hash of its contents. */
export interface InitSegment {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One track of the window. */
export interface WindowTrack {
  readonly track: Track;
  readonly init: InitSegment;
  /** Retrievable segments, oldest first, numbers contiguous; the last may be unsealed. */
  readonly segments: readonly Segment[];
  /** Number of the first segment the playlist lists; older ones are still served until their retention is over. */
  readonly firstListedSegment: number;
}
