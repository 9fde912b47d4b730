import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { HANDSHAKE_BYTES } from "./handshake.ts";
import type { ServerEvent } from "./server-event.ts";
import { newServerSession, pieces, publishInto, recordedSessions } from "./vectors/sessions.ts";

const RUNS = { numRuns: 400, interruptAfterTimeLimit: 2500 } as const;
const sessions = recordedSessions();
const anySession = fc.constantFrom(...sessions.values());

/** What ffprobe says of the files these sessions were made from. */
const EXPECTED = {
  "ffmpeg-5.1-avc-aac.rtmp": { video: "avc", audio: "aac", sampleRate: 44_100, audioFrames: 22, ended: true },
  "ffmpeg-8.1-av1-ac3.rtmp": { video: "av1", audio: "ac3", sampleRate: 48_000, audioFrames: 15, ended: false },
  "ffmpeg-8.1-avc-eac3.rtmp": { video: "avc", audio: "eac3", sampleRate: 48_000, audioFrames: 15, ended: false },
  "ffmpeg-8.1-hevc-opus.rtmp": { video: "hevc", audio: "opus", sampleRate: 48_000, audioFrames: 25, ended: false },
  "ffmpeg-8.1-vp9-flac.rtmp": { video: "vp9", audio: "flac", sampleRate: 48_000, audioFrames: 5, ended: false },
  "gstreamer-1.22-rtmp2sink.rtmp": { video: "avc", audio: "aac", sampleRate: 48_000, audioFrames: 21, ended: true },
  "gstreamer-1.22-rtmpsink.rtmp": { video: "avc", audio: "aac", sampleRate: 48_000, audioFrames: 21, ended: true },
} as const;

test("every recorded session has its expectation", () => {
  expect([...sessions.keys()].sort()).toEqual(Object.keys(EXPECTED).sort());
});

for (const [file, expected] of Object.entries(EXPECTED)) {
  test(`${file}: every frame arrives, with the codec parameters before it`, () => {
    const events = publishInto([sessions.get(file) ?? new Uint8Array()]);
    const configs = events.flatMap((event) => (event.kind === "config" ? [event.config] : []));
    expect(configs.map((config) => config.codec).sort()).toEqual([expected.audio, expected.video].sort());
    for (const config of configs) {
      if (config.kind === "audio") expect(config.sampleRate).toBe(expected.sampleRate);
      else expect([config.width, config.height]).toEqual([64, 36]);
    }
    const frames = events.flatMap((event) => (event.kind === "frame" ? [event.frame] : []));
    const video = frames.filter((frame) => frame.track.kind === "video");
    expect(video).toHaveLength(12);
    expect(video[0]?.keyframe).toBe(true);
    expect(frames).toHaveLength(12 + expected.audioFrames);
    expect(events.filter((event) => event.kind === "dropped" || event.kind === "unsupported")).toEqual([]);
    expect(events.some((event) => event.kind === "finished")).toBe(expected.ended);
  });
}

test("any split of the bytes gives the same events", () => {
  const whole = new Map([...sessions.values()].map((bytes) => [bytes, publishInto([bytes.slice()])]));
  fc.assert(
    fc.property(anySession, fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 60 }), (bytes, sizes) => {
      expect(publishInto(pieces(bytes, sizes))).toEqual(whole.get(bytes) ?? []);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 3000 },
  );
  const [first = new Uint8Array()] = sessions.values();
  expect(
    publishInto(
      pieces(
        first,
        Array.from(first, () => 1),
      ),
    ),
  ).toEqual(whole.get(first) ?? []);
});

/** Feeds bytes until they end or the session refuses them; anything but a ProtocolError goes on to the test. */
function survive(bytes: Uint8Array, sizes: readonly number[]): ServerEvent[] {
  try {
    return publishInto(pieces(bytes, sizes), newServerSession());
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return [];
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 8 });

test("random bytes only ever give a ProtocolError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4000 }), sizes, (bytes, cuts) => void survive(bytes, cuts)),
    RUNS,
  );
});

test("random bytes after a good handshake only ever give a ProtocolError", () => {
  const [session = new Uint8Array()] = sessions.values();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), sizes, (tail, cuts) => {
      survive(new Uint8Array([...session.subarray(0, HANDSHAKE_BYTES), ...tail]), cuts);
    }),
    RUNS,
  );
});

test("flipped bits in a recorded session only ever give a ProtocolError", () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(anySession, flips, sizes, (session, places, cuts) => {
      const bytes = session.slice();
      for (const [place, bit] of places) {
        const at = HANDSHAKE_BYTES + (place % (bytes.byteLength - HANDSHAKE_BYTES));
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      }
      survive(bytes, cuts);
    }),
    RUNS,
  );
});

test("cut, doubled and swapped parts of recorded sessions only ever give a ProtocolError", () => {
  fc.assert(
    fc.property(anySession, anySession, fc.nat(), fc.nat(), sizes, (one, other, first, second, cuts) => {
      const head = one.subarray(0, HANDSHAKE_BYTES + (first % (one.byteLength - HANDSHAKE_BYTES)));
      const tail = other.subarray(HANDSHAKE_BYTES + (second % (other.byteLength - HANDSHAKE_BYTES)));
      survive(new Uint8Array([...head, ...tail]), cuts);
    }),
    RUNS,
  );
});

test("inputs that once broke a property stay mended", () => {
  const list = JSON.parse(readFileSync(join(import.meta.dir, "vectors/counter-examples.json"), "utf8")) as string[];
  for (const text of list) expect(survive(Uint8Array.from(Buffer.from(text, "hex")), [])).toBeArray();
});
