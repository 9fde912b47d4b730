import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { CutRecord, LinkRecord } from "#link/record.ts";
import { BroadcastWindow } from "./broadcast-window.ts";
import { renderManifest } from "./dash/manifest.ts";
import { renderMediaPlaylist } from "./hls/media-playlist.ts";
import { renderMultivariantPlaylist } from "./hls/multivariant-playlist.ts";
import {
  TEST_AUDIO,
  TEST_FIRST_SEGMENT,
  TEST_TIMELINE,
  TEST_VIDEO,
  type TestBroadcast,
  testHello,
  testRecords,
} from "./test-broadcast.ts";
import type { Segment, WindowTrack } from "./window.ts";

function windowOf(records: readonly LinkRecord[]): BroadcastWindow {
  const [hello, ...rest] = records;
  if (hello?.type !== "hello") throw new Error("the first record is a hello");
  const window = new BroadcastWindow(hello);
  for (const record of rest) window.apply(record);
  return window;
}

function trackOf(window: BroadcastWindow, name: string): WindowTrack {
  const track = window.track(name);
  if (track === undefined) throw new Error(`no track ${name}`);
  return track;
}

function texts(window: BroadcastWindow): string[] {
  return [
    ...window.tracks.flatMap((track) => [
      renderMediaPlaylist(window, track.track.name),
      renderMediaPlaylist(window, track.track.name, { skip: "YES" }),
    ]),
    renderMultivariantPlaylist(window),
    renderManifest(window),
  ];
}

function listed(track: WindowTrack): Segment[] {
  return track.segments.filter((segment) => segment.number >= track.firstListedSegment);
}

function withoutSegments(records: readonly LinkRecord[], track: number, from: number, to: number): LinkRecord[] {
  return records.filter((record) => {
    if (record.type !== "frame" || record.frame.track !== track) return true;
    const position = record.frame.segment - TEST_FIRST_SEGMENT;
    return position < from || position > to;
  });
}

test.each([
  [{ num: 30, den: 1 }, 15],
  [{ num: 30_000, den: 1001 }, 14],
  [{ num: 25, den: 1 }, 12],
  [{ num: 24_000, den: 1001 }, 11],
  [{ num: 60, den: 1 }, 30],
  [{ num: 60_000, den: 1001 }, 29],
])("a part of 500 ms at %o frames has %d frames and is there with the last of them", (frameRate, frames) => {
  const window = new BroadcastWindow(testHello({ frameRate }));
  const records = testRecords({ tracks: [TEST_VIDEO], frameRate, segmentCount: 1 }).slice(1);
  let seen = 0;
  for (const record of records) {
    window.apply(record);
    if (record.type === "frame") seen++;
    const parts = trackOf(window, "source").segments[0]?.parts.length ?? 0;
    if (parts === 0) expect(seen).toBeLessThan(frames);
    else break;
  }
  expect(seen).toBe(frames);
});

test("no part is longer than the target, and none but a segment's last is shorter than 85 % of it", () => {
  const rates = [
    { num: 30, den: 1 },
    { num: 30_000, den: 1001 },
    { num: 24_000, den: 1001 },
    { num: 25, den: 1 },
    { num: 50, den: 1 },
    { num: 60_000, den: 1001 },
  ];
  for (const frameRate of rates) {
    for (const track of windowOf(testRecords({ frameRate, segmentCount: 4 })).tracks) {
      const target = track.track.timescale / 2;
      for (const segment of track.segments) {
        if (!segment.sealed) continue;
        expect(Math.max(...segment.parts.map((part) => part.duration))).toBeLessThanOrEqual(target);
        const whole = segment.parts.slice(0, -1).map((part) => part.duration);
        expect(Math.min(...whole)).toBeGreaterThanOrEqual(target * 0.85);
      }
    }
  }
});

test("uneven frames: parts stay within the target, and a frame above it is a part of its own", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 40 }), (durations) => {
      const window = new BroadcastWindow(testHello({ tracks: [TEST_VIDEO] }));
      window.apply(cutAt(0));
      let dts = TEST_DTS;
      for (const [index, duration] of durations.entries()) {
        window.apply(frameOf(0, index, dts, duration));
        dts += duration;
      }
      window.apply({ type: "seal", track: 0, segment: TEST_FIRST_SEGMENT, frameCount: durations.length });
      const segment = trackOf(window, "source").segments[0];
      expect(segment?.duration).toBe(dts - TEST_DTS);
      let at = TEST_DTS;
      for (const part of segment?.parts ?? []) {
        expect(part.startDts).toBe(at);
        at += part.duration;
        if (part.duration > 45_000) expect(durations).toContain(part.duration);
      }
      expect(at).toBe(dts);
    }),
    { numRuns: 100 },
  );
});

