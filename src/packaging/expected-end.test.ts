import { expect, test } from "bun:test";
import type { LinkRecord } from "#link/record.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { AudioConfig, Track } from "#media/track.ts";
import { BroadcastWindow } from "./broadcast-window.ts";
import { renderManifest } from "./dash/manifest.ts";
import { renderMediaPlaylist } from "./hls/media-playlist.ts";
import { announcedTicks } from "./expected-end.ts";
import {
  TEST_AUDIO,
  TEST_FIRST_SEGMENT,
  TEST_START_MICROS,
  TEST_VIDEO,
  type TestBroadcast,
  testHello,
  testRecords,
} from "./test-broadcast.ts";

const SOUND_44K = {
  ...TEST_AUDIO,
  timescale: 44_100,
  config: { ...TEST_AUDIO.config, sampleRate: 44_100 },
} as typeof TEST_AUDIO;

const BROADCASTS: readonly (readonly [string, Omit<TestBroadcast, "segmentCount">])[] = [
  ["30 frames per second, sound at 48 kHz", {}],
  ["29.97 frames per second", { frameRate: { num: 30_000, den: 1001 }, framesPerSegment: 60 }],
  ["25 frames per second, sound at 44.1 kHz", { frameRate: { num: 25, den: 1 }, tracks: [TEST_VIDEO, SOUND_44K] }],
  ["B-frames", { presentationDelayFrames: 2 }],
  ["keyframes further apart than wanted", { framesPerSegment: 71 }],
];

for (const [name, options] of BROADCASTS) {
  test(`a growing segment is announced with the length it will have: ${name}`, () => {
    const broadcast = { ...options, segmentCount: 9 };
    const hello = { ...testHello(broadcast), segmentDurationMicros: 2_000_000 };
    expect(comparedForecasts([hello, ...testRecords(broadcast).slice(1)])).toBeGreaterThan(10);
  });
}

/** Compares what was announced of each segment with the length it had; how many there were. */
function comparedForecasts([hello, ...records]: readonly LinkRecord[]): number {
  if (hello?.type !== "hello") throw new Error("the hello comes first");
  const window = new BroadcastWindow(hello);
  const forecasts = new Map<string, Set<number | undefined>>();
  for (const record of records) {
    window.apply(record);
    for (const track of window.tracks) {
      const growing = track.segments.at(-1);
      if (growing === undefined || growing.sealed || growing.parts.length === 0) continue;
      const key = `${track.track.name} ${growing.number}`;
      const said = forecasts.get(key) ?? new Set();
      forecasts.set(key, said.add(announcedTicks(window, track, growing)));
    }
  }
  let compared = 0;
  for (const track of window.tracks) {
    for (const segment of track.segments.filter(({ sealed }) => sealed).slice(2)) {
      const said = [...(forecasts.get(`${track.track.name} ${segment.number}`) ?? [])];
      expect({ name: track.track.name, said }).toEqual({ name: track.track.name, said: [segment.duration] });
      compared++;
    }
  }
  return compared;
}

const MP3: Track = {
  ...SOUND_44K,
  config: { ...SOUND_44K.config, codec: "mp3", samplesPerFrame: 1152 } as AudioConfig,
};
const MADE: Track = { ...SOUND_44K, id: 3000, name: "audio-aac", madeFrom: MP3.id };

