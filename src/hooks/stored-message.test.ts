import { expect, test } from "bun:test";
import { anything, assert, constantFrom, json, nat, oneof, property, string, tuple } from "fast-check";
import type { BroadcastEvent } from "#link/stream-event.ts";
import { ended, live, request } from "./hooks-under-test.ts";
import { messageOf } from "./message.ts";
import { parseStored } from "./stored-message.ts";

const AT = { wallMs: 1_767_225_600_000, nowMs: 5 };
const switched: BroadcastEvent = {
  type: "stream.switched",
  stream: "main",
  timelineId: "0".repeat(16),
  fromAddress: "192.0.2.1",
  toAddress: "192.0.2.2",
  why: "silent",
};

test("what was written down is read again, whatever an encoder calls itself", () => {
  assert(
    property(
      string({ maxLength: 600, unit: "binary" }),
      constantFrom(live("main"), ended("main"), switched),
      (encoder, event) => {
        const message = messageOf({ ...event, encoder } as BroadcastEvent, AT);
        expect(parseStored(message.body, AT.nowMs)).toEqual(message);
      },
    ),
    { numRuns: 40 },
  );
});

test("a message that was damaged is none, and no text makes the reader throw", () => {
  const { body } = messageOf(live("main"), AT);
  const cut = nat(body.length - 1).map((length) => body.slice(0, length));
  const other = oneof(
    string(),
    json(),
    anything().map((value) => JSON.stringify(value) ?? ""),
  );
  assert(property(oneof(cut, other), (text) => expect(parseStored(text, 0)).toBeUndefined()));
  const edited = tuple(nat(body.length - 1), string({ maxLength: 3 })).map(
    ([place, text]) => body.slice(0, place) + text + body.slice(place + 1),
  );
  assert(
    property(edited, (text) => {
      const read = parseStored(text, 0);
      // What is read can be sent: its headers and its lane depend on these.
      if (read !== undefined)
        expect([read.id, read.stream]).toEqual([
          expect.stringMatching(/^msg_[0-9a-f]{32}$/),
          expect.stringMatching(/./),
        ]);
    }),
  );
});

test.each([
  ["a question", messageOf(request("main"), AT).body],
  ["an unknown type", messageOf(live("main"), AT).body.replace("stream.live", "stream.lived")],
  ["an id that is none", messageOf(live("main"), AT).body.replace(/msg_\w+/, "msg_\\r\\nx: y")],
  ["no time", messageOf(live("main"), AT).body.replace(/"timestamp":"[^"]+"/, '"timestamp":"soon"')],
  ["no stream", messageOf(live(""), AT).body],
  ["a stream of endless name", messageOf(live("main"), AT).body.replace('"main"', `"${"m".repeat(501)}"`)],
  ["endless data", messageOf(live("main"), AT).body.replace('"rtmp"', `"${"r".repeat(70_000)}"`)],
])("%s is no stored message", (_, body) => {
  expect(parseStored(body, 0)).toBeUndefined();
});

test("a message without a time of its event is none", () => {
  const { body } = messageOf(live("main"), AT);
  for (const happenedMs of [Number.NaN, Number.NEGATIVE_INFINITY])
    expect(parseStored(body, happenedMs)).toBeUndefined();
});
