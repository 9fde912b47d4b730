import { describe, expect, test } from "bun:test";
import { array, assert, boolean, integer, property, record } from "fast-check";
import { RungMerge } from "./rung-merge.ts";
import type { RungFrame } from "./transcode-process.ts";

const FRAMES = 6;

function frameOf(segment: number, index: number): RungFrame {
  const dts = (segment * FRAMES + index) * 3000;
  const payload = Uint8Array.of(segment, index);
  return { rung: 0, segment, index, dts, ptsOffset: 0, duration: 3000, keyframe: index === 0, payload };
}

/** What came out, one word each: `1.0` a frame, `1]` a seal, `1.2!` a loss. */
class Outcome {
  readonly words: string[] = [];
  readonly merge: RungMerge;

  constructor(isLocked = false) {
    const sink = {
      frame: ({ segment, index }: RungFrame) => this.words.push(`${segment}.${index}`),
      sealed: (segment: number, frameCount: number) => this.words.push(`${segment}]${frameCount}`),
      lost: (segment: number, index: number) => this.words.push(`${segment}.${index}!`),
    };
    this.merge = new RungMerge(sink, isLocked);
  }

  readonly #joined = new Set<number>();

  /** A worker begins with the segment of step `from`. */
  join(worker: number, from: number): void {
    this.#joined.add(worker);
    this.merge.join(worker, Math.floor(from / (FRAMES + 1)));
  }

