import { allParts, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import type { PlaylistRule } from "./rule.ts";

/** Shortest part as a share of the part target. */
const PART_DURATION_SHARE_MIN = 0.85;
/** Written decimals are rounded: half a millisecond is none of our business. */
const ROUNDING_S = 0.000_5;
/** Largest step error of EXT-X-PROGRAM-DATE-TIME against the durations, in milliseconds. */
const DATE_STEP_MS_MAX = 2;

function* checkPartMinimum(playlist: MediaPlaylist): Iterable<string> {
  const target = playlist.partTargetS;
  if (target === undefined) return;
  const least = target * PART_DURATION_SHARE_MIN - ROUNDING_S;
  const groups = [...playlist.segments.map((segment) => segment.parts), playlist.openParts];
  for (const parts of groups) {
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      // The last part of a segment may be short, and of the open segment the newest may turn out to be its last.
      if (part === undefined || i === parts.length - 1 || part.durationS >= least) continue;
      if (part.gap || parts[i + 1]?.gap || part.independent) continue;
      yield `part ${part.msn}.${part.index} lasts ${part.durationS} s, under 85 % of the part target ${target} s`;
    }
  }
}

function* checkControl(playlist: MediaPlaylist): Iterable<string> {
  const control = playlist.serverControl;
  const target = playlist.targetDurationS;
  if (playlist.partTargetS !== undefined && control?.partHoldBackS === undefined) {
    yield "parts without PART-HOLD-BACK";
  }
  if (control === undefined) return;
  const { holdBackS, partHoldBackS, canSkipUntilS } = control;
  if (holdBackS !== undefined && holdBackS < 3 * target - ROUNDING_S)
    yield `HOLD-BACK ${holdBackS} s is under 3 × ${target} s`;
  if (partHoldBackS !== undefined && playlist.partTargetS === undefined) yield "PART-HOLD-BACK without EXT-X-PART-INF";
  if (partHoldBackS !== undefined && partHoldBackS < 2 * (playlist.partTargetS ?? 0) - ROUNDING_S) {
    yield `PART-HOLD-BACK ${partHoldBackS} s is under 2 × ${playlist.partTargetS} s`;
  }
  if (canSkipUntilS !== undefined && canSkipUntilS < 6 * target - ROUNDING_S) {
    yield `CAN-SKIP-UNTIL ${canSkipUntilS} s is under 6 × ${target} s`;
  }
  if (control.canSkipDateRanges && canSkipUntilS === undefined) yield "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL";
}

function* checkDates(playlist: MediaPlaylist): Iterable<string> {
  let expected: number | undefined;
  for (const segment of playlist.segments) {
    const stated = segment.programDateTimeMs;
    if (!segment.discontinuity && expected !== undefined && stated !== undefined) {
      const step = stated - expected;
      if (Math.abs(step) >= DATE_STEP_MS_MAX) {
        yield `the date of segment ${segment.msn} is ${step.toFixed(3)} ms off what the durations give`;
      }
    }
    expected = segment.dateMs === undefined ? undefined : segment.dateMs + segment.durationS * 1000;
  }
}

function versionNeeded(playlist: MediaPlaylist): number {
  if (playlist.recentlyRemovedDateRanges || playlist.serverControl?.canSkipDateRanges) return 10;
  if (playlist.skippedSegments !== undefined) return 9;
  if (playlist.segments.some((segment) => segment.mapUri !== undefined)) return playlist.iFramesOnly ? 5 : 6;
  if (playlist.iFramesOnly || playlist.segments.some((segment) => segment.byteRange !== undefined)) return 4;
  return playlist.usesFloatingDurations ? 3 : 1;
}

