import { expect, test } from "bun:test";
import { parseAacConfig } from "#media/codecs/aac.ts";
import { RETRY_MS_MAX, RETRY_MS_MIN, retryDelayMs } from "./backoff.ts";
import { FEED_ITEMS_MAX, Feed, type FeedItem } from "./feed.ts";
import { frameRateOf, settingsOf } from "./source.ts";
import { withoutKey } from "./target.ts";

const config = parseAacConfig(Uint8Array.of(0x11, 0x90));

function itemAt(dueMs: number): FeedItem {
  const frame = {
    track: { kind: "audio", number: 0 },
    dts: dueMs,
    ptsOffset: 0,
    keyframe: true,
    payload: new Uint8Array(4),
  } as const;
  return { dueMs, entry: true, config, frame };
}

test("numbers of frames stay when old ones go", () => {
  const feed = new Feed();
  for (let i = 0; i < 100; i++) feed.push(itemAt(i * 10));
  feed.forgetBefore(500);
  expect([feed.start, feed.end]).toEqual([50, 100]);
  expect(feed.at(50)?.dueMs).toBe(500);
  expect(feed.at(49)).toBeUndefined();
  expect(feed.firstAfter(705)).toBe(71);
  expect(feed.firstAfter(5000)).toBe(100);
});

test("the feed never holds more than its bound", () => {
  const feed = new Feed();
  for (let i = 0; i < FEED_ITEMS_MAX + 500; i++) feed.push(itemAt(i));
  expect(feed.end - feed.start).toBe(FEED_ITEMS_MAX);
});

test("pauses double up to their cap and differ by chance", () => {
  expect(retryDelayMs(1, 0.5)).toBe(RETRY_MS_MIN);
  expect(retryDelayMs(3, 0.5)).toBe(RETRY_MS_MIN * 4);
  expect(retryDelayMs(50, 0.5)).toBe(RETRY_MS_MAX);
  expect(retryDelayMs(1, 0)).toBeLessThan(retryDelayMs(1, 1));
});

test("a status never shows the stream key", () => {
  expect(withoutKey("rtmp://host:1935/live/secret")).toBe("rtmp://host:1935/live/");
  expect(withoutKey("rtmps://host/live/main?key=secret/x")).toBe("rtmps://host/live/");
  expect(withoutKey("rtmp://host")).toBe("rtmp://host");
});

test("frame rates of television are the fractions they mean", () => {
  expect(frameRateOf(29.97)).toEqual({ num: 30000, den: 1001 });
  expect(frameRateOf(23.976)).toEqual({ num: 24000, den: 1001 });
  expect(frameRateOf(50)).toEqual({ num: 50, den: 1 });
  expect(frameRateOf(12.5)).toEqual({ num: 12500, den: 1000 });
});

test("a value that is not allowed is named with what is", () => {
  expect(() => settingsOf({ kind: "test", width: 17 })).toThrow("width is 17");
  expect(() => settingsOf({ kind: "test", frameRate: 0 })).toThrow("frameRate is 0");
  expect(() => settingsOf({ kind: "test", heights: [] })).toThrow("the number of pictures is 0");
  expect(() => settingsOf({ kind: "test", heights: [360, 80] })).toThrow("the height of a picture is 80");
  expect(settingsOf({ kind: "test" })).toMatchObject({
    pictures: [{ width: 1280, height: 720, bitrate: 2_500_000, frameRateDivisor: 1 }],
    gopFrames: 60,
  });
});

test("several pictures keep the aspect ratio, and their bitrates follow from the best one's", () => {
  const settings = settingsOf({ kind: "test", width: 1080, height: 1920, heights: [1280, 641], videoBitrate: 60_000 });
  expect(settings).toMatchObject({
    pictures: [
      { width: 720, height: 1280, bitrate: 60_000 },
      { width: 360, height: 640, bitrate: 50_000 },
    ],
  });
  const halved = { kind: "test", heights: [720, 360], halfRateBelowLines: 720, frameRate: 25, gopSeconds: 1 } as const;
  expect(settingsOf(halved)).toMatchObject({
    pictures: [{ frameRateDivisor: 1 }, { frameRateDivisor: 2 }],
    gopFrames: 24,
  });
  expect(() => settingsOf({ ...halved, bframes: 1 })).toThrow("bframes is 1");
  expect(settingsOf({ kind: "test", heights: [720, 480] })).toMatchObject({ pictures: [{}, { width: 854 }] });
  expect(settingsOf({ kind: "test", video: false, heights: [360] })).toMatchObject({ pictures: [] });
});
