import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { type EncoderRecord, EncoderRecordReader, writeEncoderRecord } from "./encoder-wire.ts";

const recordArbitrary: fc.Arbitrary<EncoderRecord> = fc.oneof(
  fc.constant<EncoderRecord>({ kind: "tracks", tracks: [{ kind: "audio", codec: "aac", bitrate: 1, channels: 2 }] }),
  fc.record({ kind: fc.constant("config" as const), track: fc.nat(1), config: fc.uint8Array({ maxLength: 30 }) }),
  fc.record({
    kind: fc.constant("frame" as const),
    track: fc.nat(1),
    keyframe: fc.boolean(),
    dtsMicros: fc.integer(),
    ptsOffsetMicros: fc.integer(),
    payload: fc.uint8Array({ maxLength: 100 }),
  }),
  fc.constant<EncoderRecord>({ kind: "fault", code: "MEDIA_UNREADABLE", message: "ü", hint: "" }),
  fc.constant<EncoderRecord>({ kind: "end" }),
);

test("any split of the bytes gives the same records", () => {
  fc.assert(
    fc.property(fc.array(recordArbitrary, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 10 }), (records, cuts) => {
      const bytes = Uint8Array.from(records.flatMap((record) => [...writeEncoderRecord(record)]));
      const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
      const reader = new EncoderRecordReader();
      const read: EncoderRecord[] = [];
      for (const [i, end] of [...at, bytes.length].entries()) {
        const piece = bytes.slice(i === 0 ? 0 : at[i - 1], end);
        read.push(...reader.receive(piece));
        piece.fill(0xee);
      }
      expect(read).toEqual(records);
    }),
  );
});

test("bytes that are no records give a protocol error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        new EncoderRecordReader().receive(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});
