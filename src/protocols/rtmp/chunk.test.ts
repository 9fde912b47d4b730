import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { CHUNK_STREAMS_MAX, ChunkReader, IN_FLIGHT_BYTES_MAX } from "./chunk-reader.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { type Message, MessageType, VIDEO_MESSAGE_BYTES_MAX } from "./message.ts";
import { pieces } from "./vectors/sessions.ts";

function publishingReader(): ChunkReader {
  const reader = new ChunkReader();
  reader.messageBytesMax = VIDEO_MESSAGE_BYTES_MAX;
  reader.inFlightBytesMax = IN_FLIGHT_BYTES_MAX;
  return reader;
}

function readAll(chunks: readonly Uint8Array[], reader: ChunkReader = publishingReader()): Message[] {
  const messages: Message[] = [];
  for (const chunk of chunks) {
    reader.feed(chunk);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      if (message.type === MessageType.SET_CHUNK_SIZE) {
        reader.setChunkSize(new DataView(message.payload.slice().buffer).getUint32(0));
      }
      messages.push(message);
    }
  }
  return messages;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function hex(text: string): Uint8Array {
  return Uint8Array.from((text.replaceAll(/\s/g, "").match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)));
}

const outgoing = fc.record({
  chunkStreamId: fc.integer({ min: 2, max: 8 }),
  type: fc.constantFrom(8, 9, 18, 20),
  streamId: fc.constantFrom(0, 1, 0xfffffffe),
  timestamp: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0xfffff0, max: 0xffffffff })),
  prefix: fc.uint8Array({ maxLength: 9 }),
  payload: fc.uint8Array({ maxLength: 700 }),
});

test("what is written is read, however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(outgoing, { maxLength: 12 }),
      fc.integer({ min: 1, max: 400 }),
      fc.array(fc.integer({ min: 1, max: 90 })),
      (messages, chunkSize, sizes) => {
        const writer = new ChunkWriter();
        writer.setChunkSize(chunkSize);
        for (const message of messages) writer.write(message);
        const [, ...read] = readAll(pieces(concat(writer.takeOutput()), sizes));
        expect(read).toEqual(
          messages.map(({ type, streamId, timestamp, prefix, payload }) => ({
            type,
            streamId,
            timestamp,
            payload: concat([prefix, payload]),
          })),
        );
      },
    ),
    { numRuns: 200, interruptAfterTimeLimit: 3000 },
  );
});

test("messages of several chunk streams interleave, with ids of one, two and three bytes", () => {
  const bytes = hex(`
    04 000001 000004 08 01000000 aabb
    00 00 000002 000004 09 01000000 1122
    01 00 01 000003 000002 12 01000000 5566
    c4 ccdd
    c0 00 3344`);
  const reader = publishingReader();
  reader.setChunkSize(2);
  expect(readAll([bytes], reader)).toEqual([
    { type: 18, streamId: 1, timestamp: 3, payload: hex("5566") },
    { type: 8, streamId: 1, timestamp: 1, payload: hex("aabbccdd") },
    { type: 9, streamId: 1, timestamp: 2, payload: hex("11223344") },
  ]);
});

test("a type 3 chunk that starts a message repeats the previous header and its time difference", () => {
  const bytes = hex("04 000064 000001 08 01000000 aa  84 000014 bb  c4 cc  c4 dd");
  expect(readAll([bytes]).map((message) => message.timestamp)).toEqual([100, 120, 140, 160]);
  // After an absolute time the difference is that time itself (RTMP 1.0 §5.3.1.2.4).
  expect(readAll([hex("04 000064 000001 08 01000000 aa  c4 bb")]).map((message) => message.timestamp)).toEqual([
    100, 200,
  ]);
});

test("an extended timestamp is read whether type 3 chunks repeat it or not", () => {
  const head = "04 ffffff 000006 09 01000000 01000000";
  const expected = [{ type: 9, streamId: 1, timestamp: 0x01000000, payload: hex("a1a2a3a4a5a6") }];
  for (const wire of [
    `${head} a1a2 c4 01000000 a3a4 c4 01000000 a5a6`,
    `${head} a1a2 c4 a3a4 c4 a5a6 c4 01000000 a1a2 c4 a3a4`,
  ]) {
    const reader = publishingReader();
    reader.setChunkSize(2);
    expect(readAll([hex(wire)], reader).slice(0, 1)).toEqual(expected);
  }
});