const TEST_DTS = 1_795_000_000 * 90_000;

function cutAt(position: number, change: Partial<CutRecord> = {}): CutRecord {
  return {
    type: "cut",
    segment: TEST_FIRST_SEGMENT + position,
    startMicros: 1_795_000_000_000_000 + position * 2_000_000,
    discontinuity: false,
    discontinuitySequence: 0,
    periodStartMicros: 1_795_000_000_000_000,
    ...change,
  };
}

function frameOf(position: number, index: number, dts: number, duration: number): LinkRecord {
  return {
    type: "frame",
    frame: {
      track: 0,
      segment: TEST_FIRST_SEGMENT + position,
      index,
      dts,
      ptsOffset: 0,
      duration,
      flags: index === 0 ? 7 : 0,
      payload: Uint8Array.of(position, index),
    },
  };
}

test("a sealed segment is the bytes of its parts, in one array that the parts are views of", () => {
  const window = windowOf(testRecords({ segmentCount: 2 }));
  for (const track of window.tracks) {
    const segment = track.segments[0];
    const joined = segment?.parts.flatMap((part) => [...part.bytes]);
    expect([...(segment?.bytes ?? [])]).toEqual(joined ?? []);
    for (const part of segment?.parts ?? []) expect(part.bytes.buffer).toBe(segment?.bytes?.buffer as ArrayBuffer);
  }
});

test("a part's bytes stay as they were when its segment is sealed and evicted", () => {
  const records = testRecords({ segmentCount: 60 });
  const window = new BroadcastWindow(testHello());
  let held: Uint8Array | undefined;
  let copy: number[] = [];
  for (const record of records.slice(1)) {
    window.apply(record);
    if (held !== undefined) continue;
    held = trackOf(window, "source").segments[0]?.parts[0]?.bytes;
    if (held !== undefined) copy = [...held];
  }
  expect(trackOf(window, "source").segments[0]?.number).toBeGreaterThan(TEST_FIRST_SEGMENT);
  expect([...(held ?? [])]).toEqual(copy);
});

test("a window joined in mid-broadcast gives the same objects and, once it has the same window, the same texts", () => {
  const broadcast: TestBroadcast = {
    segmentCount: 40,
    extraFrames: 37,
    windowMicros: 20_000_000,
    discontinuities: [25, 36],
  };
  const records = testRecords(broadcast);
  const whole = windowOf(records);
  for (const position of [0, 1, 13, 24]) {
    const cutIndex = records.findIndex(
      (record) => record.type === "cut" && record.segment === TEST_FIRST_SEGMENT + position,
    );
    const joined = windowOf([testHello(broadcast), ...records.slice(cutIndex)]);
    expect(texts(joined).slice(0, 5)).toEqual(texts(whole).slice(0, 5));
    for (const track of joined.tracks) {
      const other = trackOf(whole, track.track.name);
      expect(track.init).toEqual(other.init);
      for (const segment of listed(track)) {
        const same = other.segments.find((candidate) => candidate.number === segment.number);
        expect(segment.bytes).toEqual(same?.bytes);
        expect(segment.parts.map((part) => part.bytes)).toEqual(same?.parts.map((part) => part.bytes) ?? []);
      }
    }
  }
});

test("a segment whose beginning was missed is not published", () => {
  const records = testRecords({ segmentCount: 3 });
  const join = records.findIndex((record) => record.type === "frame" && record.frame.index === 20);
  const window = windowOf([testHello(), cutAt(0), ...records.slice(join)]);
  for (const track of window.tracks) expect(track.segments[0]?.number).toBe(TEST_FIRST_SEGMENT + 1);
});

test("the same records a second time, as after a new subscription, change nothing", () => {
  const records = testRecords({ segmentCount: 6, extraFrames: 22 });
  const window = windowOf(records);
  const before = texts(window);
  for (const record of records) window.apply(record);
  expect(texts(window)).toEqual(before);
});

test("version grows exactly when a playlist changes", () => {
  const window = new BroadcastWindow(testHello());
  let before = texts(window).join();
  for (const record of testRecords({ segmentCount: 4, extraFrames: 50 }).slice(1)) {
    const version = window.version;
    window.apply(record);
    const now = texts(window).join();
    expect([record.type, window.version > version]).toEqual([record.type, now !== before]);
    before = now;
  }
});

test("lost segments of one track become gaps between the cuts, in that track only", () => {
  const records = withoutSegments(testRecords({ segmentCount: 8 }), 0, 3, 4);
  const window = windowOf(records);
  const gaps = trackOf(window, "source").segments.filter((segment) => segment.gap);
  expect(gaps.map((gap) => [gap.number - TEST_FIRST_SEGMENT, gap.startDts - TEST_DTS, gap.duration])).toEqual([
    [3, 6 * 90_000, 180_000],
    [4, 8 * 90_000, 180_000],
  ]);
  expect(trackOf(window, "audio").segments.some((segment) => segment.gap)).toBe(false);
  expect(renderMediaPlaylist(window, "source")).toContain(
    `#EXT-X-GAP\n#EXTINF:2,\n${TEST_TIMELINE}-${TEST_FIRST_SEGMENT + 3}.m4s\n`,
  );
});

