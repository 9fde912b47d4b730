import { expect, test } from "bun:test";
import * as fc from "fast-check";
import * as HLS from "hls-parser";
import type { LinkRecord } from "#link/record.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_VIDEO, type TestBroadcast, testHello, testRecords } from "#packaging/test-broadcast.ts";
import { renderMediaPlaylist } from "./media-playlist.ts";

// This parser counts part-listing segments instead of measuring them, and says so on the console.
HLS.setOptions({ silent: true });

function windowOf(options: TestBroadcast, more: readonly LinkRecord[] = []): BroadcastWindow {
  const window = new BroadcastWindow(testHello(options));
  for (const record of [...testRecords(options).slice(1), ...more]) window.apply(record);
  return window;
}

function parsed(text: string): HLS.types.MediaPlaylist {
  const playlist = HLS.parse(text);
  if (playlist.isMasterPlaylist) throw new Error("a media playlist");
  return playlist;
}

test("the whole text of a low-latency playlist", () => {
  const window = windowOf({ segmentCount: 5, extraFrames: 37, discontinuities: [2], windowMicros: 8_000_000 });
  expect(renderMediaPlaylist(window, "source")).toBe(`#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=6,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:217000001
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MAP:URI="init-7ae362f4ca8efe5c.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:42.000Z
#EXTINF:2,
0123456789abcdef-217000001.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:44.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000002.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000002.1.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000002.2.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000002.3.m4s"
#EXTINF:2,
0123456789abcdef-217000002.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:46.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000003.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000003.1.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000003.2.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000003.3.m4s"
#EXTINF:2,
0123456789abcdef-217000003.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:48.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000004.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000004.1.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000004.2.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000004.3.m4s"
#EXTINF:2,
0123456789abcdef-217000004.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:50.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000005.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000005.1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="0123456789abcdef-217000005.2.m4s"
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=217000005,LAST-PART=1
`);
});

test("the whole text of a delta update", () => {
  const window = windowOf({ segmentCount: 10, windowMicros: 16_000_000, tracks: [TEST_VIDEO] });
  expect(renderMediaPlaylist(window, "source", { skip: "YES" })).toBe(`#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:217000001
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-SKIP:SKIPPED-SEGMENTS=2
#EXT-X-MAP:URI="init-7ae362f4ca8efe5c.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:46.000Z
#EXTINF:2,
0123456789abcdef-217000003.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:48.000Z
#EXTINF:2,
0123456789abcdef-217000004.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:50.000Z
#EXTINF:2,
0123456789abcdef-217000005.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:52.000Z
#EXTINF:2,
0123456789abcdef-217000006.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:54.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000007.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000007.1.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000007.2.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000007.3.m4s"
#EXTINF:2,
0123456789abcdef-217000007.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:56.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000008.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000008.1.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000008.2.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000008.3.m4s"
#EXTINF:2,
0123456789abcdef-217000008.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:58.000Z
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000009.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000009.1.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000009.2.m4s"
#EXT-X-PART:DURATION=0.5,URI="0123456789abcdef-217000009.3.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="0123456789abcdef-217000010.0.m4s"
`);
});

test("the whole text of a playlist without parts", () => {
  const window = windowOf({ segmentCount: 2, extraFrames: 3, partTargetMicros: 0 });
  expect(renderMediaPlaylist(window, "audio")).toBe(`#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12,HOLD-BACK=6
#EXT-X-MEDIA-SEQUENCE:217000000
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init-9b44cfdbf623da02.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:40.000Z
#EXTINF:2.00533,
0123456789abcdef-217000000.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:42.005Z
#EXTINF:2.00533,
0123456789abcdef-217000001.m4s
`);
});

test("an independent parser reads the same numbers, durations, parts and times", () => {
  const window = windowOf({
    segmentCount: 36,
    extraFrames: 45,
    frameRate: { num: 30_000, den: 1001 },
    framesPerSegment: 60,
    discontinuities: [20],
  });
  for (const track of window.tracks) {
    const playlist = parsed(renderMediaPlaylist(window, track.track.name));
    const segments = track.segments.filter((segment) => segment.number >= track.firstListedSegment && segment.sealed);
    const whole = playlist.segments.filter((segment) => segment.uri !== "");
    expect(playlist.mediaSequenceBase).toBe(track.firstListedSegment);
    expect(whole.map((segment) => segment.mediaSequenceNumber)).toEqual(segments.map((segment) => segment.number));
    expect(whole.map((segment) => segment.discontinuitySequence)).toEqual(
      segments.map((segment) => segment.discontinuitySequence),
    );
    for (const [i, segment] of segments.entries()) {
      const { timescale } = track.track;
      expect(whole[i]?.duration).toBeCloseTo(segment.duration / timescale, 4);
      const time = whole[i]?.programDateTime?.getTime() ?? 0;
      expect(Math.abs(time - (segment.startDts / timescale) * 1000)).toBeLessThanOrEqual(0.6);
    }
    expect(playlist.lowLatencyCompatibility).toEqual({
      canBlockReload: true,
      canSkipUntil: 12,
      holdBack: 6,
      partHoldBack: 1.5,
    });
    expect(playlist.partTargetDuration).toBe(0.5);
    expect(playlist.renditionReports.length).toBe(1);
  }
});

