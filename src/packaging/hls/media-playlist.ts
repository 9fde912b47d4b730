import { assert } from "#faults/fault.ts";
import type { Segment, WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { endMicros, startMicros } from "#packaging/segment-time.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { renderPartInformation } from "./part-information.ts";
import { expectedPart, renderPreloadHint } from "./preload-hint.ts";
import { renderRenditionReport, renditionReport } from "./rendition-report.ts";
import { renderBlock, sealedBlock } from "./segment-block.ts";
import { renderServerControl, serverControl } from "./server-control.ts";
import { renderSkip } from "./skip.ts";

/** Value of `_HLS_skip`. There are no date ranges, so both give the same text. */
export type SkipRequest = "YES" | "v2";

/** What a media playlist may be asked for. */
export interface MediaPlaylistOptions {
  /** Ask for a delta update; given where it is offered, else the whole playlist is. RFC 8216bis §6.2.5.1. */
  readonly skip?: SkipRequest;
}

/** Protocol versions: `EXT-X-MAP` without I-frames-only needs 6, `EXT-X-SKIP` 9. RFC 8216bis §8. */
const VERSION = 6;
const VERSION_WITH_SKIP = 9;
/** Parts are listed this many target durations from the end. RFC 8216bis §6.2.2. */
const PARTS_LISTED_TARGETS = 3;

/** What of a track its playlist lists. */
interface Listing {
  readonly segments: readonly Segment[];
  /** Position of the first listed segment in `segments`. */
  readonly from: number;
  /** Position after the last listed one: a growing segment is listed from its first part on. */
  readonly to: number;
  /** End of the last listed segment or part, microseconds of stream time. */
  readonly endMicros: number;
}

function listing(track: WindowTrack): Listing {
  const { segments } = track;
  const first = segments[0];
  const last = segments.at(-1);
  return {
    segments,
    from: first === undefined ? 0 : track.firstListedSegment - first.number,
    to: last === undefined || last.sealed || last.parts.length > 0 ? segments.length : segments.length - 1,
    endMicros: last === undefined ? 0 : endMicros(last),
  };
}

/**
 * The media playlist of a track as of now. A concatenation of prepared text: only the growing segment is rendered anew. RFC 8216bis §4.4.3, §6.2.
 */
export function renderMediaPlaylist(
  window: WindowSnapshot,
  trackName: string,
  options: MediaPlaylistOptions = {},
): string {
  const track = window.track(trackName);
  assert(track !== undefined, `the window has a track ${trackName}`);
  const listed = listing(track);
  const over = window.ended !== undefined || track.retired;
  const skipped = options.skip === undefined || over ? 0 : skippableSegments(window, listed);
  return (
    renderHead(window, track, listed, skipped) +
    renderSegments(window, listed, skipped) +
    (over ? "#EXT-X-ENDLIST\n" : renderLiveEdge(window, track))
  );
}

/** The lines that stand for the whole playlist. All but the two sequence numbers and the version are the same for its life. */
function renderHead(window: WindowSnapshot, track: WindowTrack, listed: Listing, skipped: number): string {
  const { parameters } = window;
  const first = listed.segments[listed.from];
  // The count includes the discontinuity before a segment, and the tag of the first listed one still stands in the playlist.
  const sequence = first === undefined ? 0 : first.discontinuitySequence - (first.discontinuity ? 1 : 0);
  return (
    `#EXTM3U\n#EXT-X-VERSION:${skipped > 0 ? VERSION_WITH_SKIP : VERSION}\n` +
    `#EXT-X-TARGETDURATION:${parameters.targetDurationSeconds}\n` +
    renderServerControl(serverControl(parameters)) +
    (parameters.partTargetMicros > 0 ? renderPartInformation(parameters.partTargetMicros) : "") +
    `#EXT-X-MEDIA-SEQUENCE:${track.firstListedSegment}\n#EXT-X-DISCONTINUITY-SEQUENCE:${Math.max(0, sequence)}\n` +
    (track.track.config.kind === "audio" ? "#EXT-X-INDEPENDENT-SEGMENTS\n" : "")
  );
}

/**
 * Segments that lie wholly beyond the skip boundary, counted from the oldest listed one. The distance is measured from the end of the last whole
 * segment, the nearest of the readings of "end of the playlist", so that nothing inside the boundary is skipped by any of them.
 */
function skippableSegments(window: WindowSnapshot, listed: Listing): number {
  const { canSkipUntilMicros } = serverControl(window.parameters);
  if (canSkipUntilMicros === 0) return 0;
  const last = listed.segments[listed.to - 1];
  const end = last === undefined || last.sealed ? listed.endMicros : startMicros(last);
  const boundary = end - canSkipUntilMicros;
  let count = 0;
  for (let i = listed.from; i < listed.to; i++) {
    const segment = listed.segments[i] as Segment;
    if (!segment.sealed || endMicros(segment) > boundary) break;
    count++;
  }
  return count;
}

function renderSegments(window: WindowSnapshot, listed: Listing, skipped: number): string {
  const { parameters } = window;
  const partsFrom = listed.endMicros - PARTS_LISTED_TARGETS * parameters.targetDurationSeconds * MICROS_PER_SECOND;
  let text = skipped > 0 ? renderSkip(skipped) : "";
  let mapName = "";
  for (let i = listed.from + skipped; i < listed.to; i++) {
    const segment = listed.segments[i] as Segment;
    const block = segment.sealed ? sealedBlock(segment, parameters) : renderBlock(segment, parameters);
    text += block.discontinuity;
    if (segment.initName !== mapName && !segment.gap) {
      mapName = segment.initName;
      text += `#EXT-X-MAP:URI="${mapName}"\n`;
    }
    text += block.dateTime;
    // All parts of a segment or none: those that are listed must fill it (RFC 8216bis §4.4.4.9).
    if (endMicros(segment) > partsFrom) text += block.allParts;
    text += block.tail;
  }
  return text;
}

/** The hint for what comes next, and how far the other renditions are. RFC 8216bis §4.4.5.3, §4.4.5.4. */
function renderLiveEdge(window: WindowSnapshot, track: WindowTrack): string {
  const { parameters } = window;
  if (parameters.partTargetMicros === 0) return "";
  const expected = expectedPart(window, track);
  let text = expected === undefined ? "" : renderPreloadHint(parameters.timelineId, expected);
  for (const other of window.tracks) {
    if (other === track) continue;
    const report = renditionReport(other, true);
    if (report !== undefined) text += renderRenditionReport(report);
  }
  return text;
}
