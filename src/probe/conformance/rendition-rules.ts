import { edgeOf, endDateMs, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import type { RenditionsRule, RenditionView } from "./rule.ts";

/** Dates of the same instant may differ between renditions by this: an audio frame and rounding. */
const DATE_MAPPING_MS_MAX = 40;
/** Parts by which a report may be behind: the rendition may have moved while the answer was on its way. */
const REPORT_PARTS_BEHIND_MAX = 1;

/** Discontinuity sequence number of the segment in whose middle a date lies. */
function discontinuityAt(playlist: MediaPlaylist, dateMs: number): number | undefined {
  for (const segment of playlist.segments) {
    if (
      segment.dateMs !== undefined &&
      dateMs >= segment.dateMs &&
      dateMs < segment.dateMs + segment.durationS * 1000
    ) {
      return segment.discontinuitySequence;
    }
  }
  return undefined;
}
/** From the writing of a parked answer to its arrival, in milliseconds, on a busy machine. */
const WRITING_MS_MAX = 50;

function* checkDiscontinuities(current: RenditionView, others: readonly RenditionView[]): Iterable<string> {
  for (const segment of current.playlist.segments) {
    if (segment.dateMs === undefined) continue;
    for (const other of others) {
      const found = discontinuityAt(other.playlist, segment.dateMs + segment.durationS * 500);
      if (found !== undefined && found !== segment.discontinuitySequence) {
        yield `segment ${segment.msn} has discontinuity sequence ${segment.discontinuitySequence}, ${other.name} has ${found} at that time`;
        return;
      }
    }
  }
}

/** Position of a part as one number, to compare how far two are apart: parts of at most this many per segment. */
const PARTS_PER_SEGMENT_MAX = 10_000;

function place(msn: number, part: number): number {
  return msn * PARTS_PER_SEGMENT_MAX + part;
}

/** The newest part that a playlist shows: for a whole segment its last part. */
function newestPart(playlist: MediaPlaylist): { msn: number; part: number } {
  const edge = edgeOf(playlist);
  if (edge.part >= 0) return edge;
  return { msn: edge.msn, part: Math.max(0, (playlist.segments.at(-1)?.parts.length ?? 1) - 1) };
}

function* checkReports(current: RenditionView, others: readonly RenditionView[]): Iterable<string> {
  for (const report of current.playlist.renditionReports) {
    const url = new URL(report.uri, current.url).href;
    const other = others.find((candidate) => candidate.url === url);
    if (other === undefined || report.lastMsn === undefined) continue;
    // Only what the other rendition showed before this answer was written can be held against it.
    const writtenAtMs = current.held ? current.atMs - WRITING_MS_MAX : current.sentAtMs;
    if (other.atMs > writtenAtMs) continue;
    const shown = newestPart(other.playlist);
    const reported = place(report.lastMsn, report.lastPart ?? 0);
    const behind = report.lastMsn < shown.msn || reported + REPORT_PARTS_BEHIND_MAX < place(shown.msn, shown.part);
    if (behind) {
      yield `the report says ${report.lastMsn}.${report.lastPart ?? 0} of ${other.name}, which was already at ${shown.msn}.${shown.part}`;
    }
  }
}

function* checkReported(current: RenditionView): Iterable<string> {
  const { reported, playlist } = current;
  if (reported === undefined || reported.atMs > current.sentAtMs) return;
  const shown = newestPart(playlist);
  if (place(reported.msn, reported.part) > place(shown.msn, shown.part)) {
    yield `a report said ${reported.msn}.${reported.part}, the playlist asked for later ends at ${shown.msn}.${shown.part}`;
  }
}

/** What the renditions of one presentation must have in common (§6.2.4). */
export const RENDITION_RULES: readonly RenditionsRule[] = [
  {
    on: "renditions",
    id: "same-target-duration",
    clause: "6.2.4",
    severity: "error",
    demands: "All renditions have the same EXT-X-TARGETDURATION.",
    *check(current, others) {
      for (const { name, playlist } of others) {
        if (playlist.targetDurationS !== current.playlist.targetDurationS) {
          yield `${current.playlist.targetDurationS} s here, ${playlist.targetDurationS} s in ${name}`;
        }
      }
    },
  },
  {
    on: "renditions",
    id: "same-server-control",
    clause: "6.2.4",
    severity: "error",
    demands: "All renditions have the same EXT-X-SERVER-CONTROL.",
    *check(current, others) {
      for (const { name, playlist } of others) {
        if (playlist.serverControl?.text !== current.playlist.serverControl?.text) {
          yield `${current.playlist.serverControl?.text} here, ${playlist.serverControl?.text} in ${name}`;
        }
      }
    },
  },
  {
    on: "renditions",
    id: "same-playlist-type",
    clause: "6.2.4",
    severity: "error",
    demands: "All renditions have the same EXT-X-PLAYLIST-TYPE.",
    *check(current, others) {
      for (const { name, playlist } of others) {
        if (playlist.playlistType !== current.playlist.playlistType) yield `differs from ${name}`;
      }
    },
  },
  {
    on: "renditions",
    id: "discontinuities-match",
    clause: "6.2.4",
    severity: "error",
    demands: "Matching content has the same discontinuity sequence number in all renditions.",
    check: checkDiscontinuities,
  },
  {
    on: "renditions",
    id: "dates-in-all",
    clause: "6.2.4",
    severity: "error",
    demands: "If one rendition has dates, all have.",
    *check(current, others) {
      const dated = (view: RenditionView): boolean => view.playlist.segments.some((s) => s.dateMs !== undefined);
      for (const other of others) {
        if (!dated(current) && dated(other)) yield `no dates here, but in ${other.name}`;
      }
    },
  },
  {
    on: "renditions",
    id: "dates-consistent",
    clause: "6.2.4",
    severity: "error",
    demands: "All renditions map dates to media times alike.",
    *check(current, others) {
      for (const other of others) {
        if (current.dateOfZeroMs === undefined || other.dateOfZeroMs === undefined) continue;
        const apart = current.dateOfZeroMs - other.dateOfZeroMs;
        if (Math.abs(apart) > DATE_MAPPING_MS_MAX) yield `${apart.toFixed(1)} ms away from ${other.name}`;
      }
    },
  },
  {
    on: "renditions",
    id: "content-in-all",
    clause: "6.2.4",
    severity: "error",
    demands: "What only one rendition has stands at the beginning or end and is no longer than one target duration.",
    *check(current, others) {
      const end = endDateMs(current.playlist);
      for (const other of others) {
        const otherEnd = endDateMs(other.playlist);
        // The other was seen earlier: it may have grown since, so it is only held to what it showed.
        if (end === undefined || otherEnd === undefined || other.atMs > current.sentAtMs) continue;
        const missingMs = otherEnd - end;
        if (missingMs > 1000 * current.playlist.targetDurationS) {
          yield `ends ${Math.round(missingMs)} ms before ${other.name}`;
        }
      }
    },
  },
  {
    on: "renditions",
    id: "report-not-behind",
    clause: "4.4.5.4",
    severity: "error",
    demands: "A rendition report names the newest segment and part of the other rendition.",
    check: checkReports,
  },
  {
    on: "renditions",
    id: "report-not-ahead",
    clause: "4.4.5.4",
    severity: "error",
    demands: "A rendition report names nothing the other rendition does not list yet.",
    check: checkReported,
  },
];
