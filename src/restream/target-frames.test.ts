import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Fault } from "#faults/fault.ts";
import type { LinkRecord } from "#link/record.ts";
import { SubscriberQueue } from "#link/queue.ts";
import { audioTrack, PICTURES, recordsOf, segmentRecords, videoTrack } from "./broadcast-under-test.ts";
import { type TargetFrame, TargetFrames } from "./target-frames.ts";

const TRACKS = [videoTrack(0, "source"), audioTrack(1, "audio")];

function framesOf(records: readonly LinkRecord[], rendition = "source"): { frames: TargetFrames; out: TargetFrame[] } {
  const frames = new TargetFrames(rendition);
  return { frames, out: records.flatMap((record) => [...frames.take(record)]) };
}

function timesOf(out: readonly TargetFrame[], kind: "video" | "audio"): number[] {
  return out.filter(({ frame }) => frame.track.kind === kind).map(({ frame }) => frame.dts);
}

const END: LinkRecord = { type: "end", why: "stopped" };

describe("a target's frames", () => {
  test("begin with a keyframe at 0 and are in the order of their times, whatever order the tracks come in", () => {
    const { out } = framesOf([...recordsOf(TRACKS, [3, 4]), END]);
    expect(out[0]).toMatchObject({ frame: { dts: 0, ptsOffset: 40, keyframe: true, track: { kind: "video" } } });
    const times = out.map(({ frame }) => frame.dts);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(timesOf(out, "video")).toEqual(Array.from({ length: 2 * PICTURES }, (_, i) => 40 * i));
    expect(timesOf(out, "audio")).toEqual(Array.from({ length: 200 }, (_, i) => 20 * i));
  });

  test("leave pictures out up to a keyframe when the broadcast is joined in the middle of a segment", () => {
    const [hello, ...rest] = recordsOf(TRACKS, [3, 4]);
    const late = rest.filter((record) => record.type !== "frame" || record.frame.segment > 3 || record.frame.index > 9);
    const { out } = framesOf([hello as LinkRecord, ...late, END]);
    expect(timesOf(out, "video")).toHaveLength(PICTURES);
    expect(out[0]?.frame).toMatchObject({ dts: 0, keyframe: true });
    expect(Math.min(...timesOf(out, "audio"))).toBe(0);
  });

  test("go on at a keyframe after a loss, with the time that has passed, and count what was lost", () => {
    const skip: LinkRecord = { type: "skip", track: 0, fromSegment: 2, fromIndex: 0, why: "lagged" };
    const { out, frames } = framesOf([
      ...recordsOf(TRACKS, [1]),
      skip,
      { ...skip, track: 1 },
      ...segmentRecords(5, TRACKS),
      END,
    ]);
    expect(frames.droppedGops).toBe(3);
    expect(timesOf(out, "video").slice(PICTURES - 1, PICTURES + 1)).toEqual([1960, 8000]);
    expect(out.find(({ frame }) => frame.dts === 8000 && frame.track.kind === "video")?.frame.keyframe).toBe(true);
  });

  test("do not go on in the middle of a segment whose beginning is missing", () => {
    const [cut, ...rest] = segmentRecords(2, TRACKS);
    const torn = rest.filter((record) => record.type !== "frame" || record.frame.track !== 0 || record.frame.index > 4);
    const { out } = framesOf([
      ...recordsOf(TRACKS, [1]),
      cut as LinkRecord,
      ...torn,
      ...segmentRecords(3, TRACKS),
      END,
    ]);
    expect(timesOf(out, "video")).toHaveLength(2 * PICTURES);
  });

  test("carry the parameters of their segment, also where a late frame comes after the next cut", () => {
    const changed = [videoTrack(0, "source", { width: 320 }), audioTrack(1, "audio")];
    const [cut, ...rest] = segmentRecords(2, changed);
    const last = segmentRecords(1, TRACKS);
    const { out } = framesOf([
      ...recordsOf(TRACKS, []),
      ...last.slice(0, -120),
      { type: "tracks", tracks: changed },
      cut as LinkRecord,
      ...last.slice(-120),
      ...rest,
      END,
    ]);
    const widths = out.flatMap(({ config }) => (config.kind === "video" ? [config.width] : []));
    expect(widths).toEqual([...Array<number>(PICTURES).fill(640), ...Array<number>(PICTURES).fill(320)]);
    expect(timesOf(out, "video").at(-1)).toBe(3960);
  });

  test("are decoded no later than they are shown, where pictures refer to later ones", () => {
    const FRAME = 3600;
    // Decoded as I P B B P B B …: in stream time a P is shown three pictures late, a B one early.
    const offsets = [0, 2 * FRAME, -FRAME, -FRAME];
    const reordered = recordsOf(TRACKS, [1, 2]).map((record) => {
      if (record.type !== "frame" || record.frame.track !== 0) return record;
      const { index } = record.frame;
      const ptsOffset = index === 0 ? 0 : (offsets[1 + ((index - 1) % 3)] ?? 0);
      return { ...record, frame: { ...record.frame, ptsOffset } };
    });
    const { out } = framesOf([...reordered, END]);
    const pictures = out.filter(({ frame }) => frame.track.kind === "video").map(({ frame }) => frame);
    expect(pictures.filter(({ ptsOffset }) => ptsOffset < 0)).toEqual([]);
    expect(pictures.filter(({ dts }, i) => i > 0 && dts <= (pictures[i - 1]?.dts ?? 0))).toEqual([]);
    const shown = pictures.map(({ dts, ptsOffset }) => dts + ptsOffset);
    expect(shown.slice(0, 8)).toEqual([0, 120, 41, 80, 240, 160, 200, 360]);
    // The last picture before it lacks two that belong between.
    expect(shown[PICTURES]).toBe(2041);
    const sound = timesOf(out, "audio");
    expect(sound).toEqual(Array.from({ length: 200 }, (_, i) => 20 * i));
  });

  test("are shown in order where an encoder is cut off before pictures that belong between those that came", () => {
    const FRAME = 3600;
    const offsets = [2 * FRAME, -FRAME, -FRAME];
    const shifted = (segment: number, short: number): LinkRecord[] =>
      segmentRecords(segment, TRACKS, { short }).map((record) => {
        if (record.type !== "frame" || record.frame.track !== 0) return record;
        const { index } = record.frame;
        return { ...record, frame: { ...record.frame, ptsOffset: index === 0 ? 0 : (offsets[(index - 1) % 3] ?? 0) } };
      });
    // The last picture of the first segment is shown 80 ms after the second one begins.
    const { out } = framesOf([...recordsOf(TRACKS, []), ...shifted(1, 0), ...shifted(2, 0), END]);
    const cutShort = framesOf([...recordsOf(TRACKS, []), ...shifted(1, 0), ...segmentRecords(2, TRACKS), END]).out;
    for (const frames of [out, cutShort]) {
      const pictures = frames.filter(({ frame }) => frame.track.kind === "video").map(({ frame }) => frame);
      const shown = pictures.map(({ dts, ptsOffset }) => dts + ptsOffset);
      const [before, after] = [shown.slice(0, PICTURES), shown.slice(PICTURES)];
      expect(Math.max(...before)).toBeGreaterThanOrEqual(2000);
      expect(Math.min(...after)).toBe(Math.max(...before) + 1);
      expect(new Set(shown).size).toBe(2 * PICTURES);
      // In the order in which they are meant to be shown, a third closer at most, and in their time again soon.
      const sorted = [...after].sort((a, b) => a - b);
      expect(sorted.filter((ms, i) => i > 0 && ms - (sorted[i - 1] ?? 0) < 26)).toEqual([]);
      expect(sorted.at(-1)).toBe(frames === out ? 4040 : 4000);
      for (const { ptsOffset } of pictures) expect(ptsOffset).toBeGreaterThanOrEqual(0);
    }
  });

  test("are those of the rung that is wanted, with the sound as AAC where the source's is something else", () => {
    const rung = videoTrack(2, "240p", { width: 426 });
    const tracks = [videoTrack(0, "source", { codec: "hevc" }), audioTrack(1, "audio", "opus"), rung];
    const { out } = framesOf([...recordsOf([...tracks, audioTrack(3, "audio-aac", "aac", 1)], [1]), END], "240p");
    expect(new Set(out.map(({ config }) => config.codec))).toEqual(new Set(["avc", "aac"]));
    expect(timesOf(out, "video")).toHaveLength(PICTURES);
    expect(() => framesOf(recordsOf(tracks, [1]), "720p")).toThrow(Fault);
  });

  test("are the sound alone where there is no picture", () => {
    const { out } = framesOf([...recordsOf([audioTrack(1, "audio")], [1]), END]);
    expect(timesOf(out, "audio")).toHaveLength(100);
    expect(timesOf(out, "audio")[0]).toBe(0);
  });

  test("go on without the other kind when that falls silent", () => {
    const [video, audio] = TRACKS;
    const only = [1, 2, 3].flatMap((segment) => segmentRecords(segment, video === undefined ? [] : [video]));
    const { out } = framesOf([...recordsOf([...TRACKS], []), ...only]);
    expect(audio?.name).toBe("audio");
    expect(timesOf(out, "video").length).toBeGreaterThan(2 * PICTURES - 2);
  });

  test("have times that only grow, however slowly the subscription is read and whatever changes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ reads: fc.boolean(), wide: fc.boolean(), short: fc.nat(20) }), { maxLength: 40 }),
        (steps) => {
          const queue = new SubscriberQueue("target", recordsOf(TRACKS, []).slice(0, 1), () => undefined);
          const frames = new TargetFrames("source");
          const out: TargetFrame[] = [];
          for (const [i, { reads, wide, short }] of steps.entries()) {
            const tracks = [videoTrack(0, "source", { width: wide ? 640 : 320 }), audioTrack(1, "audio")];
            queue.push({ type: "tracks", tracks });
            for (const record of segmentRecords(i, tracks, { short })) queue.push(record);
            if (reads) for (const record of queue.take()) out.push(...frames.take(record));
          }
          for (const record of [...queue.take(), END]) out.push(...frames.take(record));
          for (const kind of ["video", "audio"] as const) {
            const times = timesOf(out, kind);
            expect(times.filter((time, at) => at > 0 && time <= (times[at - 1] ?? 0))).toEqual([]);
          }
          const first = out[0]?.frame;
          if (first !== undefined) expect([first.dts, first.keyframe]).toEqual([0, true]);
        },
      ),
      { numRuns: 40 },
    );
  });
});
