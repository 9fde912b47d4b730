import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Fault } from "#faults/fault.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { LiveBroadcast, SUBSCRIBERS_MAX } from "./live-broadcast.ts";
import { SUBSCRIBER_QUEUE_CUTS_MAX, SUBSCRIBER_QUEUE_FRAMES_MAX, SubscriberQueue } from "./queue.ts";
import type { HelloRecord, LinkRecord } from "./record.ts";
import { RING_BYTES_MAX, RING_SEGMENTS_MAX } from "./ring.ts";

const VIDEO = 0;
const AUDIO = 1;

function track(id: number, profile = 100): Track {
  if (id === AUDIO) {
    const config = {
      kind: "audio" as const,
      codec: "aac" as const,
      record: Uint8Array.of(0x11, 0x90),
      sampleRate: 48_000,
      channels: 2,
      samplesPerFrame: 1024,
      codecs: "mp4a.40.2",
    };
    return { id, name: "audio", timescale: 48_000, config };
  }
  const config = {
    kind: "video" as const,
    codec: "avc" as const,
    record: Uint8Array.of(1, profile, 0, 31),
    width: 1280,
    height: 720,
    pixelAspect: { num: 1, den: 1 },
    codecs: "avc1.64001f",
  };
  return { id, name: "source", timescale: 90_000, config };
}

const HELLO: HelloRecord = {
  type: "hello",
  stream: "main",
  timelineId: "0123456789abcdef",
  fence: 1,
  originMicros: 0,
  tracks: [track(VIDEO), track(AUDIO)],
  segmentDurationMicros: 2_000_000,
  targetDurationSeconds: 2,
  partTargetMicros: 500_000,
  windowMicros: 60_000_000,
};

function cut(segment: number): LinkRecord {
  const at = { segment, startMicros: segment * 2_000_000, periodStartMicros: 0 };
  return { type: "cut", ...at, discontinuitySequence: 0, discontinuity: false };
}

function frame(
  id: number,
  segment: number,
  index: number,
  options: { independent?: boolean; sizeBytes?: number } = {},
) {
  const { independent = true, sizeBytes = 10 } = options;
  const start = index === 0 ? FrameFlag.CUT | (independent ? FrameFlag.INDEPENDENT | FrameFlag.KEY : 0) : 0;
  const made: Frame = {
    track: id,
    segment,
    index,
    dts: (segment * 60 + index) * 3000,
    ptsOffset: 0,
    duration: 3000,
    flags: start,
    payload: new Uint8Array(sizeBytes),
  };
  return { type: "frame", frame: made } as const;
}

/** A segment of both tracks: its cut, its frames one track after the other frame by frame, its seals. */
function segmentRecords(segment: number, frames: number, independent = true): LinkRecord[] {
  const records: LinkRecord[] = [cut(segment)];
  for (let i = 0; i < frames; i++) records.push(frame(VIDEO, segment, i, { independent }), frame(AUDIO, segment, i));
  for (const id of [VIDEO, AUDIO]) records.push({ type: "seal", track: id, segment, frameCount: frames });
  return records;
}

function queueOf(): SubscriberQueue {
  return new SubscriberQueue("test", [], () => undefined);
}

function frames(records: readonly LinkRecord[], id: number): string[] {
  return records.flatMap((record) =>
    record.type === "frame" && record.frame.track === id ? [`${record.frame.segment}/${record.frame.index}`] : [],
  );
}

