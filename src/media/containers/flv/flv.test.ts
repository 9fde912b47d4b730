import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { type FlvTag, FlvReader, FlvTagType, writeFlvHeader, writeFlvTag } from "./flv-file.ts";
import { readFlvScript, writeFlvMetadata } from "./flv-metadata.ts";

const tagArbitrary: fc.Arbitrary<FlvTag> = fc.record({
  type: fc.constantFrom(FlvTagType.AUDIO, FlvTagType.VIDEO, FlvTagType.SCRIPT),
  timestamp: fc.integer({ min: 0, max: 0xffffffff }),
  data: fc.uint8Array({ maxLength: 60 }),
});

function fileOf(tags: readonly FlvTag[]): Uint8Array {
  const parts = [writeFlvHeader({ audio: true, video: true }), ...tags.map(writeFlvTag)];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.slice(i === 0 ? 0 : at[i - 1], end));
}

test("any split of the bytes gives the same tags", () => {
  fc.assert(
    fc.property(fc.array(tagArbitrary, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (tags, cuts) => {
      const reader = new FlvReader();
      const read: FlvTag[] = [];
      for (const piece of pieces(fileOf(tags), cuts)) {
        read.push(...reader.receive(piece));
        piece.fill(0xee);
      }
      reader.finish();
      expect(read).toEqual(tags);
    }),
    { numRuns: 200 },
  );
});

test("no bytes make the reader throw anything but a protocol error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withHeader) => {
      const reader = new FlvReader();
      try {
        if (withHeader) reader.receive(writeFlvHeader({ audio: true, video: false }));
        reader.receive(bytes);
        readFlvScript(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { numRuns: 500 },
  );
});

test("a file that ends inside a tag is told so", () => {
  const reader = new FlvReader();
  reader.receive(fileOf([{ type: 9, timestamp: 1, data: new Uint8Array(20) }]).subarray(0, -5));
  expect(() => reader.finish()).toThrow("the file ends inside a tag");
});

test("metadata comes back as it was written", () => {
  const values = { width: 1280, height: 720, stereo: true, encoder: "Grandstand ü" };
  expect(readFlvScript(writeFlvMetadata(values))).toEqual({ name: "onMetaData", values });
});
