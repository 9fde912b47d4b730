import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { SYNTHETIC_AUDIO, SYNTHETIC_VIDEO, syntheticChunk, syntheticInit } from "#probe/synthetic/synthetic-media.ts";
import { readChunks, startsWithKeyframe } from "./chunk.ts";
import { TrackContinuity } from "./continuity.ts";
import { readInitSegment } from "./init-segment.ts";

const VIDEO = readInitSegment(syntheticInit(SYNTHETIC_VIDEO));
const CHUNK = syntheticChunk(SYNTHETIC_VIDEO, { startFrame: 50, frames: 5, keyframe: true });

test("an init segment says what its track is", () => {
  expect(VIDEO).toMatchObject({ kind: "video", codec: "avc1.4d401f", width: 320, height: 180, timescale: 90_000 });
  expect(readInitSegment(syntheticInit(SYNTHETIC_AUDIO))).toMatchObject({
    kind: "audio",
    codec: "opus",
    sampleRate: 48_000,
  });
});

describe("a chunk", () => {
  test("has its samples, times and first keyframe", () => {
    const [chunk] = readChunks(CHUNK, VIDEO);
    expect(chunk?.startDts).toBe(50 * 3_600);
    expect(chunk?.duration).toBe(5 * 3_600);
    expect(chunk?.samples.map((sample) => sample.sync)).toEqual([true, false, false, false, false]);
    if (chunk !== undefined) expect(startsWithKeyframe(CHUNK, chunk, VIDEO)).toBe(true);
  });

  test("that says sync but holds no IDR does not start a decoder", () => {
    const lying = CHUNK.slice();
    const [chunk] = readChunks(lying, VIDEO);
    if (chunk === undefined) throw new Error("no chunk");
    lying[chunk.dataStart + 4] = 0x41;
    expect(startsWithKeyframe(lying, chunk, VIDEO)).toBe(false);
  });

  test("whose sizes do not fill its mdat is refused", () => {
    const longer = new Uint8Array([...CHUNK, 0]);
    const mdat = CHUNK.byteLength - 5 * 200 - 8;
    new DataView(longer.buffer).setUint32(mdat, 5 * 200 + 9);
    expect(() => readChunks(longer, VIDEO)).toThrow("the mdat's bytes");
    expect(() => readChunks(CHUNK.subarray(0, mdat), VIDEO)).toThrow("moof without mdat");
    expect(() => readChunks(CHUNK.subarray(mdat), VIDEO)).toThrow("mdat has no place");
  });
});

test("continuity counts missing and repeated frames", () => {
  const continuity = new TrackContinuity();
  const add = (startFrame: number): unknown => {
    const [chunk] = readChunks(syntheticChunk(SYNTHETIC_VIDEO, { startFrame, frames: 5, keyframe: true }), VIDEO);
    return chunk === undefined ? undefined : continuity.add(chunk)?.kind;
  };
  expect([add(0), add(5), add(12), add(14)]).toEqual([undefined, undefined, "missing", "repeated"]);
  expect([continuity.frames, continuity.framesMissing, continuity.framesRepeated]).toEqual([20, 2, 3]);
  continuity.restart();
  expect(add(100)).toBeUndefined();
});

describe("no bytes make a reader throw anything but a ProtocolError", () => {
  const flipped = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc.array(fc.tuple(fc.nat(bytes.byteLength - 1), fc.nat(255)), { maxLength: 4 }).chain((changes) =>
      fc.nat(bytes.byteLength).map((length) => {
        const copy = bytes.slice();
        for (const [at, value] of changes) copy[at] = value;
        return length % 3 === 0 ? copy.subarray(0, length) : copy;
      }),
    );
  const read = (bytes: Uint8Array): void => {
    for (const chunk of readChunks(bytes, VIDEO)) startsWithKeyframe(bytes, chunk, VIDEO);
  };
  const cases: Readonly<Record<string, [Uint8Array, (bytes: Uint8Array) => void]>> = {
    chunks: [CHUNK, read],
    "init segments": [syntheticInit(SYNTHETIC_VIDEO), readInitSegment],
  };
  for (const [name, [bytes, reader]] of Object.entries(cases)) {
    test(name, () => {
      fc.assert(
        fc.property(fc.oneof(flipped(bytes), fc.uint8Array({ maxLength: 64 })), (input) => {
          try {
            reader(input);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        }),
        { numRuns: 2_000, interruptAfterTimeLimit: 2_000 },
      );
    });
  }
});
