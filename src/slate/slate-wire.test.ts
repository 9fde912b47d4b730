import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Fault, ProtocolError } from "#faults/fault.ts";
import { requestOf, videoOf } from "./slate-rig.ts";
import {
  type MadeSlate,
  readSlateAnswer,
  readSlateRequest,
  writeSlateAnswer,
  writeSlateRequest,
} from "./slate-wire.ts";

const SLATE: MadeSlate = {
  kind: "slate",
  record: Uint8Array.of(1, 2, 3),
  pictures: [
    { keyframe: true, payload: Uint8Array.of(4, 5) },
    { keyframe: false, payload: Uint8Array.of(6) },
  ],
  sound: [Uint8Array.of(7, 8), Uint8Array.of(9)],
};

test("a request comes out as it went in", () => {
  for (const request of [
    requestOf(),
    requestOf({ audio: undefined, file: "/a b/ü'\"\\.png", title: "", words: "\u2028" }),
    requestOf({
      background: { config: videoOf("hevc", "2x2", { record: Uint8Array.of(1) }), payload: Uint8Array.of(2) },
    }),
  ])
    expect(readSlateRequest(writeSlateRequest(request))).toEqual({ ...request });
});

test("an answer comes out as it went in", () => {
  for (const answer of [SLATE, { ...SLATE, sound: undefined }])
    expect(readSlateAnswer(writeSlateAnswer(answer))).toEqual(answer);
  const fault = new Fault("MEDIA_UNREADABLE", "it is broken", { hint: "Choose another one." });
  const read = readSlateAnswer(writeSlateAnswer({ kind: "fault", fault }));
  expect(read.kind === "fault" && read.fault).toMatchObject({
    code: "MEDIA_UNREADABLE",
    message: "it is broken",
    hint: "Choose another one.",
  });
});

test("whatever a worker writes, reading it gives an answer or a ProtocolError", () => {
  const good = writeSlateAnswer(SLATE).slice();
  const change = fc.tuple(fc.nat(good.byteLength - 1), fc.integer({ min: 0, max: 255 }));
  const read = (bytes: Uint8Array): void => {
    try {
      readSlateAnswer(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read), { interruptAfterTimeLimit: 1000 });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), fc.nat(good.byteLength), (changes, length) => {
      const bytes = good.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      read(bytes);
    }),
    { interruptAfterTimeLimit: 2000 },
  );
});

test("a fault of a kind nobody knows, or without words, is nonsense", () => {
  const told = (json: string): Uint8Array => {
    const text = new TextEncoder().encode(json);
    return Uint8Array.from([2, 0, 0, 0, text.byteLength, ...text]);
  };
  for (const json of ["null", "{}", "[]", '{"code":"toString","message":"x"}', '{"code":"INTERNAL"}', "{"])
    expect(() => readSlateAnswer(told(json))).toThrow(ProtocolError);
});
