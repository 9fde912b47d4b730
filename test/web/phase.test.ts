import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Phase, type PhaseEvent, step, wantsMedia, wantsStatus } from "#web/player/phase.ts";
import { delayText, stageWords } from "#web/player/words.ts";

const PHASES: readonly Phase[] = [
  "before",
  "starting",
  "playing",
  "reconnecting",
  "over",
  "full",
  "missing",
  "offline",
];
const simple = (type: Exclude<PhaseEvent["type"], "status">): PhaseEvent => ({ type });
const status = (state: "live" | "interrupted" | "offline", hasEnded = false): PhaseEvent => ({
  type: "status",
  state,
  hasEnded,
});
const EVENTS: readonly PhaseEvent[] = [
  ...(["playing", "stalled", "ended", "full", "missing", "unreachable", "retry"] as const).map(simple),
  status("live"),
  status("interrupted"),
  status("offline"),
  status("offline", true),
];

const through = (first: Phase, ...events: PhaseEvent[]): Phase => events.reduce(step, first);

describe("a viewer", () => {
  test("who waits sees the start, the picture, the end and the return", () => {
    const playing = through("before", status("offline"), status("live"), simple("playing"));
    expect(playing).toBe("playing");
    const over = through(playing, status("offline", true), simple("stalled"), status("offline", true));
    expect(over).toBe("over");
    expect(through(over, status("live"), simple("playing"))).toBe("playing");
  });

  test("keeps the picture through an interruption and a restart of the server", () => {
    expect(through("playing", status("interrupted"))).toBe("playing");
    expect(through("playing", simple("stalled"), status("interrupted"), simple("playing"))).toBe("playing");
    expect(through("playing", simple("stalled"), simple("unreachable"), status("live"), simple("playing"))).toBe(
      "playing",
    );
  });

  test("sees what was sent before the end", () => {
    expect(through("playing", status("offline", true))).toBe("playing");
    expect(through("playing", status("offline", true), simple("ended"))).toBe("over");
  });

  test("who finds no seat is let in later", () => {
    expect(through("starting", simple("full"), simple("retry"), simple("playing"))).toBe("playing");
  });
});

test("from every phase a live stream leads to a picture, and an ended one to the end", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 12 }), (events) => {
      const anywhere = through("before", ...events);
      expect(PHASES).toContain(anywhere);
      expect(through(anywhere, simple("retry"), status("live"), simple("playing"))).toBe("playing");
      expect(through(anywhere, simple("stalled"), status("offline", true))).toBe("over");
    }),
  );
});

test("every phase has a picture or words, and asks the server unless the picture moves", () => {
  const stream = {
    name: "s",
    title: "",
    state: "offline",
    startsSoon: false,
    sinceMs: null,
    endedMs: null,
    width: null,
    height: null,
  } as const;
  for (const phase of PHASES) {
    const hasPicture = phase === "playing" || phase === "reconnecting";
    expect([phase, stageWords(phase, stream) === undefined]).toEqual([phase, hasPicture]);
    expect(wantsStatus(phase)).toBe(phase !== "playing");
    expect(wantsMedia(phase)).toBe(hasPicture || phase === "starting" || phase === "offline");
  }
});

test("delays have a unit and as many digits as they deserve", () => {
  expect([0, 1840, 9940, 9960, 61_400, -5].map(delayText)).toEqual([
    "0.0 s",
    "1.8 s",
    "9.9 s",
    "10 s",
    "1 min 1 s",
    "0.0 s",
  ]);
});
