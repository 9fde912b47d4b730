import { expect, test } from "bun:test";
import * as HLS from "hls-parser";
import { FrameFlag } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import {
  TEST_AUDIO,
  TEST_FIRST_SEGMENT,
  TEST_VIDEO,
  type TestBroadcast,
  testHello,
  testRecords,
} from "#packaging/test-broadcast.ts";
import { renderMultivariantPlaylist } from "./multivariant-playlist.ts";

function windowOf(options: TestBroadcast): BroadcastWindow {
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) window.apply(record);
  return window;
}

const SECOND_AUDIO: Track = { ...TEST_AUDIO, id: 2, name: "audio-2", language: "de" };
const OPUS: Track = {
  id: 3,
  name: "audio-3",
  timescale: 48_000,
  config: {
    kind: "audio",
    codec: "opus",
    record: new Uint8Array(11),
    sampleRate: 48_000,
    channels: 2,
    samplesPerFrame: 960,
    codecs: "opus",
  },
};

test("video with one sound", () => {
  const window = windowOf({ segmentCount: 5, frameRate: { num: 30_000, den: 1001 }, framesPerSegment: 60 });
  const { bandwidth, averageBandwidth } = rates(window);
  expect(renderMultivariantPlaylist(window)).toBe(`#EXTM3U
#EXT-X-VERSION:4
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",STABLE-RENDITION-ID="audio",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},AVERAGE-BANDWIDTH=${averageBandwidth},SCORE=1,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO="audio",STABLE-VARIANT-ID="source"
source/index.m3u8
`);
  const measured = peak(window, "source") + peak(window, "audio");
  expect(bandwidth).toBeGreaterThanOrEqual(measured * 1.25);
  expect(bandwidth).toBeLessThanOrEqual(measured * 1.25 * 1.1);
  const measuredAverage = average(window, "source") + average(window, "audio");
  expect(averageBandwidth).toBeGreaterThanOrEqual(measuredAverage);
  expect(averageBandwidth).toBeLessThanOrEqual(measuredAverage * 1.1);
});

/** What the first variant declares. */
function rates(window: BroadcastWindow): { bandwidth: number; averageBandwidth: number } {
  const [, bandwidth, averageBandwidth] =
    /:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),/.exec(renderMultivariantPlaylist(window)) ?? [];
  return { bandwidth: Number(bandwidth), averageBandwidth: Number(averageBandwidth) };
}

/** Bits per second of the densest whole segment, from its bytes. */
function peak(window: BroadcastWindow, name: string): number {
  const track = window.track(name);
  const rates = (track?.segments ?? []).flatMap((segment) =>
    segment.bytes === undefined
      ? []
      : [Math.ceil((segment.bytes.byteLength * 8 * (track?.track.timescale ?? 0)) / segment.duration)],
  );
  return Math.max(...rates);
}

function average(window: BroadcastWindow, name: string): number {
  const track = window.track(name);
  let bits = 0;
  let ticks = 0;
  for (const segment of track?.segments ?? []) {
    for (const part of segment.parts) {
      bits += part.bytes.byteLength * 8;
      ticks += part.duration;
    }
  }
  return Math.ceil((bits * (track?.track.timescale ?? 0)) / ticks);
}

test("sound alone, and picture alone", () => {
  const sound = renderMultivariantPlaylist(windowOf({ segmentCount: 3, tracks: [TEST_AUDIO] }));
  expect(sound).toMatch(
    /^#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,SCORE=1,CODECS="mp4a\.40\.2",STABLE-VARIANT-ID="audio"\naudio\/index\.m3u8\n$/,
  );
  const picture = renderMultivariantPlaylist(windowOf({ segmentCount: 3, tracks: [TEST_VIDEO] }));
  expect(picture).not.toContain("AUDIO");
  expect(picture).toContain('CODECS="avc1.64001f",RESOLUTION=1280x720,FRAME-RATE=30.000');
});

