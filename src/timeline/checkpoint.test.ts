import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { VideoConfig } from "#media/track.ts";
import { formatCheckpoint, type GateCheckpoint, parseCheckpoint, sameConfig } from "./checkpoint.ts";
import { Gate } from "./gate.ts";
import { audioConfig, videoConfig } from "./test-encoder.ts";

const CHECKPOINT: GateCheckpoint = {
  timelineId: "0123456789abcdef",
  savedWallMs: 1_795_000_002_000,
  startedWallMs: 1_795_000_000_000,
  ended: false,
  segment: 217_163_201,
  cutMicros: 1_795_000_002_000_000,
  discontinuitySequence: 1,
  originMicros: 1_795_000_000_000_000,
  periodStartMicros: 1_795_000_000_000_000,
  plan: { durationMicros: 2_000_000, targetSeconds: 2 },
  partTargetMicros: 500_000,
  windowMicros: 60_000_000,
  tracks: [
    { id: 0, name: "source", timescale: 90_000, config: videoConfig() },
    { id: 1, name: "audio", timescale: 48_000, config: audioConfig() },
  ],
  gops: [2_000_000],
};

describe("a stored checkpoint", () => {
  test("is read as it was written", () => {
    expect(parseCheckpoint(formatCheckpoint(CHECKPOINT))).toMatchObject({ ...CHECKPOINT });
  });

  test("that is cut short is none", () => {
    const text = formatCheckpoint(CHECKPOINT);
    for (let length = 0; length < text.length; length++) expect(parseCheckpoint(text.slice(0, length))).toBeUndefined();
  });

  test("with any field gone or of another kind is none, or one that a gate can go on with", () => {
    const whole = JSON.parse(formatCheckpoint(CHECKPOINT)) as Record<string, unknown>;
    const paths = [
      ...Object.keys(whole).map((key) => [key]),
      ["plan", "targetSeconds"],
      ["plan", "durationMicros"],
      ...["id", "name", "timescale", "config"].map((key) => ["tracks", "0", key]),
      ...["kind", "codec", "codecs", "record", "width", "height", "pixelAspect"].map((key) => [
        "tracks",
        "0",
        "config",
        key,
      ]),
      ...["sampleRate", "channels", "samplesPerFrame"].map((key) => ["tracks", "1", "config", key]),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.oneof(fc.jsonValue(), fc.constant(undefined)), (path, value) => {
        const copy = structuredClone(whole);
        let at: Record<string, unknown> = copy;
        for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
        at[path.at(-1) ?? ""] = value;
        const read = parseCheckpoint(JSON.stringify(copy));
        if (read === undefined) return;
        const gate = new Gate({
          settings: {
            stream: "main",
            segmentMicros: 2_000_000,
            partTargetMicros: 500_000,
            windowMicros: 60_000_000,
            quickStart: true,
          },
          ports: { started: () => undefined, emit: () => undefined, checkpoint: () => undefined },
          fence: 1,
          timelineId: "00112233445566aa",
          checkpoint: read,
        });
        expect(Number.isFinite(gate.timeline.floorMicros)).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  test("of another version is none", () => {
    const text = formatCheckpoint(CHECKPOINT).replace('"version":2', '"version":1');
    expect(parseCheckpoint(text)).toBeUndefined();
  });
});

describe("parameters need another init segment", () => {
  const picture = videoConfig();
  const changed: readonly [string, VideoConfig][] = [
    ["record", { ...picture, record: Uint8Array.of(1, 77, 0, 31) }],
    ["size", { ...picture, width: 640 }],
    ["pixel shape", { ...picture, pixelAspect: { num: 4, den: 3 } }],
    ["colours", { ...picture, colour: { primaries: 9, transfer: 16, matrix: 9, fullRange: false } }],
    ["codecs text", { ...picture, codecs: "avc1.4d001f" }],
  ];
  test.each(changed)("when the %s differs", (_, other) => {
    expect(sameConfig(picture, other)).toBe(false);
    expect(sameConfig(other, other)).toBe(true);
  });

  test("not when only the frame rate differs, which none of it states", () => {
    expect(sameConfig(picture, videoConfig({ frameRate: { num: 25, den: 1 } }))).toBe(true);
  });

  test("when sound has another rate, never across kinds", () => {
    expect(sameConfig(audioConfig(48_000), audioConfig(44_100))).toBe(false);
    expect(sameConfig(audioConfig(), { ...audioConfig(), channels: 1 })).toBe(false);
    expect(sameConfig(picture, audioConfig())).toBe(false);
  });
});
