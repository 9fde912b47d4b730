/** A sub-range of a resource (§4.4.4.2), in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** An EXT-X-PART (§4.4.4.9) with its place. */
export interface PlaylistPart {
  /** Media sequence number of the parent segment. */
  readonly msn: number;
  readonly index: number;
  readonly uri: string;
  readonly durationS: number;
  readonly independent: boolean;
  readonly gap: boolean;
  readonly byteRange: ByteRange | undefined;
}

/** A media segment with everything that applies to it. */
export interface PlaylistSegment {
  readonly msn: number;
  readonly uri: string;
  readonly durationS: number;
  readonly title: string;
  readonly byteRange: ByteRange | undefined;
  /** An EXT-X-DISCONTINUITY stands before it. */
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  /** The EXT-X-PROGRAM-DATE-TIME it carries, in milliseconds since the Unix epoch. */
  readonly programDateTimeMs: number | undefined;
  /** Its date: its own, or extrapolated from the segments before it. */
  readonly dateMs: number | undefined;
  readonly gap: boolean;
  readonly mapUri: string | undefined;
  readonly key: string | undefined;
  readonly parts: readonly PlaylistPart[];
}

/** An EXT-X-PRELOAD-HINT (§4.4.5.3). */
export interface PreloadHint {
  readonly type: "PART" | "MAP";
  readonly uri: string;
  readonly byteRangeStart: number;
  readonly byteRangeLength: number | undefined;
}

/** An EXT-X-RENDITION-REPORT (§4.4.5.4). */
export interface RenditionReport {
  readonly uri: string;
  readonly lastMsn: number | undefined;
  readonly lastPart: number | undefined;
}

/** An EXT-X-SERVER-CONTROL (§4.4.3.8). Durations in seconds. */
export interface ServerControl {
  readonly canBlockReload: boolean;
  readonly canSkipUntilS: number | undefined;
  readonly canSkipDateRanges: boolean;
  readonly holdBackS: number | undefined;
  readonly partHoldBackS: number | undefined;
  /** The tag's text, for comparing playlists. */
  readonly text: string;
}

/** What a media playlist says. Nothing is corrected or filled in but what the specification defines. */
export interface MediaPlaylist {
  readonly version: number | undefined;
  readonly targetDurationS: number;
  readonly mediaSequence: number;
  readonly hasMediaSequence: boolean;
  readonly discontinuitySequence: number;
  readonly hasDiscontinuitySequence: boolean;
  readonly playlistType: "EVENT" | "VOD" | undefined;
  readonly independentSegments: boolean;
  readonly iFramesOnly: boolean;
  readonly endList: boolean;
  readonly partTargetS: number | undefined;
  readonly serverControl: ServerControl | undefined;
  /** Segments replaced by EXT-X-SKIP: a delta update when set. */
  readonly skippedSegments: number | undefined;
  readonly recentlyRemovedDateRanges: boolean;
  readonly segments: readonly PlaylistSegment[];
  /** Parts of the segment that is still open, after the last whole one. */
  readonly openParts: readonly PlaylistPart[];
  /** What already applies to the open segment. */
  readonly open: {
    readonly discontinuity: boolean;
    readonly programDateTimeMs: number | undefined;
    readonly mapUri: string | undefined;
  };
  readonly preloadHints: readonly PreloadHint[];
  readonly renditionReports: readonly RenditionReport[];
  readonly dateRanges: readonly string[];
  readonly usesFloatingDurations: boolean;
  readonly lines: number;
}

/** Media sequence number and part index of the newest thing in a playlist; `part` is -1 when the newest is a whole segment. */
export interface PlaylistEdge {
  readonly msn: number;
  readonly part: number;
}

/** The media sequence number of the last whole segment, or the one before the first when there is none. */
export function lastSegmentNumber(playlist: MediaPlaylist): number {
  return playlist.mediaSequence + (playlist.skippedSegments ?? 0) + playlist.segments.length - 1;
}

/** The newest part, or the newest whole segment when no part follows it. */
export function edgeOf(playlist: MediaPlaylist): PlaylistEdge {
  const last = lastSegmentNumber(playlist);
  const open = playlist.openParts.length;
  return open > 0 ? { msn: last + 1, part: open - 1 } : { msn: last, part: -1 };
}

/** Every listed part, oldest first. */
export function allParts(playlist: MediaPlaylist): PlaylistPart[] {
  const parts: PlaylistPart[] = [];
  for (const segment of playlist.segments) parts.push(...segment.parts);
  parts.push(...playlist.openParts);
  return parts;
}

/** Seconds of media in the listed segments (without skipped ones and open parts). */
export function listedSeconds(playlist: MediaPlaylist): number {
  let total = 0;
  for (const segment of playlist.segments) total += segment.durationS;
  return total;
}

/** Seconds of media in the open segment's parts. */
export function openSeconds(playlist: MediaPlaylist): number {
  let total = 0;
  for (const part of playlist.openParts) total += part.durationS;
  return total;
}

/** The date at which the playlist's media ends now, in milliseconds since the Unix epoch. */
export function endDateMs(playlist: MediaPlaylist): number | undefined {
  const openDate = openDateMs(playlist);
  return openDate === undefined ? undefined : openDate + openSeconds(playlist) * 1000;
}

/** The date at which the open segment begins. */
export function openDateMs(playlist: MediaPlaylist): number | undefined {
  if (playlist.open.programDateTimeMs !== undefined) return playlist.open.programDateTimeMs;
  const last = playlist.segments.at(-1);
  return last?.dateMs === undefined ? undefined : last.dateMs + last.durationS * 1000;
}