test("a segment that loses frames after a part was published becomes a gap, and the published part stays", () => {
  const window = new BroadcastWindow(testHello());
  for (const record of testRecords({ segmentCount: 4 }).slice(1)) {
    if (record.type === "frame" && record.frame.track === 0 && record.frame.segment === TEST_FIRST_SEGMENT + 1) {
      if (record.frame.index === 20) {
        window.apply({
          type: "skip",
          track: 0,
          fromSegment: record.frame.segment,
          fromIndex: 20,
          why: "lagged",
        });
      }
      if (record.frame.index >= 20) continue;
    }
    window.apply(record);
  }
  const segment = trackOf(window, "source").segments[1];
  expect([segment?.gap, segment?.parts.length, segment?.bytes]).toEqual([true, 1, undefined]);
  const name = { kind: "part", timelineId: TEST_TIMELINE, segment: TEST_FIRST_SEGMENT + 1 } as const;
  expect(window.locate("source", { ...name, part: 0 }).state).toBe("ready");
  expect(window.locate("source", { ...name, part: 1 }).state).toBe("absent");
  expect(window.locate("source", { ...name, kind: "segment" }).state).toBe("absent");
});

test("whatever frames are lost, what is published is what an undisturbed window publishes", () => {
  const records = testRecords({ segmentCount: 6, framesPerSegment: 12, frameRate: { num: 6, den: 1 } });
  const whole = windowOf(records);
  fc.assert(
    fc.property(fc.array(fc.nat(records.length - 2), { maxLength: 12 }), (lost) => {
      const drop = new Set(lost.map((n) => n + 1));
      const window = windowOf(records.filter((record, i) => record.type !== "frame" || !drop.has(i)));
      for (const track of window.tracks) {
        const other = trackOf(whole, track.track.name);
        for (const segment of track.segments) {
          const same = other.segments.find((candidate) => candidate.number === segment.number);
          if (!segment.gap && segment.sealed) expect(segment.bytes).toEqual(same?.bytes);
          for (const part of segment.parts) expect(part.bytes).toEqual(same?.parts[part.index]?.bytes as Uint8Array);
        }
        const numbers = track.segments.map((segment) => segment.number);
        expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
      }
    }),
    { numRuns: 60 },
  );
});

test("a number jump within the window is bridged by gaps that share the time", () => {
  const window = new BroadcastWindow(testHello({ tracks: [TEST_VIDEO] }));
  window.apply(cutAt(0));
  for (let i = 0; i < 60; i++) window.apply(frameOf(0, i, TEST_DTS + i * 3000, 3000));
  window.apply(cutAt(4, { startMicros: 1_795_000_000_000_000 + 7_000_000 }));
  window.apply(frameOf(4, 0, TEST_DTS + 630_000, 3000));
  const segments = trackOf(window, "source").segments;
  expect(segments.map((s) => [s.number - TEST_FIRST_SEGMENT, s.gap, s.startDts - TEST_DTS, s.duration])).toEqual([
    [0, false, 0, 180_000],
    [1, true, 180_000, 150_000],
    [2, true, 330_000, 150_000],
    [3, true, 480_000, 150_000],
    [4, false, 630_000, 0],
  ]);
});

test("a jump wider than the window, or a new timeline, empties the window", () => {
  const window = windowOf(testRecords({ segmentCount: 3, extraFrames: 30 }));
  window.apply(cutAt(500));
  for (const track of window.tracks) expect(track.segments.length).toBe(0);
  window.apply(frameOf(500, 0, TEST_DTS + 500 * 180_000, 3000));
  expect(trackOf(window, "source").segments.map((segment) => segment.number)).toEqual([TEST_FIRST_SEGMENT + 500]);
  window.apply({ ...testHello(), timelineId: "fedcba9876543210" });
  expect(window.timelineId).toBe("fedcba9876543210");
  expect(window.tracks.map((track) => track.segments.length)).toEqual([0, 0]);
});