/** The records of a sound on another grid of frames than its origin's, cut where the origin is: at the first of its frames that begins there. */
function madeSoundRecords(records: readonly LinkRecord[]): LinkRecord[] {
  const starts = new Map<number, number>();
  for (const record of records) {
    const isFirst = record.type === "frame" && record.frame.track === MP3.id && record.frame.index === 0;
    if (isFirst) starts.set(record.frame.segment, Math.ceil(record.frame.dts / 1024) * 1024);
  }
  return records.flatMap((record) => {
    if (record.type !== "frame" || record.frame.track !== MP3.id) {
      const start = record.type === "seal" ? starts.get(record.segment) : undefined;
      const end = record.type === "seal" ? starts.get(record.segment + 1) : undefined;
      if (record.type !== "seal" || record.track !== MP3.id || start === undefined || end === undefined)
        return [record];
      return [record, { ...record, track: MADE.id, frameCount: (end - start) / 1024 }];
    }
    const { frame } = record;
    const start = starts.get(frame.segment) ?? 0;
    const own: LinkRecord[] = [record];
    for (let dts = Math.ceil(frame.dts / 1024) * 1024; dts < frame.dts + frame.duration; dts += 1024) {
      const index = (dts - start) / 1024;
      const flags = FrameFlag.KEY | (index === 0 ? FrameFlag.CUT | FrameFlag.INDEPENDENT : 0);
      own.push({ type: "frame", frame: { ...frame, track: MADE.id, dts, duration: 1024, index, flags } });
    }
    return own;
  });
}

test("a sound made on another grid of frames is announced with the length it will have", () => {
  for (const [position, parts] of [
    ["before", 500_000],
    ["after", 333_000],
  ] as const) {
    const sent: TestBroadcast = { segmentCount: 9, partTargetMicros: parts, tracks: [TEST_VIDEO, MP3] };
    const tracks = position === "after" ? [TEST_VIDEO, MP3, MADE] : [TEST_VIDEO, MADE, MP3];
    const records = madeSoundRecords(testRecords(sent).slice(1));
    expect(comparedForecasts([{ ...testHello(sent), tracks }, ...records])).toBeGreaterThan(15);
  }
});