describe("a subscriber's queue", () => {
  test("gives everything in order to a reader that keeps up", () => {
    const queue = queueOf();
    const sent: LinkRecord[] = [];
    const seen: LinkRecord[] = [];
    for (let segment = 1; segment <= 20; segment++) {
      for (const record of segmentRecords(segment, 60)) {
        queue.push(record);
        sent.push(record);
      }
      seen.push(...queue.take());
    }
    expect(seen).toEqual(sent);
    expect(queue.lags).toBe(0);
  });

  test("takes whole segments from a slow reader and says where each track's loss begins", () => {
    const queue = queueOf();
    for (let segment = 1; segment <= 6; segment++) for (const record of segmentRecords(segment, 60)) queue.push(record);
    const seen = queue.take();
    expect(queue.lags).toBe(1);
    // 120 frames a segment: the queue is full in the fifth.
    expect(seen.filter(({ type }) => type === "skip")).toEqual([
      { type: "skip", track: VIDEO, fromSegment: 1, fromIndex: 0, why: "lagged" },
      { type: "skip", track: AUDIO, fromSegment: 1, fromIndex: 0, why: "lagged" },
    ]);
    expect(frames(seen, VIDEO)).toEqual(Array.from({ length: 60 }, (_, i) => `6/${i}`));
    expect(frames(seen, AUDIO)).toEqual(Array.from({ length: 60 }, (_, i) => `6/${i}`));
    expect(seen.filter(({ type }) => type === "cut").length).toBe(6);
  });

  test("goes on with picture only where it can be decoded", () => {
    const queue = queueOf();
    for (let segment = 1; segment <= 5; segment++) for (const record of segmentRecords(segment, 60)) queue.push(record);
    for (const record of segmentRecords(6, 60, false)) queue.push(record);
    for (const record of segmentRecords(7, 60)) queue.push(record);
    const seen = queue.take();
    expect(frames(seen, VIDEO)[0]).toBe("7/0");
    expect(frames(seen, AUDIO)[0]).toBe("6/0");
  });

  test("keeps one skip per track however often a reader that never comes lags", () => {
    const queue = queueOf();
    for (let segment = 1; segment <= 100; segment++) {
      for (const record of segmentRecords(segment, 60)) queue.push(record);
    }
    const skips = queue.take().filter(({ type }) => type === "skip");
    expect(skips.length).toBeLessThanOrEqual(2);
    for (const skip of skips) expect(skip).toMatchObject({ fromSegment: 1, fromIndex: 0 });
  });

  test("is closed when its reader leaves more cuts unread than are kept", async () => {
    let closed = 0;
    const queue = new SubscriberQueue("test", [], () => closed++);
    for (let segment = 1; segment <= SUBSCRIBER_QUEUE_CUTS_MAX + 1; segment++) queue.push(cut(segment));
    expect(closed).toBe(1);
    expect(await queue.ready()).toBe(false);
  });

  test("keeps one head record of many", () => {
    const queue = queueOf();
    for (let i = 0; i < 1000; i++) queue.push({ type: "head", inputAgeMs: i });
    expect(queue.take()).toEqual([{ type: "head", inputAgeMs: 999 }]);
  });

  test("whatever the reader's pace, each track's frames are whole runs with a skip wherever some are missing", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 150 }), fc.boolean(), fc.boolean()), { maxLength: 30 }),
        (segments) => {
          const queue = queueOf();
          const seen: LinkRecord[] = [];
          let most = 0;
          for (const [i, [count, independent, reads]] of segments.entries()) {
            for (const record of segmentRecords(i + 1, count, independent)) queue.push(record);
            if (!reads) continue;
            const batch = queue.take();
            most = Math.max(most, batch.filter(({ type }) => type === "frame").length);
            seen.push(...batch);
          }
          expect(most).toBeLessThanOrEqual(SUBSCRIBER_QUEUE_FRAMES_MAX);
          const next = new Map<number, { segment: number; index: number }>();
          const skipped = new Map<number, { segment: number; index: number }>();
          for (const record of seen) {
            if (record.type === "skip") {
              skipped.set(record.track, { segment: record.fromSegment, index: record.fromIndex });
            } else if (record.type === "seal") {
              next.set(record.track, { segment: record.segment + 1, index: 0 });
            } else if (record.type === "frame") {
              const { track: id, segment, index, flags } = record.frame;
              const due = next.get(id) ?? { segment: 1, index: 0 };
              const skip = skipped.get(id);
              if (skip === undefined) expect({ segment, index }).toEqual(due);
              else {
                const isSealed = skip.segment + 1 === due.segment && due.index === 0;
                if (!isSealed) expect(skip).toEqual(due);
                expect(flags & FrameFlag.INDEPENDENT).not.toBe(0);
              }
              skipped.delete(id);
              next.set(id, { segment, index: index + 1 });
            }
          }
        },
      ),
      { numRuns: 60, endOnFailure: true },
    );
  });

  test("wakes its reader, and ends when the broadcast does", async () => {
    const queue = queueOf();
    const ready = queue.ready();
    queue.push(cut(1));
    expect(await ready).toBe(true);
    queue.push({ type: "end", why: "stopped" });
    queue.push(cut(2));
    expect(queue.take().map(({ type }) => type)).toEqual(["cut", "end"]);
    expect(await queue.ready()).toBe(false);
  });

  test("lets a waiting reader give up", async () => {
    const abort = new AbortController();
    const ready = queueOf().ready({ signal: abort.signal });
    abort.abort(new Error("enough"));
    expect(await ready.catch((error: Error) => error.message)).toBe("enough");
  });
});

