import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { LinkRecord } from "#link/record.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import {
  TEST_FIRST_SEGMENT,
  TEST_VIDEO,
  type TestBroadcast,
  testHello,
  testRecords,
} from "#packaging/test-broadcast.ts";
import type { WindowTrack } from "#packaging/window.ts";
import { decideReload, isAvailable, parseDirectives } from "./blocking-reload.ts";
import { isPlayable } from "./first-playlist.ts";
import { renderMediaPlaylist } from "./media-playlist.ts";

function windowOf(
  options: TestBroadcast,
  more: readonly LinkRecord[] = [],
): { window: BroadcastWindow; track: WindowTrack } {
  const window = new BroadcastWindow(testHello(options));
  for (const record of [...testRecords(options).slice(1), ...more]) window.apply(record);
  const track = window.track("source");
  if (track === undefined) throw new Error("no track");
  return { window, track };
}

// Segments 0 to 4 whole with 4 parts each, of segment 5 the parts 0 and 1.
const LIVE: TestBroadcast = { segmentCount: 5, extraFrames: 37, tracks: [TEST_VIDEO] };
const LAST = TEST_FIRST_SEGMENT + 4;

function decide(options: TestBroadcast, msn: number | undefined, part?: number): string {
  const { window, track } = windowOf(options);
  const decision = decideReload(window, track, {
    ...(msn === undefined ? {} : { msn }),
    ...(part === undefined ? {} : { part }),
  });
  return decision.kind;
}

test.each([
  [undefined, undefined, "answer-now"],
  [0, undefined, "answer-now"],
  [LAST - 1, 99, "answer-now"],
  [LAST, undefined, "answer-now"],
  [LAST, 3, "answer-now"],
  [LAST, 4, "answer-now"],
  [LAST, 999, "answer-now"],
  [LAST + 1, 0, "answer-now"],
  [LAST + 1, 1, "answer-now"],
  [LAST + 1, 2, "wait-for"],
  [LAST + 1, 7, "wait-for"],
  [LAST + 1, 8, "bad-request"],
  [LAST + 1, undefined, "wait-for"],
  [LAST + 2, undefined, "wait-for"],
  [LAST + 2, 0, "wait-for"],
  [LAST + 2, 5, "wait-for"],
  [LAST + 2, 6, "bad-request"],
  [LAST + 3, undefined, "bad-request"],
  [LAST + 3, 0, "bad-request"],
  [Number.MAX_SAFE_INTEGER, undefined, "bad-request"],
  [undefined, 0, "bad-request"],
] as const)("segment %p, part %p: %s", (msn, part, kind) => {
  expect(decide(LIVE, msn, part)).toBe(kind);
});

test("with parts of a second or more the limit is three parts", () => {
  const options: TestBroadcast = { ...LIVE, partTargetMicros: 1_000_000 };
  expect(decide(options, LAST + 1, 3)).toBe("wait-for");
  expect(decide(options, LAST + 1, 4)).toBe("bad-request");
});

test("directives are ignored after the end, and where the stream has no parts", () => {
  const { window, track } = windowOf(LIVE, [{ type: "end", why: "stopped" }]);
  expect(decideReload(window, track, { msn: LAST + 50 }).kind).toBe("answer-now");
  expect(decide({ ...LIVE, partTargetMicros: 0 }, LAST + 50)).toBe("answer-now");
});

test("a part past a whole segment's last waits for part 0 of the next", () => {
  const { window, track } = windowOf({ ...LIVE, extraFrames: 1 });
  expect(decideReload(window, track, { msn: LAST, part: 4 })).toEqual({ kind: "wait-for", msn: LAST, part: 4 });
});

test("queries are read as the draft says, and never throw", () => {
  expect(parseDirectives({})).toEqual({});
  expect(parseDirectives({ msn: "7", part: "0", skip: "YES" })).toEqual({ msn: 7, part: 0, skip: "YES" });
  expect(parseDirectives({ msn: "7", skip: "maybe" })).toEqual({ msn: 7 });
  for (const raw of [
    { part: "1" },
    { msn: "" },
    { msn: "-1" },
    { msn: "1.5" },
    { msn: "1e3" },
    { msn: "9".repeat(40) },
  ]) {
    expect(parseDirectives(raw)).toMatchObject({ kind: "bad-request" });
  }
  expect(parseDirectives({ msn: "1", part: "x" })).toMatchObject({ kind: "bad-request" });
});

