import {
  allParts,
  edgeOf,
  lastSegmentNumber,
  listedSeconds,
  openSeconds,
  type MediaPlaylist,
  type PlaylistPart,
  type PlaylistSegment,
} from "#probe/hls/media-playlist.ts";
import type { PlaylistRule } from "./rule.ts";

/** A new segment is due within this many target durations. */
const SEGMENT_CLOCK_TARGETS_MAX = 1.5;
/** Derived dates may differ by rounding, in milliseconds. */
const DATE_MS_MAX = 2;

function samePart(a: PlaylistPart, b: PlaylistPart): boolean {
  return a.msn === b.msn && a.durationS === b.durationS && a.independent === b.independent && a.gap === b.gap;
}

/** What changed in a segment between two versions; `undefined` when nothing did. */
export function segmentChange(before: PlaylistSegment, now: PlaylistSegment): string | undefined {
  if (before.uri !== now.uri) return `URI was ${before.uri}, is ${now.uri}`;
  if (before.durationS !== now.durationS) return `EXTINF was ${before.durationS}, is ${now.durationS}`;
  if (before.title !== now.title) return "title changed";
  if (before.gap !== now.gap) return "EXT-X-GAP changed";
  if (before.mapUri !== now.mapUri) return `EXT-X-MAP was ${before.mapUri}, is ${now.mapUri}`;
  if (before.key !== now.key) return "EXT-X-KEY changed";
  if (before.discontinuity !== now.discontinuity) return "EXT-X-DISCONTINUITY changed";
  if (before.dateMs !== undefined && now.dateMs !== undefined && Math.abs(before.dateMs - now.dateMs) >= DATE_MS_MAX) {
    return `the date moved by ${(now.dateMs - before.dateMs).toFixed(3)} ms`;
  }
  return undefined;
}

/** A part by what a client fetches: its position is not known once older parts of its segment were removed. */
function partKey(part: PlaylistPart): string {
  const range = part.byteRange;
  return range === undefined ? part.uri : `${part.uri} ${range.offset} ${range.length}`;
}

function* checkPartsKept(current: MediaPlaylist, previous: MediaPlaylist | undefined): Iterable<string> {
  if (previous === undefined) return;
  const now = new Map(allParts(current).map((part) => [partKey(part), part]));
  const before = allParts(previous);
  let keptSeen = false;
  for (const part of before) {
    const other = now.get(partKey(part));
    if (other === undefined) {
      if (keptSeen)
        yield `part ${part.msn}.${part.index} (${part.uri}) was removed or renamed while an older one stays`;
      continue;
    }
    keptSeen = true;
    if (!samePart(part, other)) yield `part ${part.msn}.${part.index} (${part.uri}) changed`;
  }
  const newest = before.at(-1);
  const edge = edgeOf(current);
  if (newest === undefined || edge.msn > newest.msn) return;
  const shorter = edge.part >= 0 && edge.part < newest.index;
  if (edge.msn < newest.msn || shorter) yield `part ${newest.msn}.${newest.index} was withdrawn`;
}

function addedParts(current: MediaPlaylist, previous: MediaPlaylist): PlaylistPart[] {
  const newest = edgeOf(previous);
  return allParts(current).filter(
    (part) => part.msn > newest.msn || (part.msn === newest.msn && newest.part >= 0 && part.index > newest.part),
  );
}

/** The part that came instead of the one hinted, and whether the segmentation turned out differently there. */
function unhinted(
  current: MediaPlaylist,
  previous: MediaPlaylist | undefined,
): { sentence: string; changedPlan: boolean } | undefined {
  const hint = previous?.preloadHints.find((candidate) => candidate.type === "PART");
  if (previous === undefined || hint === undefined) return undefined;
  const [next] = addedParts(current, previous);
  if (next === undefined || next.gap || next.uri === hint.uri) return undefined;
  // Either the segment ended earlier than planned, or it goes on where its end was planned: it is as long as the one before.
  const usualS = previous.segments.at(-1)?.durationS ?? previous.targetDurationS;
  const fullS = openSeconds(previous) + (previous.partTargetS ?? 0) / 2;
  const changedPlan = next.index === 0 || fullS >= usualS;
  return { sentence: `${hint.uri} was hinted, ${next.uri} came as part ${next.msn}.${next.index}`, changedPlan };
}

function removed(current: MediaPlaylist, previous: MediaPlaylist): PlaylistSegment[] {
  return previous.segments.filter((segment) => segment.msn < current.mediaSequence);
}

