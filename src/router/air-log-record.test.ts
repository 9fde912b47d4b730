import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AIR_ENDS, AIR_REASONS, AIR_STRETCHES_MAX, AirLog, type AirSource, type AirStretch } from "./air-log.ts";
import { type AirRecord, formatAirRecord, parseAirRecord } from "./air-log-record.ts";

const RECORD: AirRecord = {
  stream: "main",
  timelineId: "0123456789abcdef",
  airtime: {
    stretches: [
      { fromMs: 1_795_000_000_000, source: { kind: "slate" }, why: "started" },
      {
        fromMs: 1_795_000_001_500,
        source: { kind: "encoder", session: 1, role: "primary", address: "192.0.2.1", protocol: "rtmp", encoder: null },
        why: "started",
      },
      { fromMs: 1_795_000_001_500, source: { kind: "held" }, why: "restarted" },
    ],
    forgotten: 2,
    untilMs: 1_795_000_009_000,
    endedWhy: null,
  },
};

const read = (value: unknown): AirRecord | undefined => parseAirRecord("main", JSON.stringify(value));

const sources: fc.Arbitrary<AirSource> = fc.oneof(
  fc.constantFrom<AirSource>({ kind: "slate" }, { kind: "held" }),
  fc.record({
    kind: fc.constant("encoder" as const),
    session: fc.integer({ min: 1, max: 100_000 }),
    role: fc.constantFrom("primary" as const, "backup" as const),
    address: fc.string({ unit: "binary" }),
    protocol: fc.string(),
    encoder: fc.option(fc.string({ unit: "binary", maxLength: 200 })),
  }),
);

/** Distances between stretches, milliseconds, and what they are. */
const steps = fc.array(fc.tuple(fc.nat({ max: 10_000_000 }), sources, fc.constantFrom(...AIR_REASONS)), {
  minLength: 1,
  maxLength: AIR_STRETCHES_MAX,
});

const records: fc.Arbitrary<AirRecord> = fc
  .tuple(steps, fc.nat(), fc.nat(), fc.option(fc.constantFrom(...AIR_ENDS)))
  .map(([parts, forgotten, lastingMs, endedWhy]) => {
    const stretches: AirStretch[] = [];
    let fromMs = 1_795_000_000_000;
    for (const [stepMs, source, why] of parts) stretches.push({ fromMs: (fromMs += stepMs), source, why });
    return { ...RECORD, airtime: { stretches, forgotten, untilMs: fromMs + lastingMs, endedWhy } };
  });

describe("a stored time line", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(records, (record) => expect(parseAirRecord("main", formatAirRecord(record))).toEqual(record)),
    );
  });

  test("that is cut short is none", () => {
    const text = formatAirRecord(RECORD);
    for (let length = 0; length < text.length; length++)
      expect(parseAirRecord("main", text.slice(0, length))).toBeUndefined();
  });

  test("of random bytes, or with some of its bytes changed, is none or one that a broadcast can go on with", () => {
    const whole = new TextEncoder().encode(formatAirRecord(RECORD));
    const spoilt = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.uint8Array({ maxLength: 4 })).map(([at, bytes]) => {
      const copy = whole.slice();
      copy.set(bytes.subarray(0, copy.length - at), at);
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), spoilt), (bytes) => {
        const record = parseAirRecord("main", new TextDecoder().decode(bytes));
        if (record !== undefined) expectUsable(record);
      }),
      { numRuns: 2000 },
    );
  });

  test("with any field gone or of another kind is none, or one that a broadcast can go on with", () => {
    const whole = JSON.parse(formatAirRecord(RECORD)) as Record<string, unknown>;
    const paths = [
      ...Object.keys(whole).map((key) => [key]),
      ...["fromMs", "source", "why"].map((key) => ["stretches", "1", key]),
      ...["kind", "session", "role", "address", "protocol", "encoder"].map((key) => ["stretches", "1", "source", key]),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.oneof(fc.jsonValue(), fc.constant(undefined)), (path, value) => {
        const copy = structuredClone(whole);
        let at: Record<string, unknown> = copy;
        for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
        at[path.at(-1) ?? ""] = value;
        const record = read(copy);
        if (record !== undefined) expectUsable(record);
      }),
      { numRuns: 2000 },
    );
  });

  test("of another version, without a stretch, or with times that go back is none", () => {
    const whole = JSON.parse(formatAirRecord(RECORD)) as Record<string, unknown>;
    const [slate, encoder] = RECORD.airtime.stretches;
    const spoilt: Record<string, unknown>[] = [
      { version: 0 },
      { version: 2 },
      { timelineId: "0123456789ABCDEF" },
      { stretches: [] },
      { stretches: [encoder, slate] },
      { stretches: [{ ...slate, fromMs: 1.5 }] },
      { stretches: [{ ...slate, why: "boredom" }] },
      { untilMs: 1_795_000_001_499 },
      { untilMs: 1e300 },
      { forgotten: -1 },
      { endedWhy: "boredom" },
    ];
    expect(read(whole)).toEqual(RECORD);
    for (const change of spoilt) expect(read({ ...whole, ...change })).toBeUndefined();
  });

  test("that is longer than one is now keeps its newest stretches", () => {
    const stretches = Array.from({ length: AIR_STRETCHES_MAX + 7 }, (_, fromMs) => ({
      fromMs,
      source: { kind: "held" },
    }));
    const told = { stretches: stretches.map((one) => ({ ...one, why: "lost" })), untilMs: 5000, endedWhy: "removed" };
    const { airtime } = read({ version: 1, timelineId: RECORD.timelineId, forgotten: 3, ...told }) ?? {};
    expect(airtime).toMatchObject({ forgotten: 10, untilMs: 5000, endedWhy: "removed" });
    expect([airtime?.stretches.length, airtime?.stretches[0]?.fromMs]).toEqual([AIR_STRETCHES_MAX, 7]);
  });
});

/** A broadcast goes on with it, and what it stores then can be read again. */
function expectUsable(record: AirRecord): void {
  const { untilMs } = record.airtime;
  const log = new AirLog({ nowMs: 5000, wallMs: 1_795_000_010_000, before: record.airtime });
  log.slate("restarted", 6000);
  const airtime = log.airtime(7000);
  const times = airtime.stretches.map(({ fromMs }) => fromMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(airtime.stretches.at(-2)).toEqual({ fromMs: untilMs, source: { kind: "held" }, why: "restarted" });
  if (untilMs < 8e15) expect(parseAirRecord("main", formatAirRecord({ ...record, airtime }))?.airtime).toEqual(airtime);
}