/** Runs a broadcast with keyframes at these frames of 30 a second; tells, per track, how many hints came true and how many did not. */
function hints(
  cutFrames: readonly number[],
  targetDurationSeconds: number,
): Map<string, { hit: number; missed: number }> {
  const window = new BroadcastWindow({ ...testHello(), segmentDurationMicros: 2_000_000, targetDurationSeconds });
  const tally = new Map(["source", "audio"].map((name) => [name, { hit: 0, missed: 0 }]));
  const hinted = new Map<string, string>();
  for (const record of irregularRecords(cutFrames)) {
    window.apply(record);
    for (const { track, segments } of window.tracks) {
      if (!segments.some((segment) => segment.sealed)) continue;
      const text = renderMediaPlaylist(window, track.name);
      const listed = [...text.matchAll(/#EXT-X-PART:DURATION=[\d.]+,URI="([^"]+)"/g)].map((match) => match[1] ?? "");
      const hint = /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)?.[1] ?? "";
      const before = hinted.get(track.name);
      const count = tally.get(track.name);
      if (before !== undefined && listed.includes(before) && count !== undefined) count.hit++;
      else if (before !== undefined && before !== hint && count !== undefined) count.missed++;
      hinted.set(track.name, hint);
    }
  }
  return tally;
}

function irregularRecords(cutFrames: readonly number[]): LinkRecord[] {
  const last = cutFrames.at(-1) ?? 0;
  const timed: { micros: number; record: LinkRecord }[] = cutFrames.map((frames, position) => ({
    micros: TEST_START_MICROS + (frames * 1e6) / 30 - 0.75,
    record: {
      type: "cut",
      segment: TEST_FIRST_SEGMENT + position,
      startMicros: Math.round(TEST_START_MICROS + (frames * 1e6) / 30),
      discontinuity: false,
      discontinuitySequence: 0,
      periodStartMicros: TEST_START_MICROS,
    },
  }));
  for (const track of [TEST_VIDEO, TEST_AUDIO]) {
    const duration = track === TEST_VIDEO ? 3000 : 1024;
    let position = 0;
    let index = 0;
    for (let ticks = 0; ticks < (last * track.timescale) / 30; ticks += duration) {
      const micros = TEST_START_MICROS + (ticks * 1e6) / track.timescale + (track === TEST_AUDIO ? 0.25 : 0);
      if (ticks >= ((cutFrames[position + 1] ?? 0) * track.timescale) / 30) {
        const segment = TEST_FIRST_SEGMENT + position;
        timed.push({ micros: micros - 0.5, record: { type: "seal", track: track.id, segment, frameCount: index } });
        position++;
        index = 0;
      }
      const frame: Frame = {
        track: track.id,
        segment: TEST_FIRST_SEGMENT + position,
        index,
        dts: (TEST_START_MICROS / 1e6) * track.timescale + ticks,
        ptsOffset: 0,
        duration,
        flags: index === 0 ? FrameFlag.KEY | FrameFlag.CUT | FrameFlag.INDEPENDENT : 0,
        payload: new Uint8Array(20),
      };
      timed.push({ micros, record: { type: "frame", frame } });
      index++;
    }
  }
  return timed.sort((a, b) => a.micros - b.micros).map(({ record }) => record);
}

test("keyframes five seconds apart: every hint comes true from the second segment on", () => {
  const cuts = Array.from({ length: 8 }, (_, i) => i * 150);
  for (const [name, { hit, missed }] of hints(cuts, 7)) {
    expect([name, missed]).toEqual([name, 0]);
    expect(hit).toBeGreaterThan(50);
  }
});

test("irregular keyframes: a hint misses where a segment ends, never more than once for each", () => {
  const cuts = [0, 60, 147, 222, 300, 411, 480, 600, 669, 750];
  for (const [name, { hit, missed }] of hints(cuts, 4)) {
    expect([name, missed <= cuts.length - 2]).toEqual([name, true]);
    expect(hit).toBeGreaterThan(missed * 3);
  }
});

test("the manifest lists a growing segment while lengths are regular only, and takes back nothing it listed", () => {
  const cuts = [0, 60, 120, 180, 240, 311, 401, 470, 530, 590, 650, 710, 770];
  const window = new BroadcastWindow({ ...testHello(), targetDurationSeconds: 3 });
  const growing = new Set<number>();
  let before: readonly string[] = [];
  for (const record of irregularRecords(cuts)) {
    const { version } = window;
    window.apply(record);
    if (window.version === version) continue;
    const starts = timelineStarts(renderManifest(window));
    for (const start of before) expect(starts).toContain(start);
    before = starts;
    for (const { segments } of window.tracks.slice(0, 1)) {
      const last = segments.at(-1);
      if (last?.sealed === false && starts.includes(String(last.startDts))) {
        growing.add(last.number - TEST_FIRST_SEGMENT);
      }
    }
  }
  expect([...growing]).toEqual([1, 2, 3, 4, 10, 11]);
});

test("a segment that grows is not announced where cuts had to be made between keyframes", () => {
  const keyframes = [0, 250, 500];
  const cuts = keyframes.flatMap((frame) => [frame, frame + 70, frame + 140, frame + 210]);
  const window = new BroadcastWindow(testHello());
  let announced = 0;
  for (const record of irregularRecords(cuts)) {
    const isBetween =
      record.type === "frame" && !keyframes.includes(cuts[record.frame.segment - TEST_FIRST_SEGMENT] ?? 0);
    if (isBetween) window.apply({ type: "frame", frame: { ...record.frame, flags: FrameFlag.CUT } });
    else window.apply(record);
    const [video] = window.tracks;
    const last = video?.segments.at(-1);
    if (video === undefined || last === undefined || last.sealed || last.number < TEST_FIRST_SEGMENT + 2) continue;
    if (announcedTicks(window, video, last) !== undefined) announced++;
  }
  expect(window.tracks[0]?.segments.length).toBeGreaterThan(8);
  expect(announced).toBe(0);
});

/** Begin of every segment of the first timeline. */
function timelineStarts(manifest: string): string[] {
  const starts: string[] = [];
  let at = 0;
  const timeline = /<SegmentTimeline>.*?<\/SegmentTimeline>/.exec(manifest)?.[0] ?? "";
  for (const [, , t, d, , r] of timeline.matchAll(/<S( t="(\d+)")? d="(\d+)"( r="(\d+)")?\/>/g)) {
    if (t !== undefined) at = Number(t);
    for (let i = 0; i <= Number(r ?? 0); i++) {
      starts.push(String(at));
      at += Number(d);
    }
  }
  return starts;
}