test("a listed segment stays retrievable for its duration and that of the longest playlist after it appeared", () => {
  const window = new BroadcastWindow(testHello());
  const appeared = new Map<number, number>();
  let longest = 0;
  let now = 0;
  for (const record of testRecords({ segmentCount: 90 }).slice(1)) {
    window.apply(record);
    const track = trackOf(window, "source");
    if (record.type === "frame" && record.frame.track === 0) now = record.frame.dts + record.frame.duration;
    for (const s of listed(track)) if (s.sealed && !appeared.has(s.number)) appeared.set(s.number, now);
    longest = Math.max(
      longest,
      listed(track).reduce((sum, s) => sum + s.duration, 0),
    );
    for (const [number, at] of appeared) {
      if (now > at + 180_000 + longest) appeared.delete(number);
      else expect(track.segments.some((s) => s.number === number)).toBe(true);
    }
  }
  const track = trackOf(window, "source");
  expect(listed(track).reduce((sum, s) => sum + s.duration, 0)).toBeGreaterThanOrEqual(60 * 90_000);
  expect(track.segments.length).toBeLessThanOrEqual(36);
});

test("changed parameters give a new init segment, a discontinuity and a new map; the old init stays while it is needed", () => {
  const records = testRecords({ segmentCount: 6, discontinuities: [3] });
  const changed = { ...TEST_VIDEO, config: { ...TEST_VIDEO.config, width: 640, height: 360 } } as typeof TEST_VIDEO;
  const cutIndex = records.findIndex((record) => record.type === "cut" && record.discontinuity);
  records.splice(cutIndex, 0, { type: "tracks", tracks: [changed, TEST_AUDIO] });
  const window = windowOf(records);
  const playlist = renderMediaPlaylist(window, "source");
  const maps = playlist.split("\n").filter((line) => line.startsWith("#EXT-X-MAP"));
  expect(new Set(maps).size).toBe(2);
  expect(playlist).toContain(`#EXT-X-DISCONTINUITY\n${maps[1]}\n`);
  const oldName = maps[0]?.split('"')[1] ?? "";
  const hash = oldName.slice(5, -4);
  expect(window.locate("source", { kind: "init", hash }).state).toBe("ready");
  expect(renderMediaPlaylist(window, "audio").match(/#EXT-X-DISCONTINUITY\n/g)?.length).toBe(1);
});

test("a track the encoder gave up is closed, and no longer offered", () => {
  const records = testRecords({ segmentCount: 2, extraFrames: 40 });
  const window = windowOf(records);
  window.apply({ type: "tracks", tracks: [TEST_VIDEO] });
  expect(window.tracks.map((track) => track.track.name)).toEqual(["source"]);
  expect(renderMediaPlaylist(window, "audio")).toEndWith("#EXT-X-ENDLIST\n");
  expect(renderMultivariantPlaylist(window)).not.toContain("audio");
});

test("the end seals what is open and closes every playlist", () => {
  const window = windowOf([...testRecords({ segmentCount: 2, extraFrames: 20 }), { type: "end", why: "stopped" }]);
  expect(window.ended).toBe("stopped");
  for (const track of window.tracks) {
    expect(track.segments.every((segment) => segment.sealed)).toBe(true);
    const playlist = renderMediaPlaylist(window, track.track.name);
    expect(playlist).toEndWith("#EXT-X-ENDLIST\n");
    expect(playlist).not.toContain("PRELOAD-HINT");
  }
});

test("objects are found by name: ready, growing, expected, future, gone, absent", () => {
  const window = windowOf(testRecords({ segmentCount: 50, extraFrames: 20 }));
  const open = TEST_FIRST_SEGMENT + 50;
  const segment = (number: number) =>
    window.locate("source", { kind: "segment", timelineId: TEST_TIMELINE, segment: number }).state;
  const part = (number: number, index: number) =>
    window.locate("source", { kind: "part", timelineId: TEST_TIMELINE, segment: number, part: index }).state;
  expect([open - 1, open, open + 1, open + 2, TEST_FIRST_SEGMENT].map(segment)).toEqual([
    "ready",
    "growing",
    "expected",
    "future",
    "gone",
  ]);
  expect([part(open, 0), part(open, 1), part(open, 2), part(open + 1, 0), part(open - 1, 4)]).toEqual([
    "ready",
    "expected",
    "future",
    "expected",
    "absent",
  ]);
  const foreign = { kind: "segment", timelineId: "fedcba9876543210", segment: open } as const;
  expect(window.locate("source", foreign).state).toBe("absent");
  expect(window.locate("nothing", foreign).state).toBe("absent");
});

test("memory is the bytes of the window: each is held once", () => {
  const window = windowOf(testRecords({ segmentCount: 60 }));
  for (const track of window.tracks) {
    const buffers = new Set<ArrayBufferLike>();
    let payloadBytes = 0;
    for (const segment of track.segments) {
      payloadBytes += segment.sizeBytes;
      const whole = segment.bytes;
      if (whole !== undefined) buffers.add(whole.buffer);
      for (const part of segment.parts) buffers.add(part.bytes.buffer);
    }
    const held = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    expect(held).toBe(payloadBytes);
  }
});