/** What may and must change from one version of a live playlist to the next (§6.2.1, §6.2.2). */
export const UPDATE_RULES: readonly PlaylistRule[] = [
  {
    on: "playlist",
    id: "target-duration-constant",
    clause: "6.2.1",
    severity: "error",
    demands: "EXT-X-TARGETDURATION never changes.",
    *check(current, previous) {
      if (previous !== undefined && current.targetDurationS !== previous.targetDurationS) {
        yield `EXT-X-TARGETDURATION was ${previous.targetDurationS}, is ${current.targetDurationS}`;
      }
    },
  },
  {
    on: "playlist",
    id: "header-constant",
    clause: "6.2.1",
    severity: "error",
    demands: "PART-TARGET, EXT-X-SERVER-CONTROL, EXT-X-PLAYLIST-TYPE and EXT-X-INDEPENDENT-SEGMENTS never change.",
    *check(current, previous) {
      if (previous === undefined) return;
      if (current.partTargetS !== previous.partTargetS) {
        yield `PART-TARGET was ${previous.partTargetS}, is ${current.partTargetS}`;
      }
      if (current.serverControl?.text !== previous.serverControl?.text) {
        yield `EXT-X-SERVER-CONTROL was ${previous.serverControl?.text}, is ${current.serverControl?.text}`;
      }
      if (current.playlistType !== previous.playlistType) yield "EXT-X-PLAYLIST-TYPE changed";
      if (current.independentSegments !== previous.independentSegments) yield "EXT-X-INDEPENDENT-SEGMENTS changed";
    },
  },
  {
    on: "playlist",
    id: "media-sequence-monotonic",
    clause: "6.2.2",
    severity: "error",
    demands: "EXT-X-MEDIA-SEQUENCE never decreases.",
    *check(current, previous) {
      if (previous !== undefined && current.mediaSequence < previous.mediaSequence) {
        yield `EXT-X-MEDIA-SEQUENCE fell from ${previous.mediaSequence} to ${current.mediaSequence}`;
      }
    },
  },
  {
    on: "playlist",
    id: "segments-unchanged",
    clause: "6.2.1, 6.2.2",
    severity: "error",
    demands:
      "A listed segment keeps its number and everything that applies to it; the media sequence grows by one per removed segment.",
    *check(current, previous) {
      if (previous === undefined || current.mediaSequence < previous.mediaSequence) return;
      const now = new Map(current.segments.map((segment) => [segment.msn, segment]));
      for (const before of previous.segments) {
        const segment = now.get(before.msn);
        const change = segment === undefined ? undefined : segmentChange(before, segment);
        if (change !== undefined) yield `segment ${before.msn}: ${change}`;
      }
    },
  },
  {
    on: "playlist",
    id: "segments-not-withdrawn",
    clause: "6.2.1",
    severity: "error",
    demands: "Segments are only appended at the end and removed at the beginning.",
    *check(current, previous) {
      if (previous === undefined || current.mediaSequence < previous.mediaSequence) return;
      const last = lastSegmentNumber(current);
      if (last < lastSegmentNumber(previous))
        yield `segment ${lastSegmentNumber(previous)} was withdrawn, ${last} is last`;
    },
  },
  {
    on: "playlist",
    id: "parts-unchanged",
    clause: "6.2.1, 6.2.2",
    severity: "error",
    demands: "A listed part never changes, is never withdrawn, and parts are removed oldest first.",
    check: checkPartsKept,
  },
  {
    on: "playlist",
    id: "uris-never-reused",
    clause: "6.2.1",
    severity: "error",
    demands: "A URI stands for one segment or part for ever.",
    *check(current, _previous, { owners, url }) {
      const items: { uri: string; key: string }[] = [];
      for (const segment of current.segments.slice(-2)) {
        if (!segment.gap && segment.byteRange === undefined) items.push({ uri: segment.uri, key: String(segment.msn) });
      }
      for (const part of current.openParts) {
        if (!part.gap && part.byteRange === undefined) items.push({ uri: part.uri, key: `${part.msn}.${part.index}` });
      }
      for (const { uri, key } of items) {
        const owner = owners.get(new URL(uri, url).href);
        if (owner !== undefined && owner !== key) yield `${uri} was ${owner}, is now ${key}`;
      }
    },
  },
  {
    on: "playlist",
    id: "discontinuity-sequence-monotonic",
    clause: "6.2.2",
    severity: "error",
    demands: "EXT-X-DISCONTINUITY-SEQUENCE never decreases.",
    *check(current, previous) {
      if (previous !== undefined && current.discontinuitySequence < previous.discontinuitySequence) {
        yield `EXT-X-DISCONTINUITY-SEQUENCE fell from ${previous.discontinuitySequence} to ${current.discontinuitySequence}`;
      }
    },
  },
  {
    on: "playlist",
    id: "discontinuity-sequence-preserved",
    clause: "6.2.2",
    severity: "error",
    demands: "When a discontinuity is removed, EXT-X-DISCONTINUITY-SEQUENCE grows so that segments keep theirs.",
    *check(current, previous) {
      if (previous === undefined) return;
      const before = new Map(previous.segments.map((segment) => [segment.msn, segment.discontinuitySequence]));
      for (const segment of current.segments) {
        const was = before.get(segment.msn);
        if (was !== undefined && was !== segment.discontinuitySequence) {
          yield `segment ${segment.msn} had discontinuity sequence ${was}, has ${segment.discontinuitySequence}`;
        }
      }
    },
  },
  {
    on: "playlist",
    id: "format-change-is-discontinuity",
    clause: "6.2.1",
    severity: "error",
    demands: "Another init segment, that is other encoding parameters, comes with EXT-X-DISCONTINUITY.",
    *check(current) {
      for (let i = 1; i < current.segments.length; i++) {
        const [before, segment] = [current.segments[i - 1], current.segments[i]];
        if (before === undefined || segment === undefined || segment.discontinuity) continue;
        if (before.mapUri !== segment.mapUri) yield `segment ${segment.msn} changes EXT-X-MAP without a discontinuity`;
      }
    },
  },
  {
    on: "playlist",
    id: "window-long-enough",
    clause: "6.2.2",
    severity: "error",
    demands: "No segment is removed from a live playlist if less than three target durations remain.",
    *check(current, previous) {
      if (previous === undefined || current.endList || removed(current, previous).length === 0) return;
      const seconds = listedSeconds(current) + openSeconds(current);
      if (seconds < 3 * current.targetDurationS) {
        yield `segments were removed and ${seconds.toFixed(3)} s remain, under 3 × ${current.targetDurationS} s`;
      }
    },
  },
  {
    on: "playlist",
    id: "parts-leave-the-playlist",
    clause: "6.2.2",
    severity: "warning",
    demands: "EXT-X-PART tags should go once they are more than three target durations from the end.",
    *check(current) {
      let behind = openSeconds(current);
      for (let i = current.segments.length - 1; i >= 0; i--) {
        const segment = current.segments[i];
        if (segment === undefined) continue;
        // A segment that only begins outside keeps its parts together, which costs nothing.
        if (behind > 4 * current.targetDurationS && segment.parts.length > 0) {
          yield `segment ${segment.msn} has parts ${behind.toFixed(1)} s from the end`;
          return;
        }
        behind += segment.durationS;
      }
    },
  },
  {
    on: "playlist",
    id: "segment-clock",
    clause: "6.2.1",
    severity: "error",
    demands: "A live playlist gets a new segment within 1.5 target durations of the one before.",
    *check(current, previous, { atMs, slackMs, segmentAddedAtMs }) {
      if (previous === undefined || segmentAddedAtMs === undefined) return;
      const added = lastSegmentNumber(current) - lastSegmentNumber(previous);
      const gapMs = atMs - segmentAddedAtMs;
      const allowedMs = SEGMENT_CLOCK_TARGETS_MAX * 1000 * current.targetDurationS * Math.max(1, added) + slackMs;
      if (added > 0 && gapMs > allowedMs) {
        yield `segment ${lastSegmentNumber(current)} came ${Math.round(gapMs)} ms after the one before`;
      }
    },
  },
  {
    on: "playlist",
    id: "part-clock",
    clause: "6.2.1",
    severity: "error",
    demands: "A live playlist with parts gets a new part within one part target of the one before.",
    *check(current, previous, { held, atMs, slackMs, partAddedAtMs }) {
      const target = current.partTargetS;
      if (previous === undefined || target === undefined || partAddedAtMs === undefined || current.endList) return;
      const added = addedParts(current, previous).length;
      const gapMs = atMs - partAddedAtMs;
      // A held answer comes when the first new part is there; one that was waiting for us may have gathered several, and the next may be due now.
      const targets = held ? 1 : added + 1;
      if (added > 0 && gapMs > targets * target * 1000 + slackMs) {
        const edge = edgeOf(current);
        yield `the part after ${Math.round(gapMs)} ms is late (now at ${edge.msn}.${edge.part}, target ${target} s)`;
      }
    },
  },
  {
    on: "playlist",
    id: "hint-becomes-part",
    clause: "4.4.5.3, 6.2.6",
    severity: "error",
    demands: "The next part is the one that was hinted, unless the planned segmentation changed.",
    *check(current, previous) {
      const found = unhinted(current, previous);
      if (found !== undefined && !found.changedPlan) yield found.sentence;
    },
  },
  {
    on: "playlist",
    id: "hint-used",
    clause: "6.2.6",
    severity: "warning",
    demands: "A hint that is not used because the planned segmentation changed should stay the exception.",
    *check(current, previous) {
      const found = unhinted(current, previous);
      if (found?.changedPlan) yield found.sentence;
    },
  },
  {
    on: "playlist",
    id: "ended-stays-ended",
    clause: "6.2.1",
    severity: "error",
    demands: "Nothing is appended after EXT-X-ENDLIST, and the tag stays.",
    *check(current, previous) {
      if (previous?.endList !== true) return;
      if (!current.endList) yield "EXT-X-ENDLIST was taken away";
      if (lastSegmentNumber(current) > lastSegmentNumber(previous)) yield "segments were added after EXT-X-ENDLIST";
    },
  },
];
