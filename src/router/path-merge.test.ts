import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { RawFrame } from "#media/frame.ts";
import { Backlog } from "./backlog.ts";
import { PathMerge } from "./path-merge.ts";

/** One encode: 30 pictures and 47 sounds a second, in the order they are made. */
function encode(seconds: number): { readonly frame: RawFrame; readonly madeMs: number }[] {
  const made = [];
  for (let i = 0; i < seconds * 30; i++) {
    const payload = Uint8Array.from({ length: 40 }, (_, at) => (i * 31 + at * 7 + (i >> 8) * 13) & 255);
    new DataView(payload.buffer).setUint32(0, i);
    const dts = Math.round((i * 1000) / 30);
    made.push({ frame: { track: VIDEO, dts, ptsOffset: 0, keyframe: i % 60 === 0, payload }, madeMs: dts });
  }
  for (let i = 0; i < seconds * 47; i++) {
    // Silence: every sound carries the same.
    const dts = Math.round((i * 1024) / 48);
    made.push({ frame: { track: AUDIO, dts, ptsOffset: 0, keyframe: true, payload: new Uint8Array(9) }, madeMs: dts });
  }
  return made.toSorted((a, b) => a.madeMs - b.madeMs);
}
const VIDEO = { kind: "video", number: 0 } as const;
const AUDIO = { kind: "audio", number: 0 } as const;
/** Seconds of the encode: what some sixty faults take, one after the other. */
const SECONDS = 420;
const ENCODE = encode(SECONDS);

class Path {
  readonly backlog = new Backlog();
  readonly offset: number;
  /** Delay of the network, milliseconds. */
  lagMs: number;
  /** Sends nothing before; everything late then. */
  stalledUntilMs = 0;
  next: number;

  constructor(from: { next: number; offset: number; lagMs: number }) {
    this.next = from.next;
    this.offset = from.offset;
    this.lagMs = from.lagMs;
  }

  leads({ track }: RawFrame): boolean {
    return track.kind === "video";
  }

  due(nowMs: number): RawFrame[] {
    const frames: RawFrame[] = [];
    if (nowMs < this.stalledUntilMs) return frames;
    for (let made = ENCODE[this.next]; made !== undefined; made = ENCODE[++this.next]) {
      if (made.madeMs + this.lagMs > nowMs) break;
      const { frame } = made;
      frames.push({ ...frame, dts: (frame.dts + this.offset) >>> 0, payload: frame.payload.slice() });
    }
    return frames;
  }
}

interface Fault {
  readonly kind: "kill" | "stall" | "lag";
  readonly which: number;
  readonly afterMs: number;
  readonly forMs: number;
  readonly offset: number;
}

const fault: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constantFrom("kill", "stall", "lag"),
  which: fc.nat(1),
  afterMs: fc.integer({ min: 100, max: 1500 }),
  forMs: fc.integer({ min: 0, max: 3000 }),
  offset: fc.integer({ min: 0, max: 0xff_ff_ff_ff }),
});

