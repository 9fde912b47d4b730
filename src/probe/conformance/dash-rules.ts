import type { Mpd, Period, Representation } from "#probe/dash/mpd.ts";
import type { MpdRule } from "./rule.ts";

function label(period: Period, representation: Representation): string {
  return `${period.id ?? "period"}/${representation.id}`;
}

function timelines(mpd: Mpd): { name: string; period: Period; representation: Representation }[] {
  return mpd.periods.flatMap((period) =>
    period.representations.map((representation) => ({ name: label(period, representation), period, representation })),
  );
}

function* checkTimelineJoined(mpd: Mpd): Iterable<string> {
  for (const { name, representation } of timelines(mpd)) {
    let end: number | undefined;
    for (const segment of representation.timeline ?? []) {
      if (end !== undefined && segment.start !== end) {
        yield `${name}: the segment at ${segment.start} does not begin where the one before ends (${end})`;
      }
      end = segment.start + segment.duration;
    }
  }
}

/** The length of a segment that still grows is a forecast: this much it may be off, in seconds. */
export const GROWING_ERROR_S_MAX = 0.05;

function isForecast(representation: Representation, start: number): boolean {
  return representation.growing && representation.timeline?.at(-1)?.start === start;
}

function* checkForecasts(current: Mpd, previous: Mpd | undefined): Iterable<string> {
  const before = new Map(previous === undefined ? [] : timelines(previous).map((e) => [e.name, e.representation]));
  for (const { name, representation } of timelines(current)) {
    const was = before.get(name);
    const last = was?.timeline?.at(-1);
    if (was === undefined || last === undefined || !isForecast(was, last.start)) continue;
    const now = representation.timeline?.find((segment) => segment.start === last.start);
    if (now !== undefined && now.duration !== last.duration) {
      yield `${name}: the growing segment at ${last.start} was announced with ${last.duration} ticks and has ${now.duration}`;
    }
  }
}

function* checkTimelineKept(current: Mpd, previous: Mpd | undefined): Iterable<string> {
  if (previous === undefined) return;
  const before = new Map(timelines(previous).map((entry) => [entry.name, entry.representation]));
  for (const { name, representation } of timelines(current)) {
    const was = before.get(name);
    if (was?.timeline === undefined || representation.timeline === undefined) continue;
    const known = new Map(was.timeline.map((segment) => [segment.start, segment]));
    for (const segment of representation.timeline) {
      const old = known.get(segment.start);
      const change = old === undefined ? 0 : Math.abs(old.duration - segment.duration) / representation.timescale;
      const forecast = isForecast(was, segment.start) && change <= GROWING_ERROR_S_MAX;
      if (old !== undefined && change > 0 && !forecast) {
        yield `${name}: the segment at ${segment.start} lasted ${old.duration}, now ${segment.duration}`;
      }
      if (old !== undefined && representation.media.includes("$Number") && old.number !== segment.number) {
        yield `${name}: the segment at ${segment.start} had number ${old.number}, now ${segment.number}`;
      }
    }
    const [lastOld, lastNew] = [was.timeline.at(-1), representation.timeline.at(-1)];
    if (lastOld !== undefined && lastNew !== undefined && lastNew.start < lastOld.start) {
      yield `${name}: the segment at ${lastOld.start} was withdrawn`;
    }
  }
}

function* checkPeriods(current: Mpd, previous: Mpd | undefined): Iterable<string> {
  for (let i = 1; i < current.periods.length; i++) {
    const [before, period] = [current.periods[i - 1], current.periods[i]];
    if (before === undefined || period === undefined) continue;
    if (period.startS < before.startS) yield `Period ${period.id} begins before Period ${before.id}`;
    if (before.durationS !== undefined && Math.abs(before.startS + before.durationS - period.startS) > 0.001) {
      yield `Period ${period.id} does not begin where Period ${before.id} ends`;
    }
  }
  const known = new Map(previous?.periods.map((period) => [period.id, period]) ?? []);
  for (const period of current.periods) {
    const before = period.id === undefined ? undefined : known.get(period.id);
    if (before !== undefined && before.startS !== period.startS) {
      yield `Period ${period.id} began at ${before.startS} s, now ${period.startS} s`;
    }
    if (current.dynamic && period.id === undefined) yield "a Period of a dynamic MPD has no @id";
  }
}

