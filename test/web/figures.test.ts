import { describe, expect, test } from "bun:test";
import { bitrateText, encoderName, formatText, rateText, totalHistory } from "#web/admin/figures.ts";
import { posterUrl } from "#web/poster.ts";
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

describe("a picture", () => {
  test("has an address of its own every five seconds, the same for everybody", () => {
    const addresses = [0, 4999, 5000].map((nowMs) => posterUrl("a/b", nowMs));
    expect(addresses).toEqual([0, 0, 1].map((t) => `/live/a%2Fb/poster.webp?t=${t}`));
  });
});
