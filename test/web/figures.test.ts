import { describe, expect, test } from "bun:test";
import { bitrateText, encoderName, formatText, rateText, totalHistory } from "#web/admin/figures.ts";
import { stillSource, videoVariant } from "#web/home/still.ts";
import { clockText, spanText } from "#web/time-words.ts";
import type { StreamHealth, TrackHealth } from "#web/wire.ts";

const track = (change: Partial<TrackHealth>): TrackHealth => ({
  name: "source",
  kind: "video",
  codec: "avc",
  codecs: "avc1.64001f",
  width: 1920,
  height: 1080,
  frameRate: 29.97,
  sampleRate: null,
  channels: null,
  bitrate: 0,
  bitrateHistory: [],
  ...change,
});

describe("figures", () => {
  test("have units", () => {
    expect([0, 160_400, 999_600, 2_640_000, 24_000_000].map(bitrateText)).toEqual([
      "0 kbit/s",
      "160 kbit/s",
      "1.0 Mbit/s",
      "2.6 Mbit/s",
      "24 Mbit/s",
    ]);
    expect([30, 29.97, 59.9401].map(rateText)).toEqual(["30", "29.97", "59.94"]);
    expect([formatText(track({})), formatText(track({ height: null }))]).toEqual(["1080p30", "H.264"]);
    expect([0, 59_900, 754_000, 3_723_000].map(clockText)).toEqual(["0:00", "0:59", "12:34", "1:02:03"]);
    expect([10_000, 720_000, 7_200_000, 11_100_000, 260_000_000].map(spanText)).toEqual([
      "less than a minute",
      "12 min",
      "2 h",
      "3 h 5 min",
      "3 days",
    ]);
  });

  test("add up tracks that began at different times", () => {
    const tracks = [track({ bitrateHistory: [1, 2, 3] }), track({ bitrateHistory: [10] })];
    expect(totalHistory({ tracks } as unknown as StreamHealth)).toEqual([1, 2, 13]);
  });

  test("name encoders as people do", () => {
    expect(encoderName("FMLE/3.0 (compatible; obs-studio/30.2.3)")).toBe("OBS 30.2.3");
    expect(encoderName("FMLE/3.0 (compatible; Lavf59.27.100)")).toBe("Lavf59.27.100");
    expect(encoderName("Wirecast/FM 1.0")).toBe("Wirecast/FM 1.0");
    expect(encoderName(null)).toBe("Unknown");
  });
});

describe("a still", () => {
  test("comes from the newest part that starts with a keyframe", () => {
    const playlist = [
      '#EXT-X-MAP:URI="init.mp4"',
      '#EXT-X-PART:DURATION=0.5,URI="1.0.m4s",INDEPENDENT=YES',
      '#EXT-X-PART:DURATION=0.5,URI="1.1.m4s"',
      "#EXTINF:1,",
      "1.m4s",
      '#EXT-X-PART:DURATION=0.5,URI="2.0.m4s",INDEPENDENT=YES',
      '#EXT-X-PART:DURATION=0.5,URI="2.1.m4s"',
      '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2.2.m4s"',
    ].join("\n");
    expect(stillSource(playlist)).toEqual({ init: "init.mp4", media: "2.0.m4s" });
  });

  test("comes from the newest segment where there are no parts", () => {
    const playlist = '#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\n1.m4s\n#EXTINF:2,\n2.m4s\n';
    expect(stillSource(playlist)).toEqual({ init: "init.mp4", media: "2.m4s" });
    expect(stillSource("#EXTM3U\n")).toBeUndefined();
  });

  test("needs a variant with a picture", () => {
    const list =
      '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"\naudio.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=9,CODECS="mp4a.40.2,avc1.64001f",RESOLUTION=2x2\nsource.m3u8\n';
    expect(videoVariant(list)).toEqual({ uri: "source.m3u8", codec: "avc1.64001f" });
    expect(videoVariant("#EXTM3U\n")).toBeUndefined();
  });
});