  /** A worker delivers steps `from` to, not including, `to`: each segment has its frames and then its seal. */
  deliver(worker: number, from: number, to: number): void {
    if (!this.#joined.has(worker)) this.join(worker, from);
    for (let step = from; step < to; step++) {
      const [segment, index] = [Math.floor(step / (FRAMES + 1)), step % (FRAMES + 1)];
      if (index === FRAMES) this.merge.sealed(worker, segment, FRAMES);
      else this.merge.frame(worker, frameOf(segment, index));
    }
  }
}

/** Everything of segments `from` to, not including, `to`. */
function whole(from: number, to: number): string[] {
  const words: string[] = [];
  for (let segment = from; segment < to; segment++) {
    for (let index = 0; index < FRAMES; index++) words.push(`${segment}.${index}`);
    words.push(`${segment}]${FRAMES}`);
  }
  return words;
}

const SEGMENT = FRAMES + 1;

describe("a merged rung", () => {
  test("of one worker is what it delivers", () => {
    const outcome = new Outcome();
    outcome.deliver(1, 0, 3 * SEGMENT);
    expect(outcome.words).toEqual(whole(0, 3));
  });

  test("goes on with the other worker in the middle of a segment", () => {
    const outcome = new Outcome();
    outcome.deliver(1, 0, SEGMENT + 4);
    outcome.deliver(2, 0, SEGMENT + 2);
    outcome.merge.leave(1);
    outcome.deliver(2, SEGMENT + 2, 3 * SEGMENT);
    expect(outcome.words).toEqual(whole(0, 3));
  });

  test("waits for a worker that is behind one that joined later", () => {
    const outcome = new Outcome();
    outcome.deliver(1, 0, 3);
    outcome.deliver(2, SEGMENT, SEGMENT + 3);
    expect(outcome.words).toEqual(["0.0", "0.1", "0.2"]);
    outcome.deliver(1, 3, SEGMENT + 1);
    outcome.merge.leave(1);
    outcome.deliver(2, SEGMENT + 3, 2 * SEGMENT);
    expect(outcome.words).toEqual(whole(0, 2));
  });

  test("has a hole where nobody was, told once", () => {
    const outcome = new Outcome();
    outcome.deliver(1, 0, SEGMENT + 2);
    outcome.merge.leave(1);
    expect(outcome.words.at(-1)).toBe("1.2!");
    outcome.merge.missing(1, FRAMES);
    outcome.deliver(2, 2 * SEGMENT, 3 * SEGMENT);
    expect(outcome.words.slice(SEGMENT)).toEqual(["1.0", "1.1", "1.2!", `1]${FRAMES}`, ...whole(2, 3)]);
  });

  test("that never began lacks nothing", () => {
    const outcome = new Outcome();
    outcome.merge.missing(7, FRAMES);
    outcome.deliver(1, 8 * SEGMENT, 9 * SEGMENT);
    expect(outcome.words).toEqual(["7]0", ...whole(8, 9)]);
  });

  test("does not wait for ever for one that hangs", () => {
    const outcome = new Outcome();
    outcome.deliver(1, 0, 3);
    outcome.deliver(2, SEGMENT, 60 * SEGMENT);
    expect(outcome.words.slice(0, 4)).toEqual(["0.0", "0.1", "0.2", "0.3!"]);
    expect(outcome.words.slice(4)).toEqual(whole(1, 60));
  });
});

test("whatever two workers do, as long as one of them is always there, nothing is lost, repeated or out of order", () => {
  const turn = record({ first: boolean(), steps: integer({ min: 1, max: 9 }), dies: integer({ min: 0, max: 9 }) });
  assert(
    property(array(turn, { minLength: 1, maxLength: 60 }), boolean(), (turns, isLocked) => {
      const outcome = new Outcome(isLocked);
      let next = 2;
      const seats = [
        { worker: 0, at: 0 },
        { worker: 1, at: 0 },
      ];
      for (const { worker, at } of seats) outcome.join(worker, at);
      for (const { first, steps, dies } of turns) {
        const [seat, other] = (first ? [seats[0], seats[1]] : [seats[1], seats[0]]) as [
          (typeof seats)[0],
          (typeof seats)[0],
        ];
        outcome.deliver(seat.worker, seat.at, seat.at + steps);
        seat.at += steps;
        // The other one has what this one lacks, or is still on its way there: this one may die and be replaced from a later segment on.
        if (dies === 0 && other.at <= seat.at) {
          outcome.merge.leave(seat.worker);
          seat.worker = next++;
          seat.at = (Math.floor(Math.max(seat.at, other.at) / SEGMENT) + 1) * SEGMENT;
          outcome.join(seat.worker, seat.at);
        }
      }
      const end = (Math.floor(Math.max(...seats.map(({ at }) => at)) / SEGMENT) + 1) * SEGMENT;
      for (const { worker, at } of seats) outcome.deliver(worker, at, end);
      expect(outcome.words).toEqual(whole(0, end / SEGMENT));
    }),
    { numRuns: 500 },
  );
});

describe("a merged rung in locked coding", () => {
  /** Frames told, each with the worker it is of. */
  function open(): {
    merge: RungMerge;
    told: string[];
    deliver(worker: number, segment: number, from: number, to: number): void;
  } {
    const told: string[] = [];
    const nothing = (): void => undefined;
    const merge = new RungMerge(
      {
        frame: ({ segment, index, payload }) => told.push(`${segment}.${index} of ${payload[0]}`),
        sealed: nothing,
        lost: nothing,
      },
      true,
    );
    merge.join(1, 0);
    merge.join(2, 0);
    const deliver = (worker: number, segment: number, from: number, to: number): void => {
      for (let index = from; index < to; index++)
        merge.frame(worker, { ...frameOf(segment, index), payload: Uint8Array.of(worker) });
    };
    return { merge, told, deliver };
  }

  test("follows one worker through a segment, and goes on with the other where that one ends", () => {
    const { merge, told, deliver } = open();
    deliver(1, 0, 0, 2);
    deliver(2, 0, 0, 5);
    expect(told).toEqual(["0.0 of 1", "0.1 of 1"]);
    deliver(1, 0, 2, 3);
    expect(told.slice(2)).toEqual(["0.2 of 1"]);
    merge.leave(1);
    expect(told.slice(3)).toEqual(["0.3 of 2", "0.4 of 2"]);
  });

  test("follows whoever begins a segment first", () => {
    const { merge, told, deliver } = open();
    deliver(1, 0, 0, 2);
    merge.sealed(1, 0, 2);
    deliver(2, 0, 0, 2);
    merge.sealed(2, 0, 2);
    deliver(2, 1, 0, 2);
    deliver(1, 1, 0, 3);
    expect(told.slice(2)).toEqual(["1.0 of 2", "1.1 of 2"]);
  });

  test("leaves one that is late", () => {
    const { told, deliver } = open();
    deliver(1, 0, 0, 2);
    deliver(2, 0, 0, 10);
    expect(told).toEqual(["0.0 of 1", "0.1 of 1"]);
    deliver(2, 0, 10, 11);
    expect(told.slice(2)).toEqual(Array.from({ length: 9 }, (_, i) => `0.${i + 2} of 2`));
  });
});
