import { fillTemplate, mediaUrl, type Mpd, type Period, type Representation } from "./mpd.ts";

/** Segments of one representation that one manifest may announce by a template without a timeline. */
const TEMPLATE_SEGMENTS_MAX = 100_000;

/** One announced segment. Seconds are of the presentation, from `availabilityStartTime`. */
export interface DashSegment {
  readonly url: string;
  /** Decode time in ticks that the manifest says. */
  readonly startTicks: number;
  readonly durationTicks: number;
  readonly startS: number;
  readonly durationS: number;
  /** Wall clock of its beginning, in milliseconds since the Unix epoch. */
  readonly dateMs: number;
  /** It is still being made: its duration is a forecast. */
  readonly growing: boolean;
  /** A Period begins with it. */
  readonly firstOfPeriod: boolean;
}

/** Absolute URL of the init segment, if there is one. */
export function initUrl(mpdUrl: string, representation: Representation): string | undefined {
  const { initialization } = representation;
  return initialization === undefined
    ? undefined
    : mediaUrl(mpdUrl, representation, fillTemplate(initialization, representation));
}

function announced(
  mpd: Mpd,
  period: Period,
  representation: Representation,
  nowWallMs: number,
): { number: number; start: number; duration: number }[] {
  if (representation.timeline !== undefined) return [...representation.timeline];
  const { templateDuration: duration, timescale, startNumber, availabilityTimeOffsetS } = representation;
  if (duration === undefined) return [];
  const sinceS = (nowWallMs - (mpd.availabilityStartMs ?? 0)) / 1000 - period.startS + availabilityTimeOffsetS;
  const playedS = Math.min(sinceS, period.durationS ?? Number.POSITIVE_INFINITY);
  const last = Math.floor((playedS * timescale) / duration);
  const depth = Math.ceil(((mpd.timeShiftBufferDepthS ?? playedS) * timescale) / duration);
  const first = Math.max(0, last - Math.min(depth, TEMPLATE_SEGMENTS_MAX));
  const segments: { number: number; start: number; duration: number }[] = [];
  for (let i = first; i < last; i++) {
    const start = i * duration + representation.presentationTimeOffset;
    segments.push({ number: startNumber + i, start, duration });
  }
  return segments;
}

/** Every segment a manifest announces of a representation (by its id) at a moment, oldest first, over all Periods. */
export function announcedSegments(
  mpd: Mpd,
  mpdUrl: string,
  representationId: string,
  nowWallMs: number,
): { segment: DashSegment; representation: Representation }[] {
  const found: { segment: DashSegment; representation: Representation }[] = [];
  for (const period of mpd.periods) {
    const representation = period.representations.find((candidate) => candidate.id === representationId);
    if (representation === undefined) continue;
    const { timescale, presentationTimeOffset } = representation;
    let firstOfPeriod = true;
    for (const { number, start, duration } of announced(mpd, period, representation, nowWallMs)) {
      const startS = period.startS + (start - presentationTimeOffset) / timescale;
      const path = fillTemplate(representation.media, { ...representation, number, time: start });
      const segment: DashSegment = {
        url: mediaUrl(mpdUrl, representation, path),
        startTicks: start,
        durationTicks: duration,
        startS,
        durationS: duration / timescale,
        dateMs: (mpd.availabilityStartMs ?? 0) + startS * 1000,
        growing: representation.growing && start === representation.timeline?.at(-1)?.start,
        firstOfPeriod,
      };
      firstOfPeriod = false;
      found.push({ segment, representation });
    }
  }
  return found;
}