/** What a live manifest must be (ISO/IEC 23009-1:2022, DASH-IF IOP where it says so). */
export const DASH_RULES: readonly MpdRule[] = [
  {
    on: "mpd",
    id: "dash-live-attributes",
    clause: "ISO/IEC 23009-1 5.3.1.2",
    severity: "error",
    demands:
      "A dynamic MPD has @availabilityStartTime, @publishTime, @minBufferTime, @profiles and @minimumUpdatePeriod.",
    *check(mpd) {
      if (mpd.profiles === "") yield "no @profiles";
      if (mpd.minBufferTimeS === undefined) yield "no @minBufferTime";
      if (!mpd.dynamic) return;
      if (mpd.availabilityStartMs === undefined) yield "no @availabilityStartTime";
      if (mpd.publishMs === undefined) yield "no @publishTime";
      if (mpd.minimumUpdatePeriodS === undefined) yield "no @minimumUpdatePeriod";
    },
  },
  {
    on: "mpd",
    id: "dash-utc-timing",
    clause: "ISO/IEC 23009-1 5.8.4.11, DASH-IF IOP 4.7",
    severity: "error",
    demands: "A dynamic MPD has a UTCTiming.",
    *check(mpd) {
      if (mpd.dynamic && mpd.utcTiming.length === 0) yield "no UTCTiming";
    },
  },
  {
    on: "mpd",
    id: "dash-start-constant",
    clause: "ISO/IEC 23009-1 5.4.1",
    severity: "error",
    demands: "@availabilityStartTime never changes.",
    *check(mpd, previous) {
      if (previous !== undefined && mpd.availabilityStartMs !== previous.availabilityStartMs) {
        yield `@availabilityStartTime moved by ${(mpd.availabilityStartMs ?? 0) - (previous.availabilityStartMs ?? 0)} ms`;
      }
    },
  },
  {
    on: "mpd",
    id: "dash-publish-time-monotonic",
    clause: "ISO/IEC 23009-1 5.3.1.2",
    severity: "error",
    demands: "@publishTime never goes back.",
    *check(mpd, previous) {
      const [now, before] = [mpd.publishMs, previous?.publishMs];
      if (now !== undefined && before !== undefined && now < before) yield `@publishTime went back ${before - now} ms`;
    },
  },
  {
    on: "mpd",
    id: "dash-timeline-contiguous",
    clause: "ISO/IEC 23009-1 5.3.9.6.1",
    severity: "error",
    demands: "The segments of a timeline join inside a Period.",
    check: checkTimelineJoined,
  },
  {
    on: "mpd",
    id: "dash-timeline-unchanged",
    clause: "ISO/IEC 23009-1 5.4.1",
    severity: "error",
    demands: "An announced segment keeps its time, duration and number, and is not withdrawn.",
    check: checkTimelineKept,
  },
  {
    on: "mpd",
    id: "dash-forecast-exact",
    clause: "ISO/IEC 23009-1 5.4.1",
    severity: "warning",
    demands: "A segment that is announced while it grows should turn out as long as announced.",
    check: checkForecasts,
  },
  {
    on: "mpd",
    id: "dash-periods-continuous",
    clause: "ISO/IEC 23009-1 5.3.2.1",
    severity: "error",
    demands: "Periods join, keep their start, and have an @id in a dynamic MPD.",
    check: checkPeriods,
  },
  {
    on: "mpd",
    id: "dash-ids-unique",
    clause: "ISO/IEC 23009-1 5.3.5.2",
    severity: "error",
    demands: "Representation @id is unique in its Period.",
    *check(mpd) {
      for (const period of mpd.periods) {
        const ids = period.representations.map((representation) => representation.id);
        if (new Set(ids).size !== ids.length) yield `Period ${period.id} has two Representations of one @id`;
      }
    },
  },
];
