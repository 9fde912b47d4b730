import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { EncodingCapacity } from "./capacity.ts";
import { type ChoosableRung, type RungChange, RungChoice } from "./rung-choice.ts";

const RUNGS: readonly ChoosableRung[] = [
  { name: "720p", load: 28 },
  { name: "480p", load: 12 },
  { name: "360p", load: 7 },
];
const ALL = 0b111;
const CUT_MS = 2000;

function capacityOf(megapixelsPerSecond: number): EncodingCapacity {
  return new EncodingCapacity({ processors: 1, megapixelsPerSecond });
}

/** Looks at each cut; the answers that were not `none`, with their times. */
class Looks {
  nowMs = 0;
  readonly choice: RungChoice;
  constructor(capacity: EncodingCapacity) {
    this.choice = new RungChoice(RUNGS, capacity, 0);
  }
  /** Looks until `untilMs`, with what the workers are behind by at that time. */
  until(untilMs: number, behindMicros: (nowMs: number) => number): { atMs: number; change: RungChange }[] {
    const changes: { atMs: number; change: RungChange }[] = [];
    while (this.nowMs + CUT_MS <= untilMs) {
      this.nowMs += CUT_MS;
      const change = this.choice.look(this.nowMs, behindMicros(this.nowMs));
      if (change.kind !== "none") changes.push({ atMs: this.nowMs, change });
    }
    return changes;
  }
}

test("with room for all, all are made", () => {
  const looks = new Looks(capacityOf(47));
  expect(looks.choice.mask).toBe(ALL);
  expect(looks.until(60_000, () => 100_000)).toEqual([]);
});

test("without room, the best are refused, and come as soon as there is room", () => {
  const capacity = capacityOf(47);
  capacity.reserve(27);
  const looks = new Looks(capacity);
  expect(looks.choice.mask).toBe(0b110);
  expect(looks.choice.refused).toEqual(["720p"]);
  expect(looks.choice.givenUp).toEqual([]);
  expect(looks.until(20_000, () => 0)).toEqual([]);
  capacity.release(27);
  expect(looks.until(30_000, () => 0)).toEqual([{ atMs: 22_000, change: { kind: "more", back: "720p" } }]);
  expect(looks.choice.mask).toBe(ALL);
});

test("a little behind costs the best rung, and it comes back after half a minute", () => {
  const looks = new Looks(capacityOf(100));
  const changes = looks.until(40_000, (nowMs) => (nowMs === 10_000 || nowMs === 12_000 ? 1_500_000 : 0));
  expect(changes).toEqual([{ atMs: 12_000, change: { kind: "switch", givenUp: ["720p"] } }]);
  expect(looks.choice.givenUp).toEqual(["720p"]);
  expect(looks.until(60_000, () => 0)).toEqual([{ atMs: 42_000, change: { kind: "more", back: "720p" } }]);
});

test("the pause doubles while the trouble comes again, and is short again after five quiet minutes", () => {
  const looks = new Looks(capacityOf(100));
  const isSlow = (): boolean => looks.choice.mask === ALL;
  const changes = looks.until(500_000, () => (isSlow() ? 1_500_000 : 0));
  const back = changes.flatMap(({ atMs, change }) => (change.kind === "more" ? atMs : []));
  const gone = changes.flatMap(({ atMs, change }) => (change.kind === "switch" ? atMs : []));
  expect(gone.slice(0, 4).map((atMs, i) => (back[i] ?? 0) - atMs)).toEqual([30_000, 60_000, 120_000, 240_000]);
  looks.until(looks.nowMs + 1_000_000, () => 0);
  expect(looks.choice.mask).toBe(ALL);
  const again = looks.until(looks.nowMs + 40_000, () => (isSlow() ? 1_500_000 : 0));
  expect(again.map(({ change }) => change.kind)).toEqual(["switch", "more"]);
});

test("a moment of other work costs nothing", () => {
  const looks = new Looks(capacityOf(100));
  expect(looks.until(60_000, (nowMs) => (nowMs % 6000 === 0 ? 5_000_000 : 0))).toEqual([]);
});

test("a thirtyfold overload takes every rung at once, with the queue", () => {
  const looks = new Looks(capacityOf(100));
  const changes = looks.until(12_000, (nowMs) => nowMs * 1000 * (29 / 30));
  expect(changes).toEqual([{ atMs: 8000, change: { kind: "restart", givenUp: ["720p", "480p", "360p"] } }]);
  expect(looks.choice.mask).toBe(0);
});

test("half the speed takes as many rungs as it asks for", () => {
  const looks = new Looks(capacityOf(100));
  const changes = looks.until(12_000, (nowMs) => nowMs * 500);
  expect(changes).toEqual([{ atMs: 8000, change: { kind: "restart", givenUp: ["720p"] } }]);
});

test("whatever happens, what is reserved is what is made, and everything is given back", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6_000_000), { maxLength: 300 }), fc.nat(100), (behind, room) => {
      const capacity = capacityOf(room);
      const choice = new RungChoice(RUNGS, capacity, 0);
      for (const [i, behindMicros] of behind.entries()) {
        const before = choice.mask;
        const { kind } = choice.look(i * CUT_MS, behindMicros);
        expect(kind === "none").toBe(choice.mask === before);
        const made = RUNGS.reduce((sum, { load }, rung) => sum + load * ((choice.mask >>> rung) & 1), 0);
        expect(capacity.used).toBe(made);
        // Smaller rungs are never missing where a larger one is made.
        expect([0b111, 0b110, 0b100, 0]).toContain(choice.mask);
      }
      choice.close();
      expect(capacity.used).toBe(0);
    }),
  );
});