/** What a media playlist must be on its own, tag by tag (§4.4, §8). */
export const TAG_RULES: readonly PlaylistRule[] = [
  {
    on: "playlist",
    id: "version-sufficient",
    clause: "8",
    severity: "error",
    demands: "EXT-X-VERSION is at least what the tags and attributes in the playlist need.",
    *check(playlist) {
      const needed = versionNeeded(playlist);
      if ((playlist.version ?? 1) < needed) yield `EXT-X-VERSION is ${playlist.version ?? 1}, the tags need ${needed}`;
    },
  },
  {
    on: "playlist",
    id: "extinf-within-target",
    clause: "4.4.3.1, 6.2.1",
    severity: "error",
    demands: "Each EXTINF, rounded to the nearest integer, is at most EXT-X-TARGETDURATION.",
    *check(playlist) {
      for (const segment of playlist.segments) {
        if (Math.round(segment.durationS) > playlist.targetDurationS) {
          yield `segment ${segment.msn} lasts ${segment.durationS} s, the target duration is ${playlist.targetDurationS} s`;
        }
      }
    },
  },
  {
    on: "playlist",
    id: "part-inf-present",
    clause: "4.4.3.7",
    severity: "error",
    demands: "A playlist with EXT-X-PART has EXT-X-PART-INF.",
    *check(playlist) {
      if (playlist.partTargetS === undefined && allParts(playlist).length > 0)
        yield "EXT-X-PART without EXT-X-PART-INF";
    },
  },
  {
    on: "playlist",
    id: "part-within-target",
    clause: "4.4.4.9",
    severity: "error",
    demands: "Each part lasts at most the part target.",
    *check(playlist) {
      const target = playlist.partTargetS ?? Number.POSITIVE_INFINITY;
      for (const part of allParts(playlist)) {
        if (part.durationS > target + ROUNDING_S) {
          yield `part ${part.msn}.${part.index} lasts ${part.durationS} s, the part target is ${target} s`;
        }
      }
    },
  },
  {
    on: "playlist",
    id: "part-long-enough",
    clause: "4.4.4.9",
    severity: "error",
    demands:
      "Each part lasts at least 85 % of the part target, but for independent parts, gaps, parts before a gap and the last of a segment.",
    check: checkPartMinimum,
  },
  {
    on: "playlist",
    id: "parts-fill-segment",
    clause: "4.4.4.9",
    severity: "error",
    demands: "The parts of a whole segment last together as long as the segment.",
    *check(playlist) {
      // Parts are removed oldest first (§6.2.2), so the oldest segment that has any may have lost some.
      const oldest = playlist.segments.find((segment) => segment.parts.length > 0)?.msn;
      for (const { msn, parts, durationS } of playlist.segments) {
        if (parts.length === 0 || msn === oldest) continue;
        const total = parts.reduce((sum, part) => sum + part.durationS, 0);
        if (Math.abs(total - durationS) > 0.001 * (parts.length + 1)) {
          yield `the ${parts.length} parts of segment ${msn} last ${total.toFixed(5)} s, its EXTINF says ${durationS} s`;
        }
      }
    },
  },
  {
    on: "playlist",
    id: "server-control-minima",
    clause: "4.4.3.8",
    severity: "error",
    demands:
      "HOLD-BACK ≥ 3 target durations, PART-HOLD-BACK present with parts and ≥ 2 part targets, CAN-SKIP-UNTIL ≥ 6 target durations.",
    check: checkControl,
  },
  {
    on: "playlist",
    id: "part-hold-back-advice",
    clause: "4.4.3.8",
    severity: "warning",
    demands: "PART-HOLD-BACK should be at least 3 part targets.",
    *check(playlist) {
      const hold = playlist.serverControl?.partHoldBackS;
      const target = playlist.partTargetS;
      if (
        hold !== undefined &&
        target !== undefined &&
        hold >= 2 * target - ROUNDING_S &&
        hold < 3 * target - ROUNDING_S
      ) {
        yield `PART-HOLD-BACK ${hold} s is under 3 × ${target} s`;
      }
    },
  },
  {
    on: "playlist",
    id: "map-present",
    clause: "3.1.2, 4.4.4.5",
    severity: "error",
    demands: "Each fragmented MP4 segment has an EXT-X-MAP that applies to it.",
    *check(playlist) {
      for (const segment of playlist.segments) {
        if (/\.(m4s|m4v|m4a|mp4|cmf[vat])(\?|$)/.test(segment.uri) && segment.mapUri === undefined) {
          yield `segment ${segment.msn} has no EXT-X-MAP`;
        }
      }
    },
  },
  {
    on: "playlist",
    id: "live-without-type",
    clause: "6.2.2",
    severity: "error",
    demands: "A playlist that removes segments has no EXT-X-PLAYLIST-TYPE.",
    *check(playlist) {
      if (playlist.playlistType !== undefined && playlist.mediaSequence > 0 && !playlist.endList) {
        yield `EXT-X-PLAYLIST-TYPE:${playlist.playlistType} with EXT-X-MEDIA-SEQUENCE:${playlist.mediaSequence}`;
      }
    },
  },
  {
    on: "playlist",
    id: "date-present",
    clause: "Apple authoring 8.4",
    severity: "error",
    demands: "A live playlist has EXT-X-PROGRAM-DATE-TIME.",
    *check(playlist) {
      if (playlist.endList || playlist.segments.length === 0) return;
      if (playlist.segments.every((segment) => segment.dateMs === undefined)) yield "no EXT-X-PROGRAM-DATE-TIME";
    },
  },
  {
    on: "playlist",
    id: "dates-contiguous",
    clause: "6.2.1, 4.4.4.6",
    severity: "error",
    demands: "Dates advance by the durations, within 2 ms, but at a discontinuity.",
    check: checkDates,
  },
  {
    on: "playlist",
    id: "date-at-discontinuity",
    clause: "6.2.1",
    severity: "warning",
    demands: "A segment with EXT-X-DISCONTINUITY should have EXT-X-PROGRAM-DATE-TIME.",
    *check(playlist) {
      for (const segment of playlist.segments) {
        if (segment.discontinuity && segment.programDateTimeMs === undefined) {
          yield `segment ${segment.msn} follows a discontinuity without a date`;
        }
      }
    },
  },
  {
    on: "playlist",
    id: "discontinuity-sequence-present",
    clause: "6.2.2",
    severity: "error",
    demands: "A live playlist with EXT-X-DISCONTINUITY that removes segments has EXT-X-DISCONTINUITY-SEQUENCE.",
    *check(playlist) {
      const any = playlist.segments.some((segment) => segment.discontinuity) || playlist.open.discontinuity;
      if (any && !playlist.endList && playlist.mediaSequence > 0 && !playlist.hasDiscontinuitySequence) {
        yield "EXT-X-DISCONTINUITY without EXT-X-DISCONTINUITY-SEQUENCE";
      }
    },
  },
  {
    on: "playlist",
    id: "one-hint-per-type",
    clause: "6.2.6",
    severity: "error",
    demands: "At most one EXT-X-PRELOAD-HINT of each TYPE.",
    *check(playlist) {
      for (const type of ["PART", "MAP"]) {
        const count = playlist.preloadHints.filter((hint) => hint.type === type).length;
        if (count > 1) yield `${count} preload hints of TYPE=${type}`;
      }
    },
  },
  {
    on: "playlist",
    id: "hint-is-upcoming",
    clause: "4.4.5.3",
    severity: "error",
    demands: "A preload hint names something that is not listed yet, and there is none after EXT-X-ENDLIST.",
    *check(playlist) {
      if (playlist.endList && playlist.preloadHints.length > 0) yield "a preload hint in a playlist with EXT-X-ENDLIST";
      const parts = allParts(playlist);
      for (const hint of playlist.preloadHints) {
        const listed = hint.type === "PART" && hint.byteRangeStart === 0;
        if (listed && parts.some((part) => part.uri === hint.uri))
          yield `the hinted part ${hint.uri} is listed already`;
      }
    },
  },
  {
    on: "playlist",
    id: "hint-present",
    clause: "B.1",
    severity: "error",
    demands: "A low-latency playlist hints at its next part.",
    *check(playlist) {
      if (playlist.partTargetS === undefined || playlist.endList) return;
      if (!playlist.preloadHints.some((hint) => hint.type === "PART")) yield "no preload hint of TYPE=PART";
    },
  },
  {
    on: "playlist",
    id: "block-reload-with-parts",
    clause: "B.1",
    severity: "error",
    demands: "A low-latency playlist says CAN-BLOCK-RELOAD=YES.",
    *check(playlist) {
      if (playlist.partTargetS !== undefined && !playlist.endList && !playlist.serverControl?.canBlockReload) {
        yield "EXT-X-PART-INF without CAN-BLOCK-RELOAD=YES";
      }
    },
  },
  {
    on: "playlist",
    id: "uris-unique",
    clause: "6.2.1",
    severity: "error",
    demands: "Each segment and each part has a URI (or byte range) of its own.",
    *check(playlist) {
      const seen = new Set<string>();
      for (const item of [...playlist.segments, ...allParts(playlist)]) {
        if ("gap" in item && item.gap) continue;
        const range = item.byteRange;
        const kind = "index" in item ? "part" : "segment";
        const key = range === undefined ? item.uri : `${kind} ${item.uri} ${range.offset} ${range.length}`;
        if (seen.has(key)) yield `${item.uri} is listed twice`;
        seen.add(key);
      }
    },
  },
  {
    on: "playlist",
    id: "rendition-reports-complete",
    clause: "B.1, 4.4.5.4",
    severity: "error",
    demands:
      "A low-latency playlist has one EXT-X-RENDITION-REPORT with LAST-MSN and LAST-PART for each other rendition.",
    *check(playlist, _previous, { url, otherRenditions }) {
      if (playlist.partTargetS === undefined || playlist.endList) return;
      const reported = new Map(playlist.renditionReports.map((report) => [new URL(report.uri, url).href, report]));
      for (const other of otherRenditions) {
        const report = reported.get(other);
        if (report === undefined) yield `no EXT-X-RENDITION-REPORT for ${other}`;
        else if (report.lastMsn === undefined) yield `the report for ${other} has no LAST-MSN`;
        else if (report.lastPart === undefined) yield `the report for ${other} has no LAST-PART`;
      }
      if (reported.has(url)) yield "an EXT-X-RENDITION-REPORT about the playlist itself";
    },
  },
];
