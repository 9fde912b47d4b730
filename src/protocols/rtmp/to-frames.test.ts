import { expect, test } from "bun:test";
import { ByteWriter } from "#bytes/writer.ts";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import type { RawFrame } from "#media/frame.ts";
import type { TrackConfig } from "#media/track.ts";
import { amfObject } from "./amf-value.ts";
import { encodeAmf0 } from "./amf0.ts";
import { fourCcText, parseExAudioTag, parseExVideoTag } from "./enhanced-rtmp.ts";
import { configTag, endTag, frameTag, metadataPayload, type Tag } from "./from-frames.ts";
import type { MediaEvent } from "./media-event.ts";
import { type Message, MessageType } from "./message.ts";
import { ToFrames } from "./to-frames.ts";
import { publishInto, recordedSessions } from "./vectors/sessions.ts";

const VIDEO = { kind: "video", number: 0 } as const;
const AUDIO = { kind: "audio", number: 0 } as const;
const AAC = parseAacConfig(buildAacLcConfig(48_000, 2));

function configOf(file: string, kind: "video" | "audio"): TrackConfig {
  const events = publishInto([recordedSessions().get(file) ?? new Uint8Array()]);
  for (const event of events) if (event.kind === "config" && event.config.kind === kind) return event.config;
  throw new Error(`${file} has no ${kind}`);
}

function payloadOf(tag: Tag | undefined): Uint8Array {
  return Uint8Array.from([...(tag?.prefix ?? []), ...(tag?.body ?? [])]);
}

function read(
  messages: readonly (readonly [type: number, payload: Uint8Array, timestamp?: number])[],
  reader: ToFrames = new ToFrames(),
): MediaEvent[] {
  const events: MediaEvent[] = [];
  for (const [type, payload, timestamp] of messages) {
    const message: Message = { type, streamId: 1, timestamp: timestamp ?? 0, payload };
    reader.message(message, events);
  }
  return events;
}

/** A sample of one NAL unit of this type; AVC by default. */
function sample(type = 0x65, sizeBytes = 12, lengthSize = 4): Uint8Array {
  const bytes = new Uint8Array(lengthSize + sizeBytes);
  bytes[lengthSize - 1] = sizeBytes;
  bytes[lengthSize] = type;
  return bytes;
}

const FILES = {
  avc: "ffmpeg-5.1-avc-aac.rtmp",
  hevc: "ffmpeg-8.1-hevc-opus.rtmp",
  av1: "ffmpeg-8.1-av1-ac3.rtmp",
  opus: "ffmpeg-8.1-hevc-opus.rtmp",
  flac: "ffmpeg-8.1-vp9-flac.rtmp",
} as const;

for (const [codec, payload] of [
  ["avc", sample()],
  ["hevc", sample(19 << 1)],
  ["av1", Uint8Array.of(0x32, 0x02, 0x10, 0x00)],
] as const) {
  for (const number of [0, 3]) {
    test(`a ${codec} track ${number} is read as it was written, with its composition time`, () => {
      const config = configOf(FILES[codec], "video");
      const track = { kind: "video", number } as const;
      for (const ptsOffset of codec === "av1" ? [0] : [0, 80, -3, 8_388_607]) {
        const frame: RawFrame = { track, dts: 4_294_967_295, ptsOffset, keyframe: true, payload };
        const events = read([
          [9, payloadOf(configTag(track, config))],
          [9, payloadOf(frameTag(frame, codec)), frame.dts],
          [9, payloadOf(endTag(track, codec))],
        ]);
        expect(events).toEqual([
          { kind: "config", track, config },
          { kind: "frame", frame },
        ]);
      }
    });
  }
}

for (const codec of ["aac", "opus", "flac"] as const) {
  for (const number of [0, 2]) {
    test(`an ${codec} track ${number} is read as it was written`, () => {
      const config = codec === "aac" ? AAC : configOf(FILES[codec], "audio");
      const track = { kind: "audio", number } as const;
      const frame: RawFrame = { track, dts: 7, ptsOffset: 0, keyframe: true, payload: Uint8Array.of(0xfc, 1, 2, 3) };
      const events = read([
        [8, payloadOf(configTag(track, config))],
        [8, payloadOf(frameTag(frame, codec)), 7],
      ]);
      expect(events).toEqual([
        { kind: "config", track, config },
        { kind: "frame", frame },
      ]);
    });
  }
}

test("a repeated sequence header is told once, a changed one again", () => {
  const other = parseAacConfig(buildAacLcConfig(44_100, 2));
  const header = (config: TrackConfig): [number, Uint8Array] => [8, payloadOf(configTag(AUDIO, config))];
  const events = read([header(AAC), header(AAC), header(other), header(AAC)]);
  expect(events.map((event) => event.kind === "config" && event.config)).toEqual([AAC, other, AAC]);
});

