import { expect, test } from "bun:test";
import * as HLS from "hls-parser";
import { FrameFlag } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_AUDIO, TEST_VIDEO, type TestBroadcast, testHello, testRecords } from "#packaging/test-broadcast.ts";
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
  expect(renderMultivariantPlaylist(window)).toBe(`#EXTM3U
#EXT-X-VERSION:4
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=${peak(window, "source") + peak(window, "audio")},AVERAGE-BANDWIDTH=${average(window, "source") + average(window, "audio")},CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO="audio"
source/index.m3u8
`);
});

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
    /^#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,CODECS="mp4a\.40\.2"\naudio\/index\.m3u8\n$/,
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
  expect(variants[0]?.bandwidth).toBe(
    peak(window, "source") + Math.max(peak(window, "audio"), peak(window, "audio-2")),
  );
  expect(variants[0]?.audio[1]?.language).toBe("de");
});

test("independence is claimed only where it holds; other pictures stand in for one that is not independent", () => {
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
  expect(text).toContain("#EXT-X-INDEPENDENT-SEGMENTS\n");
  expect(text).not.toContain("source/index.m3u8");
  expect(text).toContain("source-2/index.m3u8");
  const only = renderMultivariantPlaylist(alone);
  expect(only).not.toContain("INDEPENDENT");
  expect(only).toContain("source/index.m3u8");
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
