import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import type { VideoConfig } from "#media/track.ts";
import {
  type WireFrame,
  type WorkerCommand,
  WorkerCommandReader,
  type WorkerReport,
  WorkerReportReader,
  writeWorkerCommand,
  writeWorkerReport,
} from "./worker-wire.ts";

const SOURCE: VideoConfig = {
  kind: "video",
  codec: "avc",
  record: Uint8Array.of(1, 100, 0, 31, 255),
  width: 1280,
  height: 720,
  pixelAspect: { num: 1, den: 1 },
  codecs: "avc1.64001f",
};

const segment = fc.integer({ min: 0, max: 2 ** 40 });
const count = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const rung = fc.nat(31);
const frameArbitrary: fc.Arbitrary<WireFrame> = fc.record({
  segment,
  index: count,
  dts: fc.integer({ min: 0, max: 2 ** 52 }),
  ptsOffset: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  duration: count,
  flags: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 100 }),
});
const commandArbitrary: fc.Arbitrary<WorkerCommand> = fc.oneof(
  fc.constantFrom<WorkerCommand>(
    {
      kind: "open",
      job: {
        kind: "video",
        source: SOURCE,
        frameRate: { num: 30, den: 1 },
        rungs: [{ name: "ü", width: 640, height: 360, frameRateDivisor: 2, bitrate: 700_000 }],
        encoding: { profile: "balanced", coding: "locked", hardware: "auto", extraCodec: "av1" },
      },
    },
    { kind: "source", source: SOURCE },
    { kind: "abandon" },
    { kind: "finish" },
    { kind: "rungs", mask: 0x80000001 },
  ),
  fc.record({ kind: fc.constant("frame" as const), frame: frameArbitrary }),
  fc.record({ kind: fc.constant("seal" as const), segment, frameCount: count }),
);
const reportArbitrary: fc.Arbitrary<WorkerReport> = fc.oneof(
  fc.constantFrom<WorkerReport>(
    { kind: "ready", configs: [SOURCE, { ...SOURCE, width: 640 }] },
    { kind: "end" },
    { kind: "fault", message: "ü" },
    { kind: "spent", cpuMicros: 12_345_678 },
    { kind: "fallback", fallback: { wanted: "h264_nvenc", used: "libx264", reason: "ü", hint: "none" } },
  ),
  fc.record({ kind: fc.constant("frame" as const), rung, frame: frameArbitrary }),
  fc.record({ kind: fc.constant("sealed" as const), rung, segment, frameCount: count }),
  fc.record({ kind: fc.constant("taken" as const), isUnused: fc.boolean() }),
);

/** Gives the bytes of `records` in pieces that end at `cuts`, and overwrites each piece afterwards. */
function feed<T>(written: readonly Uint8Array[], cuts: readonly number[], receive: (chunk: Uint8Array) => T[]): T[] {
  const bytes = Buffer.concat(written);
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const read: T[] = [];
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    const piece = Uint8Array.from(bytes.subarray(start, end));
    read.push(...receive(piece));
    piece.fill(0xee);
    start = end;
  }
  return read;
}

test("any split of the bytes gives the same commands", () => {
  fc.assert(
    fc.property(fc.array(commandArbitrary, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 10 }), (list, cuts) => {
      const reader = new WorkerCommandReader();
      expect(feed(list.map(writeWorkerCommand), cuts, (chunk) => reader.receive(chunk))).toEqual(list);
    }),
  );
});

test("any split of the bytes gives the same reports", () => {
  fc.assert(
    fc.property(fc.array(reportArbitrary, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 10 }), (list, cuts) => {
      const reader = new WorkerReportReader();
      expect(feed(list.map(writeWorkerReport), cuts, (chunk) => reader.receive(chunk))).toEqual(list);
    }),
  );
});

test("bytes that are no records give a protocol error", () => {
  const small = fc.uint8Array({ maxLength: 60 });
  // Behind a true length, so that the bodies are reached too.
  const framed = fc
    .tuple(fc.constantFrom(1, 2, 3, 4, 16, 17, 18, 19, 21, 99), small)
    .map(([kind, body]) => Uint8Array.of(0, 0, 0, body.length + 1, kind, ...body));
  fc.assert(
    fc.property(fc.oneof(small, framed), (bytes) => {
      for (const reader of [new WorkerCommandReader(), new WorkerReportReader()]) {
        try {
          reader.receive(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }),
  );
});