test("empty audio is a silence marker", () => {
  const header = payloadOf(configTag(AUDIO, AAC));
  const events = read([
    [8, new Uint8Array()],
    [8, header],
    [8, Uint8Array.of(0xaf, 1)],
    [8, Uint8Array.of(0xaf)],
  ]);
  expect(events.map((event) => event.kind)).toEqual(["config"]);
});

test("frames before their configuration are dropped, and said so", () => {
  expect(
    read([
      [9, payloadOf(frameTag({ track: VIDEO, dts: 0, ptsOffset: 0, keyframe: true, payload: sample() }, "avc"))],
      [8, Uint8Array.of(0xaf, 1, 2, 3)],
    ]),
  ).toEqual([
    { kind: "dropped", track: VIDEO, reason: "before-config" },
    { kind: "dropped", track: AUDIO, reason: "before-config" },
  ]);
});

test("what a viewer cannot play is named once, and the other track goes on", () => {
  const events = read([
    [9, Uint8Array.of(0x12, 1, 2, 3, 4, 5)],
    [9, Uint8Array.of(0x22, 1, 2, 3, 4, 5)],
    [8, Uint8Array.of(0xb2, 1, 2)],
    [8, payloadOf(configTag(AUDIO, AAC))],
    [8, Uint8Array.of(0xaf, 1, 0x21, 0)],
  ]);
  expect(events.map((event) => (event.kind === "unsupported" ? event.fault.message : event.kind))).toEqual([
    "video codec 2 of FLV is not supported",
    "sound format 11 of FLV is not supported",
    "config",
    "frame",
  ]);
});

test("shorter NAL unit lengths become four bytes, also in the record", () => {
  const record = configOf(FILES.avc, "video").record.slice();
  record[4] = ((record[4] ?? 0) & 0xfc) | 1;
  const events = read([
    [9, Uint8Array.of(0x17, 0, 0, 0, 0, ...record)],
    [9, Uint8Array.of(0x17, 1, 0, 0, 0, ...sample(0x65, 5, 2))],
  ]);
  expect(events[0]).toEqual({ kind: "config", track: VIDEO, config: configOf(FILES.avc, "video") });
  expect(events[1]?.kind === "frame" && events[1].frame.payload).toEqual(sample(0x65, 5));
});

