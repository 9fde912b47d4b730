import { expect, test } from "bun:test";
import type { LinkRecord } from "#link/record.ts";
import { FrameFlag } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { BroadcastWindow } from "./broadcast-window.ts";
import { renderManifest } from "./dash/manifest.ts";
import { renderMediaPlaylist } from "./hls/media-playlist.ts";
import { TEST_AUDIO, TEST_FIRST_SEGMENT, TEST_VIDEO, testHello, testRecords } from "./test-broadcast.ts";

const SOUND_44K = {
  ...TEST_AUDIO,
  timescale: 44_100,
  config: { ...TEST_AUDIO.config, sampleRate: 44_100 },
} as Track;

/** Segments 0 to 4 with sound at 44.1 kHz, 5 to 11 with sound at 48 kHz under the same id and name. */
function changedRecords(): LinkRecord[] {
  const isLater = (record: LinkRecord): boolean => {
    if (record.type === "frame") return record.frame.segment >= TEST_FIRST_SEGMENT + 5;
    return (record.type === "cut" || record.type === "seal") && record.segment >= TEST_FIRST_SEGMENT + 5;
  };
  const options = { segmentCount: 12, extraFrames: 20, discontinuities: [5] };
  const before = testRecords({ ...options, tracks: [TEST_VIDEO, SOUND_44K] }).filter((record) => !isLater(record));
  const after = testRecords(options).filter(isLater);
  return [...before, { type: "tracks", tracks: [TEST_VIDEO, TEST_AUDIO] }, ...after];
}

function windowOf(records: readonly LinkRecord[]): BroadcastWindow {
  const window = new BroadcastWindow(testHello({ tracks: [TEST_VIDEO, SOUND_44K] }));
  for (const record of records.slice(1)) window.apply(record);
  return window;
}

/** Segments of a playlist: date and duration in milliseconds. */
function timesOf(playlist: string): { dateMs: number; durationMs: number }[] {
  const found = playlist.matchAll(/DATE-TIME:(\S+)\n(?:#EXT-X-PART.*\n)*#EXTINF:([\d.]+)/g);
  return [...found].map(([, date = "", duration]) => ({
    dateMs: Date.parse(date),
    durationMs: Number(duration) * 1000,
  }));
}

test("another sample rate rewrites nothing that was listed, and every segment begins where the one before ended", () => {
  const records = changedRecords();
  const change = records.findIndex((record) => record.type === "tracks");
  const before = renderMediaPlaylist(windowOf(records.slice(0, change)), "audio");
  const playlist = renderMediaPlaylist(windowOf(records), "audio");
  const times = timesOf(playlist);
  expect(timesOf(before).length).toBe(5);
  expect(times.slice(0, 5)).toEqual(timesOf(before));
  for (let i = 1; i < times.length; i++) {
    const [last, next] = [times[i - 1], times[i]];
    // One sound frame is missing or doubled where the rate changes.
    const toleranceMs = i === 5 ? 25 : 1.1;
    expect(Math.abs((next?.dateMs ?? 0) - (last?.dateMs ?? 0) - (last?.durationMs ?? 0))).toBeLessThan(toleranceMs);
  }
});

test("each period of the manifest has the parameters and the timescale its segments were made with", () => {
  const text = renderManifest(windowOf(changedRecords()));
  const periods = text.split("<Period").slice(1);
  expect(periods.map((period) => /audioSamplingRate="(\d+)"/.exec(period)?.[1])).toEqual(["44100", "48000"]);
  for (const [i, rate] of [44_100, 48_000].entries()) {
    const sound = periods[i]?.split('contentType="audio"')[1] ?? "";
    expect(sound).toContain(`timescale="${rate}"`);
    const start = Number(/<S t="(\d+)"/.exec(sound)?.[1]) / rate;
    expect(start).toBeCloseTo(1_795_000_000 + i * 10, 0);
  }
});

test("the window keeps its length over a change of timescale", () => {
  const records = changedRecords();
  const window = new BroadcastWindow({ ...testHello({ tracks: [TEST_VIDEO, SOUND_44K] }), windowMicros: 12_000_000 });
  for (const record of records.slice(1)) window.apply(record);
  for (const { segments, firstListedSegment } of window.tracks) {
    const listed = segments.filter((segment) => segment.sealed && segment.number >= firstListedSegment);
    const seconds = listed.reduce((sum, { duration, track }) => sum + duration / track.timescale, 0);
    expect(seconds).toBeGreaterThanOrEqual(12);
    expect(seconds).toBeLessThan(14.1);
  }
});

/** A broadcast with B-frames whose segment 3 begins without a keyframe, so that its first frames are shown earlier than they are decoded. */
function dividedRecords(): LinkRecord[] {
  return testRecords({ segmentCount: 8, extraFrames: 20 }).map((record) => {
    if (record.type !== "frame" || record.frame.track !== 0) return record;
    const { frame } = record;
    const dependent = frame.segment === TEST_FIRST_SEGMENT + 3;
    const offset = frame.index === 0 && !dependent ? 0 : frame.index % 2 === 0 ? -3000 : 3000;
    const flags = dependent && frame.index === 0 ? FrameFlag.CUT : frame.flags;
    return { ...record, frame: { ...frame, ptsOffset: offset, flags } };
  });
}

test("a picture divided between keyframes joins on both sides, in the playlist and in the manifest", () => {
  const window = new BroadcastWindow(testHello());
  for (const record of dividedRecords().slice(1)) window.apply(record);
  const times = timesOf(renderMediaPlaylist(window, "source"));
  expect(times.length).toBe(8);
  for (let i = 1; i < times.length; i++) expect(times[i]?.dateMs).toBe((times[i - 1]?.dateMs ?? 0) + 2000);
  expect(renderManifest(window)).toContain('<S t="161550000000000" d="180000" r="8"/>');
});

test("the header of a media playlist stays as it is when a segment without a keyframe comes", () => {
  const window = new BroadcastWindow(testHello());
  const headers = new Set<string>();
  for (const record of dividedRecords().slice(1)) {
    window.apply(record);
    for (const name of ["source", "audio"]) {
      if ((window.track(name)?.segments[0]?.parts.length ?? 0) === 0) continue;
      const lines = renderMediaPlaylist(window, name).split("\n");
      headers.add(
        [
          name,
          ...lines.slice(
            0,
            lines.findIndex((line) => line.startsWith("#EXT-X-MAP")),
          ),
        ].join("\n"),
      );
    }
  }
  expect(window.track("source")?.segments[3]?.independent).toBe(false);
  expect([...headers].filter((header) => header.includes("MEDIA-SEQUENCE")).length).toBe(2);
});