test("an extended time difference is added, and time wraps at 2^32", () => {
  const bytes = hex("04 ffffff 000001 08 01000000 fffffff0 aa  44 ffffff 000001 08 01000005 bb  84 000010 cc");
  expect(readAll([bytes]).map((message) => message.timestamp)).toEqual([0xfffffff0, 0x00fffff5, 0x01000005]);
});

test("headers without a predecessor read as zeros", () => {
  // Type 1 knows its length and type; types 2 and 3 give an empty message of no type, and the stream goes on.
  const bytes = hex("44 000005 000001 08 aa  85 000007  c6  07 000009 000001 09 01000000 bb");
  expect(readAll([bytes]).map(({ type, timestamp, payload }) => [type, timestamp, payload.byteLength])).toEqual([
    [8, 5, 1],
    [0, 7, 0],
    [0, 0, 0],
    [9, 9, 1],
  ]);
});

test("abort and a new header both forget the unfinished message", () => {
  const reader = publishingReader();
  reader.setChunkSize(2);
  expect(readAll([hex("04 000001 000004 08 01000000 aabb")], reader)).toEqual([]);
  expect(reader.inFlightBytes).toBeGreaterThan(0);
  reader.abort(4);
  expect(reader.inFlightBytes).toBe(0);
  expect(readAll([hex("04 000002 000004 08 01000000 1122 04 000003 000002 08 01000000 3344")], reader)).toEqual([
    { type: 8, streamId: 1, timestamp: 3, payload: hex("3344") },
  ]);
});

test("a chunk size of two gigabytes is taken, and nothing is allocated by it", () => {
  const reader = publishingReader();
  reader.setChunkSize(0x7fffffff);
  expect(readAll([hex("04 000001 ffffff 14 01000000")].slice(1), reader)).toEqual([]);
  expect(readAll([hex("06 000001 100000 09 01000000 aabbcc")], reader)).toEqual([]);
  expect(reader.inFlightBytes).toBeLessThanOrEqual(64 * 1024);
  expect(() => reader.setChunkSize(0)).toThrow(ProtocolError);
});

test("giant declared messages are refused by type before a byte of them is kept", () => {
  for (const [type, declared] of [
    ["09", "ffffff", "taken: just below 16 MiB"],
    ["08", "040001"],
    ["14", "010001"],
    ["12", "ffffff"],
    ["01", "000200"],
  ] as const) {
    const reader = publishingReader();
    const header = hex(`04 000001 ${declared} ${type} 01000000 aa`);
    if (type === "09") expect(readAll([header], reader)).toEqual([]);
    else expect(() => readAll([header], reader)).toThrow(`${Number.parseInt(declared, 16)} bytes`);
    expect(reader.inFlightBytes).toBeLessThanOrEqual(64 * 1024);
  }
});

test("before publishing 64 kB of unfinished messages are the end", () => {
  const reader = new ChunkReader();
  reader.setChunkSize(16);
  const start = (id: number): Uint8Array =>
    concat([Uint8Array.of(id), hex("000001 00f000 14 00000000"), new Uint8Array(16)]);
  expect(readAll([start(3)], reader)).toEqual([]);
  expect(() => readAll([start(4)], reader)).toThrow("unfinished messages");
});

test("memory follows what arrives, not what is declared", () => {
  const reader = publishingReader();
  reader.setChunkSize(0xffffff);
  readAll([hex("06 000001 f00000 09 01000000")], reader);
  const part = new Uint8Array(50_000);
  for (let sent = part.byteLength; sent <= 2_000_000; sent += part.byteLength) {
    readAll([part], reader);
    expect(reader.inFlightBytes).toBeLessThanOrEqual(Math.max(64 * 1024, 2 * sent));
  }
});

test("a thirty-third chunk stream is refused", () => {
  const open = (count: number): Uint8Array =>
    concat(Array.from({ length: count }, (_, i) => Uint8Array.of(3 + i, 0, 0, 1, 0, 0, 0, 8, 1, 0, 0, 0)));
  expect(readAll([open(CHUNK_STREAMS_MAX)])).toHaveLength(CHUNK_STREAMS_MAX);
  expect(() => readAll([open(CHUNK_STREAMS_MAX + 1)])).toThrow("chunk streams");
});

test("small messages are copied out of the input, so that they do not keep it alive", () => {
  const big = concat([
    hex("06 000001 000064 09 01000000"),
    new Uint8Array(100).fill(7),
    hex("04 000001 000002 08 01000000 aabb"),
  ]);
  const [video, audio] = readAll([big]);
  expect(video?.payload.buffer).toBe(big.buffer);
  expect(audio?.payload.buffer).not.toBe(big.buffer);
});
