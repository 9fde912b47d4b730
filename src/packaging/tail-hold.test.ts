import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { LinkRecord } from "#link/record.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { BroadcastWindow } from "./broadcast-window.ts";
import { renderManifest } from "./dash/manifest.ts";
import { renderMediaPlaylist } from "./hls/media-playlist.ts";
import { TailHold } from "./tail-hold.ts";
import {
  TEST_AUDIO,
  TEST_FIRST_SEGMENT,
  TEST_START_MICROS,
  TEST_VIDEO,
  testHello,
  testRecords,
} from "./test-broadcast.ts";

/** How far apart a short rest and the part before it are shown: four fifths of a part target, milliseconds. */
const APART_MS = 400;
const TIMESCALES = new Map([TEST_VIDEO, TEST_AUDIO].map(({ id, timescale }) => [id, timescale]));

interface Batch {
  readonly nowMs: number;
  readonly records: readonly LinkRecord[];
}

/** When a record is there: with the end of the frame before it in its order, milliseconds since the beginning. */
function arrivals(records: readonly LinkRecord[]): { readonly record: LinkRecord; readonly nowMs: number }[] {
  let nowMs = 0;
  return records.map((record) => {
    if (record.type === "frame") {
      const { track, dts, duration } = record.frame;
      const endMicros = ticksToMicros(dts + duration, TIMESCALES.get(track) ?? 1) - TEST_START_MICROS;
      nowMs = Math.max(nowMs, endMicros / 1000);
    }
    return { record, nowMs };
  });
}

/** Puts the records into batches that end with records of these positions, modulo their count. */
function batchesOf(records: readonly LinkRecord[], together: readonly boolean[]): Batch[] {
  const batches: { nowMs: number; records: LinkRecord[] }[] = [];
  for (const [i, { record, nowMs }] of arrivals(records).entries()) {
    const open = batches.at(-1);
    if (open !== undefined && together[i % together.length] === true) {
      open.records.push(record);
      open.nowMs = nowMs;
    } else batches.push({ nowMs, records: [record] });
  }
  return batches;
}

/** When each part was shown, by track, segment and index, and the parts of a segment that is whole. */
class Watch {
  readonly shownMs = new Map<string, number>();
  readonly wholeMs = new Map<string, number>();

  look(window: BroadcastWindow, nowMs: number): void {
    for (const { track, segments } of window.tracks) {
      for (const { number, parts, sealed } of segments) {
        const name = `${track.name} ${number - TEST_FIRST_SEGMENT}`;
        for (const { index } of parts)
          if (!this.shownMs.has(`${name} ${index}`)) this.shownMs.set(`${name} ${index}`, nowMs);
        if (sealed && !this.wholeMs.has(name)) this.wholeMs.set(name, nowMs);
      }
    }
  }
}

const texts = (window: BroadcastWindow): string[] => [
  ...window.tracks.map(({ track }) => renderMediaPlaylist(window, track.name)),
  renderManifest(window),
];

function run(framesPerSegment: number, together: readonly boolean[]) {
  const records = testRecords({ segmentCount: 5, framesPerSegment });
  const hello = testHello({ framesPerSegment });
  const [window, direct] = [new BroadcastWindow(hello), new BroadcastWindow(hello)];
  const hold = new TailHold(window);
  const watch = new Watch();
  const delays: number[] = [];
  const wakeUntil = (nowMs: number): void => {
    for (let due = hold.dueMs; due !== undefined && due <= nowMs; due = hold.dueMs) {
      hold.apply([], due);
      watch.look(window, due);
    }
  };
  for (const batch of batchesOf(records.slice(1), together)) {
    wakeUntil(batch.nowMs);
    hold.apply(batch.records, batch.nowMs);
    watch.look(window, batch.nowMs);
    for (const record of batch.records) direct.apply(record);
    if (hold.dueMs !== undefined) delays.push(hold.dueMs - batch.nowMs);
  }
  hold.flush(Number.POSITIVE_INFINITY);
  return { window, direct, watch, delays };
}

test("the short rest of a segment is shown most of a part target after the part before it, everything else when it comes", () => {
  const { watch, delays } = run(60, [false]);
  // 93 or 94 frames of sound: four parts of 23, and one or two frames.
  for (const segment of [1, 2, 3]) {
    const [before = 0, rest = 0] = [3, 4].map((part) => watch.shownMs.get(`audio ${segment} ${part}`));
    expect(rest - before).toBeCloseTo(APART_MS);
    expect(watch.wholeMs.get(`audio ${segment}`)).toBe(rest);
    // The next part is where it would have been: its 23 frames later.
    expect(watch.shownMs.get(`audio ${segment + 1} 0`)).toBeCloseTo(2000 * (segment + 1) + 490.67, -2);
    expect(watch.wholeMs.get(`source ${segment}`)).toBeCloseTo(2000 * (segment + 1), -2);
  }
  expect(Math.max(...delays)).toBeLessThan(APART_MS);
});

test("however records are batched, the window ends the same, and a rest is shown with the part before it or well after", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 90 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 50 }),
      (framesPerSegment, together) => {
        const { window, direct, watch, delays } = run(framesPerSegment, together);
        expect(texts(window)).toEqual(texts(direct));
        expect(Math.max(0, ...delays)).toBeLessThanOrEqual(APART_MS);
        for (const { track, segments } of window.tracks) {
          // Nothing is held while the first segment is the only one, nor what is there last.
          for (const { number, parts } of segments.slice(1, -1)) {
            const name = `${track.name} ${number - TEST_FIRST_SEGMENT}`;
            const wholeMs = watch.wholeMs.get(name) ?? Number.NaN;
            const beforeMs = watch.shownMs.get(`${name} ${parts.length - 2}`) ?? wholeMs;
            const lastMs = watch.shownMs.get(`${name} ${parts.length - 1}`) ?? Number.NaN;
            if (lastMs === wholeMs && beforeMs !== lastMs) expect(lastMs - beforeMs).toBeGreaterThan(APART_MS - 1e-6);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("the end of a broadcast waits for nothing", () => {
  const hello = testHello();
  const window = new BroadcastWindow(hello);
  const hold = new TailHold(window);
  for (const { record, nowMs } of arrivals(testRecords({ segmentCount: 3 }).slice(1))) {
    hold.apply([record], nowMs);
    if (hold.dueMs === undefined) continue;
    hold.apply([{ type: "end", why: "stopped" }], nowMs);
    break;
  }
  expect(window.ended).toBe("stopped");
  expect(hold.dueMs).toBeUndefined();
  expect(window.track("audio")?.segments.at(-1)?.sealed).toBe(true);
});
