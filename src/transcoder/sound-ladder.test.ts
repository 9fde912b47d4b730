import { expect, test } from "bun:test";
import type { AudioConfig } from "#media/track.ts";
import { planSound, soundRateOf } from "./sound-ladder.ts";

function sourceOf(codec: AudioConfig["codec"], channels: number): AudioConfig {
  const record = new Uint8Array(0);
  return { kind: "audio", codec, record, sampleRate: 48_000, channels, samplesPerFrame: 1024, codecs: codec };
}

test("AAC has a rung for slow connections, in stereo or mono", () => {
  expect(planSound(sourceOf("aac", 2))).toEqual([{ name: "audio-64k", bitrate: 64_000, channels: 2 }]);
  expect(planSound(sourceOf("aac", 1))).toEqual([{ name: "audio-64k", bitrate: 64_000, channels: 1 }]);
  expect(planSound(sourceOf("aac", 6))).toEqual([{ name: "audio-64k", bitrate: 64_000, channels: 2 }]);
});

test("another codec has one in AAC of full quality before it", () => {
  for (const codec of ["opus", "mp3", "ac3", "eac3", "flac"] as const) {
    expect(planSound(sourceOf(codec, 6))).toEqual([
      { name: "audio-aac", bitrate: 128_000, channels: 2 },
      { name: "audio-64k", bitrate: 64_000, channels: 2 },
    ]);
  }
});

test("rungs keep the sample rate, or have the next lower one of AAC", () => {
  expect([48_000, 44_100, 8000, 192_000, 37_000, 6000].map(soundRateOf)).toEqual([
    48_000, 44_100, 8000, 96_000, 32_000, 7350,
  ]);
});