/** Independent reading of the rule from the playlist's text: the (segment, part) pairs and whole segments it shows. */
function shows(text: string, msn: number, part: number | undefined): boolean {
  const whole = [...text.matchAll(/^[0-9a-f]+-(\d+)\.m4s$/gm)].map((match) => Number(match[1]));
  const parts = [...text.matchAll(/EXT-X-PART:.*-(\d+)\.(\d+)\.m4s/g)].map((match) => [
    Number(match[1]),
    Number(match[2]),
  ]);
  if (part === undefined) return whole.some((number) => number >= msn);
  if (parts.some(([number = 0, index = 0]) => number > msn || (number === msn && index >= part))) return true;
  return whole.some((number) => number > msn);
}

test("what is available is what the playlist shows, at every moment of a broadcast", () => {
  const records = testRecords({ ...LIVE, extraFrames: 59 });
  const offset = fc.integer({ min: -3, max: 4 });
  fc.assert(
    fc.property(
      fc.integer({ min: 70, max: records.length }),
      offset,
      fc.option(fc.nat(6)),
      (count, ahead, maybePart) => {
        const window = new BroadcastWindow(testHello(LIVE));
        for (const record of records.slice(1, count)) window.apply(record);
        const track = window.track("source");
        const last = track?.segments.findLast((segment) => segment.sealed);
        if (track === undefined || last === undefined) return;
        const msn = last.number + ahead;
        const part = maybePart ?? undefined;
        const available = isAvailable(track, msn, part);
        expect(available).toBe(shows(renderMediaPlaylist(window, "source"), msn, part));
        const { kind } = decideReload(window, track, part === undefined ? { msn } : { msn, part });
        expect(kind === "answer-now").toBe(available);
      },
    ),
    { numRuns: 150 },
  );
});

test("whatever waits is answered by the broadcast going on, within two segments", () => {
  const records = testRecords({ ...LIVE, segmentCount: 8 });
  fc.assert(
    fc.property(
      fc.integer({ min: 130, max: 320 }),
      fc.integer({ min: 0, max: 2 }),
      fc.option(fc.nat(9)),
      (count, ahead, maybePart) => {
        const window = new BroadcastWindow(testHello(LIVE));
        for (const record of records.slice(1, count)) window.apply(record);
        const track = window.track("source");
        const last = track?.segments.findLast((segment) => segment.sealed);
        if (track === undefined || last === undefined) return;
        const part = maybePart ?? undefined;
        const msn = last.number + ahead;
        const decision = decideReload(window, track, part === undefined ? { msn } : { msn, part });
        if (decision.kind !== "wait-for") return;
        for (const record of records.slice(count)) window.apply(record);
        expect(isAvailable(track, decision.msn, decision.part)).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

test("the first playlist comes with a whole segment and three parts; without parts with two segments", () => {
  const firstPlayable = (options: TestBroadcast): number => {
    const window = new BroadcastWindow(testHello(options));
    let micros = 0;
    for (const record of testRecords(options).slice(1)) {
      window.apply(record);
      if (record.type === "frame" && record.frame.track === 0) micros = record.frame.dts / 0.09 - 1_795_000_000_000_000;
      if (isPlayable(window)) return micros / 1e6;
    }
    return Number.NaN;
  };
  expect(firstPlayable({ segmentCount: 4 })).toBeCloseTo(2, 1);
  expect(firstPlayable({ segmentCount: 4, partTargetMicros: 0 })).toBeCloseTo(4, 1);
  const ended = new BroadcastWindow(testHello());
  for (const record of testRecords({ segmentCount: 0, extraFrames: 20 }).slice(1)) ended.apply(record);
  expect(isPlayable(ended)).toBe(false);
  ended.apply({ type: "end", why: "stopped" });
  expect(isPlayable(ended)).toBe(true);
});

test("a track whose frames never come does not keep the broadcast back for longer than its first gap", () => {
  const options: TestBroadcast = { segmentCount: 3 };
  const window = new BroadcastWindow(testHello(options));
  let segments = 0;
  for (const record of testRecords(options).slice(1)) {
    if (record.type === "frame" && record.frame.track === 1) continue;
    window.apply(record.type === "seal" && record.track === 1 ? { ...record, frameCount: 0 } : record);
    if (isPlayable(window)) break;
    segments = window.track("source")?.segments.length ?? 0;
  }
  expect(isPlayable(window)).toBe(true);
  expect(segments).toBeLessThanOrEqual(2);
});

test("gaps alone are nothing to publish", () => {
  const options: TestBroadcast = { segmentCount: 3 };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) {
    if (record.type !== "frame") window.apply(record.type === "seal" ? { ...record, frameCount: 0 } : record);
  }
  expect(window.tracks.map((track) => track.segments.length)).toEqual([2, 2]);
  expect(isPlayable(window)).toBe(false);
});