test("the bitstream decides what a key frame is, not the tag", () => {
  const config: [number, Uint8Array] = [9, payloadOf(configTag(VIDEO, configOf(FILES.avc, "video")))];
  const tag = (flags: number, nal: number): [number, Uint8Array] => [
    9,
    Uint8Array.of(flags, 1, 0, 0, 0, ...sample(nal)),
  ];
  const events = read([config, tag(0x17, 0x41), tag(0x27, 0x65), tag(0x17, 0x65), tag(0x27, 0x41)]);
  expect(events.slice(1).map((event) => event.kind === "frame" && event.frame.keyframe)).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

test("a picture with a broken length is dropped, and the next one goes on", () => {
  const broken = sample();
  broken[0] = 0x7f;
  const events = read([
    [9, payloadOf(configTag(VIDEO, configOf(FILES.avc, "video")))],
    [9, Uint8Array.of(0x17, 1, 0, 0, 0, ...broken)],
    [9, Uint8Array.of(0x17, 1, 0, 0, 0, ...sample(0x06))],
    [9, Uint8Array.of(0x17, 1, 0, 0, 0, ...sample())],
    [9, Uint8Array.of(0x17, 2, 0, 0, 0)],
    [9, Uint8Array.of(0x57, 0)],
  ]);
  expect(events.map((event) => (event.kind === "dropped" ? event.reason : event.kind))).toEqual([
    "config",
    "malformed",
    "no-picture",
    "frame",
  ]);
});

test("parameter sets that come with a key frame change the configuration before it", () => {
  const from = parseAvcConfig(configOf(FILES.avc, "video").record);
  const to = parseAvcConfig(configOf("gstreamer-1.22-rtmp2sink.rtmp", "video").record);
  const spsLength = ((to.record[6] ?? 0) << 8) | (to.record[7] ?? 0);
  const sps = to.record.subarray(8, 8 + spsLength);
  const pps = to.record.subarray(8 + spsLength + 3, 8 + spsLength + 3 + (to.record[8 + spsLength + 2] ?? 0));
  const inBand = Uint8Array.of(0, 0, 0, sps.byteLength, ...sps, 0, 0, 0, pps.byteLength, ...pps, ...sample());
  const key: [number, Uint8Array] = [9, Uint8Array.of(0x17, 1, 0, 0, 0, ...inBand)];
  const events = read([[9, payloadOf(configTag(VIDEO, from))], key, key]);
  expect(events.map((event) => (event.kind === "config" ? event.config.codecs : event.kind))).toEqual([
    from.codecs,
    to.codecs,
    "frame",
    "frame",
  ]);
});

test("metadata keeps flat values only, bounded in number and length", () => {
  const values = encodeAmf0([
    "@setDataFrame",
    "onMetaData",
    amfObject({ width: 640, encoder: "x".repeat(500), stereo: true, nested: amfObject({ a: 1 }), __proto__x: 1 }),
  ]);
  expect(read([[MessageType.DATA_AMF0, values]])).toEqual([
    { kind: "metadata", values: { width: 640, encoder: "x".repeat(200), stereo: true, __proto__x: 1 } },
  ]);
  expect(read([[MessageType.DATA_AMF3, Uint8Array.of(0, ...metadataPayload({ a: 1 }))]])).toEqual([
    { kind: "metadata", values: { a: 1 } },
  ]);
});

test("other data messages are told with their time", () => {
  const payload = encodeAmf0(["onTextData", amfObject({ text: "hello" })]);
  expect(read([[MessageType.DATA_AMF0, payload, 42]])).toEqual([
    { kind: "data", name: "onTextData", values: [amfObject({ text: "hello" })], timestamp: 42 },
  ]);
});

test("an aggregate is taken apart, its times moved to the message's", () => {
  const writer = new ByteWriter();
  const tag = (time: number, payload: Uint8Array): void => {
    writer
      .u8(8)
      .u24(payload.byteLength)
      .u24(time)
      .u8(0)
      .u24(0)
      .bytes(payload)
      .u32(11 + payload.byteLength);
  };
  tag(1000, payloadOf(configTag(AUDIO, AAC)));
  tag(1021, Uint8Array.of(0xaf, 1, 0x21, 0x10));
  const events = read([[MessageType.AGGREGATE, writer.finish(), 5000]]);
  expect(events[1]?.kind === "frame" && events[1].frame.dts).toBe(5021);
});

test("ModEx wrappers are unwrapped and their nanoseconds read", () => {
  const tag = parseExVideoTag(Uint8Array.of(0x97, 2, 0x01, 0x02, 0x03, 0x01, 0x61, 0x76, 0x30, 0x31, 9));
  expect(tag.nanoOffset).toBe(0x010203);
  expect(tag.packets.map(({ packetType, fourCc, body }) => [packetType, fourCcText(fourCc), [...body]])).toEqual([
    [1, "av01", [9]],
  ]);
  const long = Uint8Array.of(0x97, 0xff, 0x01, 0x00, ...new Uint8Array(257), 0x13, 0x61, 0x76, 0x30, 0x31);
  expect(parseExVideoTag(long).packets).toHaveLength(1);
  expect(() => parseExVideoTag(new Uint8Array(200).fill(0x97).fill(0x07, 2))).toThrow();
});

test("one message may carry many tracks of one codec, or of several", () => {
  const same = parseExVideoTag(
    Uint8Array.of(0xa6, 0x11, 0x68, 0x76, 0x63, 0x31, 0, 0, 0, 5, 0, 0, 80, 1, 2, 7, 0, 0, 4, 255, 255, 255, 3),
  );
  expect(same.packets.map(({ trackId, ptsOffset, body }) => [trackId, ptsOffset, [...body]])).toEqual([
    [0, 80, [1, 2]],
    [7, -1, [3]],
  ]);
  const mixed = parseExAudioTag(
    Uint8Array.of(0x95, 0x21, 0x4f, 0x70, 0x75, 0x73, 1, 0, 0, 2, 1, 2, 0x6d, 0x70, 0x34, 0x61, 2, 0, 0, 1, 3),
  );
  expect(mixed.packets.map(({ fourCc, trackId, body }) => [fourCcText(fourCc), trackId, [...body]])).toEqual([
    ["Opus", 1, [1, 2]],
    ["mp4a", 2, [3]],
  ]);
});

test("colour metadata completes a bitstream that says nothing of it", () => {
  const config = configOf(FILES.avc, "video");
  if (config.kind !== "video") throw new Error("not a video track");
  expect(config.colour).toBeUndefined();
  const colorConfig = amfObject({ bitDepth: 8, colorPrimaries: 9, transferCharacteristics: 16, matrixCoefficients: 9 });
  const info = encodeAmf0(["colorInfo", amfObject({ colorConfig })]);
  const events = read([
    [9, payloadOf(configTag(VIDEO, config))],
    [9, Uint8Array.of(0xd4, 0x61, 0x76, 0x63, 0x31, ...info)],
  ]);
  const completed: MediaEvent = {
    kind: "config",
    track: VIDEO,
    config: { ...config, colour: { primaries: 9, transfer: 16, matrix: 9, fullRange: false } },
  };
  expect(events[1]).toEqual(completed);
});

test("a ninth track is left out, and said so", () => {
  const tag = (number: number): [number, Uint8Array] => [8, payloadOf(configTag({ kind: "audio", number }, AAC))];
  const events = read(Array.from({ length: 9 }, (_, number) => tag(number)));
  expect(events.map((event) => event.kind).join(" ")).toBe(`${"config ".repeat(8)}dropped`);
});