test("a delta update laid over the playlist before it is the whole playlist", () => {
  const options: TestBroadcast = { segmentCount: 40, extraFrames: 45, discontinuities: [12, 39] };
  const window = new BroadcastWindow(testHello(options));
  let before: string[] | undefined;
  for (const record of testRecords(options).slice(1)) {
    const version = window.version;
    window.apply(record);
    if (window.version === version || (window.track("source")?.segments.length ?? 0) < 12) continue;
    const whole = renderMediaPlaylist(window, "source");
    const delta = renderMediaPlaylist(window, "source", { skip: "v2" });
    const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(delta)?.[1] ?? 0);
    if (before !== undefined && skipped > 0) expect(merged(before, delta, skipped)).toEqual(segmentLines(whole));
    before = segmentLines(whole);
  }
  expect(before?.length).toBeGreaterThan(40);
});

/** Lines that belong to segments and parts, without the maps (which a delta repeats). */
function segmentLines(text: string): string[] {
  return text.split("\n").filter((line) => /^#EXTINF|^[^#]|PROGRAM-DATE|DISCONTINUITY$/.test(line));
}

function merged(before: readonly string[], delta: string, skipped: number): string[] {
  const first = Number(/MEDIA-SEQUENCE:(\d+)/.exec(delta)?.[1]);
  const kept: string[] = [];
  let block: string[] = [];
  for (const line of before) {
    block.push(line);
    if (!line.endsWith(".m4s")) continue;
    const number = Number(/-(\d+)\.m4s/.exec(line)?.[1]);
    if (number >= first && number < first + skipped) kept.push(...block);
    block = [];
  }
  return [...kept, ...segmentLines(delta)];
}

test("a playlist changes only as the protocol allows: lines at the end, removal from the front in order", () => {
  const options: TestBroadcast = { segmentCount: 12, extraFrames: 45, windowMicros: 8_000_000, discontinuities: [4] };
  const window = new BroadcastWindow(testHello(options));
  let seen: string[] = [];
  for (const record of testRecords(options).slice(1)) {
    const version = window.version;
    window.apply(record);
    if (window.version === version) continue;
    const now = renderMediaPlaylist(window, "source")
      .split("\n")
      .filter((line) => /^#EXTINF|^[^#]|PROGRAM-DATE|DISCONTINUITY$|^#EXT-X-PART:/.test(line));
    // Every line that stays keeps its order, and new lines come after all old ones.
    const old = now.filter((line) => seen.includes(line) || /DISCONTINUITY$|^#EXTINF/.test(line));
    expect(old.filter((line) => !/DISCONTINUITY$|^#EXTINF/.test(line))).toEqual(
      seen.filter((line) => now.includes(line) && !/DISCONTINUITY$|^#EXTINF/.test(line)),
    );
    const fresh = now.findIndex((line) => !seen.includes(line) && !/DISCONTINUITY$|^#EXTINF/.test(line));
    if (fresh >= 0) {
      const rest = now.slice(fresh).filter((line) => !/DISCONTINUITY$|^#EXTINF/.test(line));
      expect(rest.some((line) => seen.includes(line))).toBe(false);
    }
    seen = now;
  }
});

test("the hinted part is the one that comes next, for every regular rate", () => {
  const rates = [
    { num: 30, den: 1 },
    { num: 30_000, den: 1001 },
    { num: 25, den: 1 },
    { num: 24_000, den: 1001 },
    { num: 60, den: 1 },
  ];
  fc.assert(
    fc.property(fc.constantFrom(...rates), (frameRate) => {
      const options: TestBroadcast = { segmentCount: 4, extraFrames: 30, frameRate };
      const window = new BroadcastWindow(testHello(options));
      const hinted = new Map<string, string>();
      for (const record of testRecords(options).slice(1)) {
        window.apply(record);
        for (const { track } of window.tracks) {
          const text = renderMediaPlaylist(window, track.name);
          const last = [...text.matchAll(/#EXT-X-PART:DURATION=[\d.]+,URI="([^"]+)"/g)].at(-1)?.[1];
          const hint = /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)?.[1];
          const before = hinted.get(track.name);
          if (hint === undefined || hint === before) continue;
          if (before !== undefined) expect(last).toBe(before);
          hinted.set(track.name, hint);
        }
      }
    }),
    { numRuns: rates.length, examples: rates.map((rate) => [rate]) },
  );
});
