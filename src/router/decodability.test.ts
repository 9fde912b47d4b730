import { expect, test } from "bun:test";
import { Decodability } from "./decodability.ts";

const INTACT = { verdict: "intact", why: "" } as const;
const UNKNOWN = { verdict: "unknown", why: "it needs pictures from before it" } as const;
const DAMAGED = { verdict: "damaged", why: "noise" } as const;

function after(...judgements: readonly (typeof INTACT | typeof UNKNOWN | typeof DAMAGED)[]): Decodability {
  const made = new Decodability();
  for (const judgement of judgements) made.judged(judgement);
  return made;
}

test("two damaged keyframes in a row after an intact one are a problem", () => {
  expect(after(INTACT, DAMAGED).problem).toBeUndefined();
  expect(after(INTACT, DAMAGED, DAMAGED).problem).toBe("noise");
  expect(after(INTACT, DAMAGED, INTACT, DAMAGED).problem).toBeUndefined();
  // What was not decoded neither helps nor harms.
  expect(after(INTACT, DAMAGED, UNKNOWN, DAMAGED).problem).toBe("noise");
});

test("without an intact keyframe before, damaged ones say nothing", () => {
  expect(after(DAMAGED, DAMAGED, DAMAGED).problem).toBeUndefined();
  expect(after(DAMAGED, UNKNOWN, DAMAGED, INTACT, DAMAGED).problem).toBeUndefined();
});

test("one intact keyframe ends it, and two damaged ones bring it back", () => {
  const made = after(INTACT, DAMAGED, DAMAGED, DAMAGED, INTACT);
  expect(made.problem).toBeUndefined();
  made.judged(DAMAGED);
  expect(made.problem).toBeUndefined();
  made.judged(DAMAGED);
  expect(made.problem).toBe("noise");
});

test("a keyframe is tried every two seconds, while there is a problem", () => {
  const made = after(INTACT);
  expect(made.tries(1000)).toBe(false);
  made.judged(DAMAGED);
  made.judged(DAMAGED);
  expect([1000, 1500, 2999, 3000, 4000, 5000].map((nowMs) => made.tries(nowMs))).toEqual([
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  made.judged(INTACT);
  expect(made.tries(20_000)).toBe(false);
});

test("one that carries what another one carries follows it", () => {
  const [known, late] = [after(INTACT, DAMAGED, DAMAGED), after(DAMAGED)];
  late.follow(known);
  expect(late.problem).toBe("noise");
  late.judged(INTACT);
  expect(late.problem).toBeUndefined();
});
