import { expect, test } from "bun:test";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_AUDIO, TEST_VIDEO, type TestBroadcast, testHello, testRecords } from "#packaging/test-broadcast.ts";
import { expectedTicks } from "./forecast.ts";

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
    const window = new BroadcastWindow({ ...testHello(broadcast), segmentDurationMicros: 2_000_000 });
    const forecasts = new Map<string, Set<number>>();
    for (const record of testRecords(broadcast).slice(1)) {
      window.apply(record);
      for (const track of window.tracks) {
        const growing = track.segments.at(-1);
        if (growing === undefined || growing.sealed || growing.parts.length === 0) continue;
        const key = `${track.track.name} ${growing.number}`;
        const said = forecasts.get(key) ?? new Set();
        forecasts.set(key, said.add(expectedTicks(window, track, growing)));
      }
    }
    let compared = 0;
    for (const track of window.tracks) {
      for (const segment of track.segments.filter(({ sealed }) => sealed).slice(2)) {
        expect([...(forecasts.get(`${track.track.name} ${segment.number}`) ?? [])]).toEqual([segment.duration]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(10);
  });
}