/** Both paths through the faults, each as soon as both are merged again; the numbers of the pictures that came out, and the number of faults. */
function run(
  faults: readonly Fault[],
  offsets: readonly [number, number],
): { out: RawFrame[]; faults: number; held: number } {
  const out: RawFrame[] = [];
  const merge = new PathMerge<Path>((frame) => out.push(frame));
  const paths: (Path | undefined)[] = offsets.map((offset) => new Path({ next: 0, offset, lagMs: 20 }));
  const returns: (Fault & { readonly atMs: number })[] = [];
  const first = paths[0];
  if (first !== undefined) merge.begin(first);
  let at = 0;
  let dueMs = 0;
  let held = 0;
  let lastMs = Number.POSITIVE_INFINITY;
  for (let nowMs = 0; nowMs < SECONDS * 1000 && nowMs < lastMs + 5000; nowMs += 10) {
    for (const path of paths)
      if (path !== undefined) for (const frame of path.due(nowMs)) merge.take(path, frame, nowMs);
    if (nowMs % 100 === 0) merge.tick(nowMs);
    held = Math.max(held, merge.heldFrames);
    const back = returns.findIndex(({ atMs }) => nowMs >= atMs);
    const again = back < 0 ? undefined : returns.splice(back, 1)[0];
    if (again !== undefined) {
      const made = ENCODE.findIndex(({ madeMs }) => madeMs >= nowMs - 200);
      paths[again.which] = new Path({ next: made, offset: again.offset, lagMs: again.forMs % 200 });
    }
    const isWell = paths.every((path) => path !== undefined && merge.has(path) && nowMs >= path.stalledUntilMs);
    const next = faults[at];
    if (next === undefined || !isWell) {
      dueMs = nowMs + (next?.afterMs ?? 0);
      continue;
    }
    const path = paths[next.which];
    if (nowMs < dueMs || path === undefined) continue;
    at++;
    if (at === faults.length) lastMs = nowMs;
    if (next.kind === "kill") {
      merge.remove(path, nowMs);
      paths[next.which] = undefined;
      returns.push({ ...next, atMs: nowMs + (next.forMs >> 1) });
    } else if (next.kind === "stall") path.stalledUntilMs = nowMs + next.forMs;
    else path.lagMs = next.forMs;
  }
  return { out, faults: at, held };
}

