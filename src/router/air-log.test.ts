import { describe, expect, test } from "bun:test";
import { AIR_STRETCHES_MAX, AirLog, type AirSource, type Airtime } from "./air-log.ts";

const NOON = 1_800_000_000_000;

const session = (id: number) =>
  ({ session: id, role: "primary", address: `192.0.2.${id}`, protocol: "rtmp", encoder: null }) as const;

const nameOf = (source: AirSource): string | number => (source.kind === "encoder" ? source.session : source.kind);

/** What a log says, times since it began. */
function told(log: AirLog, nowMs = 0): unknown[] {
  return log.airtime(nowMs).stretches.map(({ fromMs, source, why }) => [fromMs - NOON, nameOf(source), why]);
}

const begun = (): AirLog => new AirLog({ nowMs: 5000, wallMs: NOON });

describe("the log of who was on air", () => {
  test("tells each change once, with its reason and the wall clock's time", () => {
    const log = begun();
    log.encoder(session(1), "back", 5100);
    log.encoder(session(1), "silent", 5200);
    log.encoder(session(2), "silent", 9000);
    log.held("lost", 12_000);
    log.held("silent", 12_500);
    log.slate("lost", 13_000);
    log.slate("lost", 13_500);
    log.encoder(session(3), "lost", 20_000);
    expect(told(log)).toEqual([
      [100, 1, "started"],
      [4000, 2, "silent"],
      [7000, "held", "lost"],
      [8000, "slate", "lost"],
      [15_000, 3, "lost"],
    ]);
    expect(log.airtime(25_000)).toMatchObject({ untilMs: NOON + 20_000, forgotten: 0, endedWhy: null });
    expect(log.airtime(0).stretches[1]?.source).toEqual({ kind: "encoder", ...session(2) });
  });

  test("says that an encoder is back where nobody else was on air meanwhile", () => {
    const log = begun();
    log.encoder(session(1), "started", 5000);
    log.held("silent", 6000);
    log.encoder(session(1), "silent", 7000);
    log.encoder(session(2), "by-hand", 8000);
    log.encoder(session(1), "by-hand", 9000);
    expect(told(log).map((stretch) => (stretch as unknown[])[2])).toEqual([
      "started",
      "silent",
      "back",
      "by-hand",
      "by-hand",
    ]);
  });

  test("calls the first encoder's picture the start, also after a prepared picture", () => {
    const log = begun();
    log.slate("started", 5000);
    log.encoder(session(1), "back", 6000);
    expect(told(log)).toEqual([
      [0, "slate", "started"],
      [1000, 1, "started"],
    ]);
  });

  test("never goes back in time, whatever order things are told in", () => {
    const log = begun();
    log.encoder(session(1), "started", 8000);
    log.held("silent", 7000);
    log.encoder(session(1), "back", 8500);
    expect(told(log).map((stretch) => (stretch as unknown[])[0])).toEqual([3000, 3000, 3500]);
    expect(log.airtime(100).untilMs).toBe(NOON + 3500);
  });

  test("knows a bounded number of stretches and how many it forgot", () => {
    const log = begun();
    const changes = AIR_STRETCHES_MAX + 7;
    for (let i = 0; i < changes; i++) log.encoder(session(i), "by-hand", 5000 + i);
    const { stretches, forgotten } = log.airtime(9000);
    expect(stretches.length).toBe(AIR_STRETCHES_MAX);
    expect(forgotten).toBe(7);
    expect(stretches[0]).toMatchObject({ fromMs: NOON + 7, source: { session: 7 } });
    expect(stretches.at(-1)).toMatchObject({ source: { session: changes - 1 } });
  });

  test("stops with the broadcast", () => {
    const log = begun();
    log.encoder(session(1), "started", 5000);
    log.ended("grace-over", 9000);
    log.ended("removed", 9500);
    log.held("lost", 9600);
    expect(told(log)).toEqual([[0, 1, "started"]]);
    expect(log.airtime(60_000)).toMatchObject({ untilMs: NOON + 4000, endedWhy: "grace-over" });
  });

  test("gives what later changes leave alone", () => {
    const log = begun();
    log.encoder(session(1), "started", 5000);
    const before = log.airtime(5500);
    log.slate("lost", 6000);
    expect(before.stretches.length).toBe(1);
  });
});

describe("the log of a broadcast that goes on in another process", () => {
  const before = (): Airtime => {
    const log = begun();
    log.encoder(session(1), "started", 5000);
    log.encoder(session(4), "silent", 6000);
    log.encoder(session(2), "lost", 7000);
    return log.airtime(8000);
  };

  test("keeps what was before, and says that the picture was held until the next one came", () => {
    const log = new AirLog({ nowMs: 100, wallMs: NOON + 9000, before: before() });
    expect([log.sessionMax, log.hadEncoder, log.changes]).toEqual([4, true, 0]);
    log.encoder(session(5), "back", 1100);
    expect(told(log)).toEqual([
      [0, 1, "started"],
      [1000, 4, "silent"],
      [2000, 2, "lost"],
      [3000, "held", "restarted"],
      [10_000, 5, "back"],
    ]);
    expect(log.changes).toBe(1);
    expect(log.airtime(2100)).toMatchObject({ untilMs: NOON + 11_000, forgotten: 0, endedWhy: null });
  });

  test("says why there is a slate at first, and never goes back in time when the wall clock was set back", () => {
    const log = new AirLog({ nowMs: 100, wallMs: NOON - 3_600_000, before: before() });
    log.slate("started", 600);
    expect(told(log).slice(-2)).toEqual([
      [3000, "held", "restarted"],
      [3500, "slate", "restarted"],
    ]);
  });

  test("calls the first encoder's picture the start where there was only a slate before", () => {
    const slate = begun();
    slate.slate("started", 5000);
    const log = new AirLog({ nowMs: 0, wallMs: NOON + 5000, before: slate.airtime(7000) });
    expect([log.sessionMax, log.hadEncoder]).toEqual([0, false]);
    log.encoder(session(1), "back", 1000);
    expect(told(log).at(-1)).toEqual([6000, 1, "started"]);
  });

  test("is bounded as any other", () => {
    const long = begun();
    for (let i = 1; i <= AIR_STRETCHES_MAX + 2; i++) long.encoder(session(i), "by-hand", 5000 + i);
    const log = new AirLog({ nowMs: 0, wallMs: NOON + 5000, before: long.airtime(9000) });
    expect(log.airtime(0).stretches.length).toBe(AIR_STRETCHES_MAX);
    expect(log.airtime(0).forgotten).toBe(3);
  });
});