describe("a broadcast", () => {
  test("replays the last segments whole to one who comes late, with the tracks as they were then", () => {
    const broadcast = new LiveBroadcast(HELLO);
    for (let segment = 1; segment <= 5; segment++)
      for (const record of segmentRecords(segment, 3)) broadcast.publish(record);
    const changed = [track(VIDEO, 77), track(AUDIO)];
    broadcast.publish({ type: "tracks", tracks: changed });
    for (const record of segmentRecords(6, 3)) broadcast.publish(record);
    const seen = broadcast.subscribe({ name: "late", from: "window" }).take();
    const cuts = seen.flatMap((record) => (record.type === "cut" ? [record.segment] : []));
    expect(cuts).toEqual(Array.from({ length: RING_SEGMENTS_MAX + 1 }, (_, i) => 6 - RING_SEGMENTS_MAX + i));
    expect(seen[0]).toEqual(HELLO);
    const types = seen.map(({ type }) => type);
    expect(types.indexOf("tracks")).toBe(types.lastIndexOf("cut") - 1);
    const live = broadcast.subscribe({ name: "live", from: "live" }).take();
    expect(live[0]).toMatchObject({ type: "hello", tracks: changed });
    expect(frames(live, VIDEO)).toEqual(["6/0", "6/1", "6/2"]);
  });

  test("gives one who comes late exactly what one has who was there", () => {
    const broadcast = new LiveBroadcast(HELLO);
    const early = broadcast.subscribe({ name: "early", from: "window" });
    const first: LinkRecord[] = [];
    for (let segment = 1; segment <= RING_SEGMENTS_MAX + 1; segment++) {
      for (const record of segmentRecords(segment, 10)) broadcast.publish(record);
      first.push(...early.take());
    }
    const late = broadcast.subscribe({ name: "late", from: "window" });
    for (const record of segmentRecords(RING_SEGMENTS_MAX + 2, 10)) broadcast.publish(record);
    first.push(...early.take());
    const second = late.take();
    for (const id of [VIDEO, AUDIO]) expect(frames(second, id)).toEqual(frames(first, id));
  });

  test("keeps a late frame with the segment that it belongs to", () => {
    const broadcast = new LiveBroadcast(HELLO);
    broadcast.publish(cut(1));
    broadcast.publish(frame(VIDEO, 1, 0));
    broadcast.publish(cut(2));
    broadcast.publish(frame(AUDIO, 1, 0));
    const types = broadcast
      .subscribe({ name: "late", from: "window" })
      .take()
      .map((record) => (record.type === "frame" ? `${record.frame.track}:${record.frame.segment}` : record.type));
    expect(types).toEqual(["hello", "cut", "0:1", "1:1", "cut"]);
  });

  test("bounds the bytes it keeps, also within one segment", () => {
    const broadcast = new LiveBroadcast(HELLO);
    const sizeBytes = RING_BYTES_MAX / 8;
    for (let segment = 1; segment <= 3; segment++) {
      broadcast.publish(cut(segment));
      for (let i = 0; i < 6; i++) broadcast.publish(frame(VIDEO, segment, i, { sizeBytes }));
      expect(broadcast.ringBytes).toBeLessThanOrEqual(RING_BYTES_MAX);
    }
    for (let i = 6; i < 12; i++) broadcast.publish(frame(VIDEO, 3, i, { sizeBytes }));
    expect(broadcast.ringBytes).toBeLessThanOrEqual(RING_BYTES_MAX);
    const seen = broadcast.subscribe({ name: "late", from: "window" }).take();
    expect(seen.map(({ type }) => type)).toEqual(["hello", "cut"]);
  });

  test("tells its end to everybody, also to those who come after it", () => {
    const broadcast = new LiveBroadcast(HELLO);
    const early = broadcast.subscribe({ name: "early", from: "live" });
    broadcast.publish(cut(1));
    broadcast.publish({ type: "end", why: "grace-over" });
    for (const subscription of [early, broadcast.subscribe({ name: "late", from: "live" })]) {
      expect(subscription.take().at(-1)).toEqual({ type: "end", why: "grace-over" });
    }
  });

  test("counts how often those who are there lagged, and refuses more than it can serve", () => {
    const broadcast = new LiveBroadcast(HELLO);
    const queues = Array.from({ length: SUBSCRIBERS_MAX }, (_, i) =>
      broadcast.subscribe({ name: `reader-${i}`, from: "live" }),
    );
    expect(() => broadcast.subscribe({ name: "one more", from: "live" })).toThrow(Fault);
    queues[0]?.close();
    broadcast.subscribe({ name: "one more", from: "live" }).close();
    for (let segment = 1; segment <= 5; segment++)
      for (const record of segmentRecords(segment, 60)) broadcast.publish(record);
    expect(broadcast.lags).toBe(SUBSCRIBERS_MAX - 1);
  });
});