describe("two paths of one encode", () => {
  test("kills, stalls and lags of either leave the output as it was: nothing lost, nothing twice, one clock", () => {
    fc.assert(
      fc.property(fc.array(fault, { minLength: 50, maxLength: 60 }), fc.nat(0xff_ff_ff_ff), (faults, offset) => {
        const { out, faults: happened, held } = run(faults, [offset, 7]);
        expect(happened).toBe(faults.length);
        expect(held).toBeLessThan(300);
        for (const kind of ["video", "audio"]) {
          const wanted = ENCODE.filter(({ frame }) => frame.track.kind === kind);
          const got = out.filter(({ track }) => track.kind === kind);
          expect(got.length).toBeGreaterThan(100);
          for (const [i, frame] of got.entries()) {
            const want = wanted[i]?.frame;
            if (want === undefined || frame.dts !== (want.dts + offset) >>> 0)
              expect([i, frame.dts]).toEqual([i, want === undefined ? -1 : (want.dts + offset) >>> 0]);
            if (want !== undefined && !Bun.deepEquals(frame.payload, want.payload))
              expect(frame.payload).toEqual(want.payload);
          }
        }
      }),
      { numRuns: 20, endOnFailure: true },
    );
  }, 30_000);

  test("a frame that one path lacks comes from the other one, which is 50 ms behind; none is waited for when both lack it", () => {
    const out: number[] = [];
    const times: number[] = [];
    const merge = new PathMerge<Path>(({ track, dts }, nowMs) => {
      if (track.kind === "video") out.push(dts);
      if (track.kind === "video") times.push(nowMs - dts);
    });
    const [first, second] = [
      new Path({ next: 0, offset: 0, lagMs: 0 }),
      new Path({ next: 0, offset: 5000, lagMs: 50 }),
    ];
    merge.begin(first);
    for (let nowMs = 0; nowMs < 10_000; nowMs += 5) {
      for (const frame of first.due(nowMs))
        if (frame.dts % 700 !== 0 && frame.dts !== 9000) merge.take(first, frame, nowMs);
      for (const frame of second.due(nowMs)) if (frame.dts !== 14_000) merge.take(second, frame, nowMs);
      merge.tick(nowMs);
    }
    expect(merge.has(second)).toBe(true);
    const wanted = ENCODE.map(({ frame }) => frame).filter(
      ({ track, dts }) => track.kind === "video" && dts < 9950 && dts !== 9000,
    );
    expect(out.filter((dts) => dts > 2500 && dts < 9950)).toEqual(
      wanted.map(({ dts }) => dts).filter((dts) => dts > 2500),
    );
    expect(Math.max(...times.slice(100))).toBeLessThan(120);
  });

  test("what an encoder leaves out is waited for once, as long as the other path may have it; then it is known to be uneven", () => {
    const delays: { readonly dts: number; readonly lateMs: number }[] = [];
    const merge = new PathMerge<Path>(({ track, dts }, nowMs) => {
      if (track.kind === "video") delays.push({ dts, lateMs: nowMs - dts });
    });
    const [first, second] = [
      new Path({ next: 0, offset: 0, lagMs: 0 }),
      new Path({ next: 0, offset: 5000, lagMs: 2000 }),
    ];
    merge.begin(first);
    const isMade = ({ track, dts }: RawFrame, offset: number): boolean =>
      track.kind === "audio" || dts - offset < 8000 || (dts - offset) % 700 !== 0;
    for (let nowMs = 0; nowMs < 16_000; nowMs += 5) {
      for (const frame of first.due(nowMs)) if (isMade(frame, 0)) merge.take(first, frame, nowMs);
      for (const frame of second.due(nowMs)) if (isMade(frame, 5000)) merge.take(second, frame, nowMs);
      merge.tick(nowMs);
    }
    expect(merge.has(second)).toBe(true);
    const late = delays.filter(({ lateMs }) => lateMs > 100);
    const held = delays.filter(({ dts }) => dts > 8400 && dts < 8400 + late.length * 35);
    expect(late.map(({ dts }) => dts)).toEqual(held.map(({ dts }) => dts).slice(0, late.length));
    expect(late.length).toBeWithin(50, 60);
    expect(late[0]?.lateMs).toBeWithin(1950, 2050);
  });

  test("what waits for a gap to be filled has bounded weight: too much of it goes out without", () => {
    let pictures = 0;
    const merge = new PathMerge<Path>(({ track }) => {
      if (track.kind === "video") pictures++;
    });
    const [first, second] = [
      new Path({ next: 0, offset: 0, lagMs: 0 }),
      new Path({ next: 0, offset: 5000, lagMs: 50 }),
    ];
    const large = new Uint8Array(4 * 1024 * 1024);
    merge.begin(first);
    let held = 0;
    for (let nowMs = 0; nowMs < 10_500; nowMs += 5) {
      for (const frame of first.due(nowMs)) {
        if (frame.track.kind === "video" && frame.dts === 8000) continue;
        const isLarge = frame.track.kind === "video" && frame.dts > 8000;
        merge.take(first, isLarge ? { ...frame, payload: large } : frame, nowMs);
      }
      second.stalledUntilMs = nowMs < 8000 ? 0 : 20_000;
      for (const frame of second.due(nowMs)) merge.take(second, frame, nowMs);
      held = Math.max(held, merge.heldFrames);
    }
    // Eight of them, and the sound of that time.
    expect(held).toBeWithin(9, 30);
    expect(pictures).toBeGreaterThan(305);
  });

  test("another encode is never merged, and one that becomes another is left", () => {
    const out: RawFrame[] = [];
    const merge = new PathMerge<Path>((frame) => out.push(frame));
    const [first, second] = [new Path({ next: 0, offset: 0, lagMs: 0 }), new Path({ next: 0, offset: 0, lagMs: 0 })];
    merge.begin(first);
    const deliver = (fromMs: number, toMs: number, isSame: boolean): void => {
      for (let nowMs = fromMs; nowMs < toMs; nowMs += 5) {
        for (const frame of first.due(nowMs)) merge.take(first, frame, nowMs);
        for (const frame of second.due(nowMs)) {
          const payload = isSame ? frame.payload : frame.payload.map((byte) => byte ^ 1);
          merge.take(second, { ...frame, payload }, nowMs);
        }
      }
    };
    deliver(0, 6000, false);
    expect(merge.has(second)).toBe(false);
    deliver(6000, 12_000, true);
    expect(merge.has(second)).toBe(true);
    deliver(12_000, 14_000, false);
    expect([merge.has(first), merge.has(second)]).toEqual([true, false]);
    expect(out.length).toBe(ENCODE.filter(({ madeMs }) => madeMs < 13_996).length);
  });
});