test("several sounds: one group per codec, each video in each group, peaks of the worst combination", () => {
  const window = windowOf({ segmentCount: 3, tracks: [TEST_VIDEO, TEST_AUDIO, SECOND_AUDIO, OPUS] });
  const playlist = HLS.parse(renderMultivariantPlaylist(window));
  if (!playlist.isMasterPlaylist) throw new Error("a multivariant playlist");
  const { variants } = playlist;
  expect(variants.map((variant) => variant.codecs)).toEqual(["avc1.64001f,mp4a.40.2", "avc1.64001f,opus"]);
  expect(variants.map((variant) => variant.audio.map((audio) => audio.name))).toEqual([
    ["audio", "audio-2"],
    ["audio-3"],
  ]);
  const together = peak(window, "source") + Math.max(peak(window, "audio"), peak(window, "audio-2"));
  expect(variants[0]?.bandwidth).toBeGreaterThanOrEqual(together * 1.25);
  expect(variants[0]?.bandwidth).toBeLessThanOrEqual(together * 1.5 * 1.1);
  expect(variants[0]?.audio[1]?.language).toBe("de");
});

test("other pictures stand in for one whose segments are not independent", () => {
  const second: Track = { ...TEST_VIDEO, id: 4, name: "source-2" };
  const options: TestBroadcast = { segmentCount: 3, tracks: [TEST_VIDEO, second] };
  const window = new BroadcastWindow(testHello(options));
  const alone = new BroadcastWindow(testHello({ tracks: [TEST_VIDEO] }));
  for (const record of testRecords(options).slice(1)) {
    const dependent =
      record.type === "frame" && record.frame.track === 0 && record.frame.index === 0
        ? { ...record, frame: { ...record.frame, flags: FrameFlag.CUT } }
        : record;
    window.apply(dependent);
    alone.apply(dependent);
  }
  const text = renderMultivariantPlaylist(window);
  expect(text).not.toContain("source/index.m3u8");
  expect(text).toContain("source-2/index.m3u8");
  expect(renderMultivariantPlaylist(alone)).toContain("source/index.m3u8");
});

test("a picture whose last dependent segment is more than three target durations old is offered again", () => {
  const second: Track = { ...TEST_VIDEO, id: 4, name: "source-2" };
  const options: TestBroadcast = { segmentCount: 8, tracks: [TEST_VIDEO, second] };
  const offers = (dependentAt: number): boolean => {
    const window = new BroadcastWindow(testHello(options));
    for (const record of testRecords(options).slice(1)) {
      const isDependent =
        record.type === "frame" &&
        record.frame.track === 0 &&
        record.frame.index === 0 &&
        record.frame.segment === TEST_FIRST_SEGMENT + dependentAt;
      window.apply(isDependent ? { ...record, frame: { ...record.frame, flags: FrameFlag.CUT } } : record);
    }
    return renderMultivariantPlaylist(window).includes("source/index.m3u8");
  };
  expect([1, 3, 6].map(offers)).toEqual([true, true, false]);
});

test("the displayed size counts in the shape of samples, and high dynamic range is said", () => {
  const anamorphic = {
    ...TEST_VIDEO,
    config: {
      ...TEST_VIDEO.config,
      width: 720,
      height: 576,
      pixelAspect: { num: 16, den: 11 },
      colour: { primaries: 9, transfer: 16, matrix: 9, fullRange: false },
    },
  } as Track;
  const text = renderMultivariantPlaylist(windowOf({ segmentCount: 2, tracks: [anamorphic] }));
  expect(text).toContain("RESOLUTION=1047x576");
  expect(text).toContain("VIDEO-RANGE=PQ");
});

test("a stretched frame does not change the frame rate", () => {
  const options: TestBroadcast = { segmentCount: 6, tracks: [TEST_VIDEO] };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) {
    const stretched = record.type === "frame" && record.frame.segment % 5 === 1 && record.frame.index === 59;
    window.apply(stretched ? { ...record, frame: { ...record.frame, duration: 9000 } } : record);
  }
  expect(renderMultivariantPlaylist(window)).toContain("FRAME-RATE=30.000");
});

test("independence is claimed of sound alone, whose every frame is; never of pictures that come later", () => {
  expect(renderMultivariantPlaylist(windowOf({ segmentCount: 3 }))).not.toContain("INDEPENDENT");
  expect(renderMultivariantPlaylist(windowOf({ segmentCount: 3, tracks: [TEST_AUDIO] }))).toContain(
    "#EXT-X-INDEPENDENT-SEGMENTS\n",
  );
});

test("a track that never gets frames is not offered", () => {
  const options: TestBroadcast = { segmentCount: 4 };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) {
    if (record.type === "frame" && record.frame.track === 1) continue;
    window.apply(record.type === "seal" && record.track === 1 ? { ...record, frameCount: 0 } : record);
  }
  expect(window.track("audio")?.segments.every((segment) => segment.gap)).toBe(true);
  const text = renderMultivariantPlaylist(window);
  expect(text).toContain('CODECS="avc1.64001f",');
  expect(text).not.toContain("AUDIO=");
});

/** A window whose broadcast has pictures held for some segments: a frame that lasts 500 ms, thrice as large. */
function heldWindow(heldFrom: number, heldTo: number): BroadcastWindow {
  const options: TestBroadcast = { segmentCount: 12, frameRate: { num: 30_000, den: 1001 }, framesPerSegment: 60 };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) {
    const video = (record.type === "frame" ? record.frame.track : record.type === "seal" ? record.track : 1) === 0;
    const number = record.type === "frame" ? record.frame.segment : record.type === "seal" ? record.segment : 0;
    const position = number - TEST_FIRST_SEGMENT;
    if (!video || position < heldFrom || position > heldTo) {
      window.apply(record);
    } else if (record.type === "frame" && record.frame.index % 15 === 0) {
      const { frame } = record;
      const flags = FrameFlag.KEY | FrameFlag.SLATE | (frame.index === 0 ? FrameFlag.CUT | FrameFlag.INDEPENDENT : 0);
      const payload = new Uint8Array(40);
      window.apply({ type: "frame", frame: { ...frame, index: frame.index / 15, duration: 45_045, flags, payload } });
    } else if (record.type === "seal") {
      window.apply({ ...record, frameCount: 4 });
    }
  }
  return window;
}

test("pictures held in an outage change neither frame rate nor average bandwidth", () => {
  const whole = heldWindow(-2, -2);
  const outage = heldWindow(2, 9);
  expect(outage.track("source")?.segments.filter((segment) => segment.heldFrameCount > 0).length).toBe(8);
  expect(renderMultivariantPlaylist(outage)).toContain("FRAME-RATE=29.970");
  expect(rates(outage).averageBandwidth / rates(whole).averageBandwidth).toBeCloseTo(1, 1);
});

test("what the first playlist declares covers a peak a third above the first segment, and wavers little later", () => {
  const options: TestBroadcast = { segmentCount: 40, tracks: [TEST_VIDEO] };
  const window = new BroadcastWindow(testHello(options));
  const declared: number[] = [];
  for (const record of testRecords(options).slice(1)) {
    const early = record.type === "frame" && record.frame.segment < TEST_FIRST_SEGMENT + 2;
    window.apply(
      early ? { ...record, frame: { ...record.frame, payload: record.frame.payload.subarray(25) } } : record,
    );
    if (record.type === "seal") declared.push(rates(window).bandwidth);
  }
  const ratio = peak(window, "source") / (declared[0] ?? 0);
  expect(ratio).toBeLessThanOrEqual(1);
  expect(new Set(declared).size).toBeLessThanOrEqual(4);
  for (const rate of declared.slice(3)) expect(rate).toBeGreaterThanOrEqual(peak(window, "source"));
});

test("a rung that is not made at present is left out once its gaps reach where players begin, and is back with its frames", () => {
  const rung: Track = { ...TEST_VIDEO, id: 1000, name: "360p", madeFrom: TEST_VIDEO.id };
  const options: TestBroadcast = { tracks: [TEST_VIDEO, rung], segmentCount: 12 };
  const [pausedFrom, pausedTo] = [TEST_FIRST_SEGMENT + 4, TEST_FIRST_SEGMENT + 9];
  const window = new BroadcastWindow(testHello(options));
  const offered = new Map<number, boolean>();
  let segment = 0;
  for (const record of testRecords(options).slice(1)) {
    if (record.type === "cut") {
      offered.set(segment - TEST_FIRST_SEGMENT, renderMultivariantPlaylist(window).includes("360p/"));
      segment = record.segment;
    }
    const isLost =
      record.type === "frame" && record.frame.track === rung.id && segment >= pausedFrom && segment < pausedTo;
    if (!isLost) window.apply(record);
  }
  const with360p = [...offered].filter(([, isThere]) => isThere).map(([position]) => position);
  // A segment that is missing is known as a gap when the next one begins; three of them reach back three target durations.
  expect(with360p.filter((position) => position >= 0)).toEqual([0, 1, 2, 3, 4, 5, 6, 9, 10, 11]);
});
