import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { type AirRecord, formatAirRecord } from "#router/air-log-record.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { guardAirtimes } from "./guarded-airtimes.ts";
import { guardCheckpoints } from "./guarded-checkpoints.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-airtimes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recordOf = (stream: string, untilMs = 2000): AirRecord => ({
  stream,
  timelineId: "0123456789abcdef",
  airtime: {
    stretches: [{ fromMs: 1000, source: { kind: "slate" }, why: "started" }],
    forgotten: 0,
    untilMs,
    endedWhy: null,
  },
});

test("a store that cannot write time lines costs one log line, says so to the router, and is used again when it can", async () => {
  const path = join(folder, "grandstand.db");
  const store = openSqliteStore(path);
  const around = { clock: new SimulatedClock(), observer: new RecordingObserver(), metrics: new Metrics() };
  const airtimes = guardAirtimes({ table: store.airtimes, ...around });
  const checkpoints = guardCheckpoints({ table: store.checkpoints, ...around });
  expect(airtimes.list()).toEqual([]);
  expect(airtimes.save(recordOf("main"))).toBe(true);

  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  expect([airtimes.save(recordOf("main", 3000)), airtimes.save(recordOf("side"))]).toEqual([false, false]);
  airtimes.remove("main");
  const [failed, ...more] = around.observer.named("store.airtime.failed");
  expect(failed?.message).toBe(`the database ${path} is locked by another program; the stream goes on`);
  expect(failed?.fields).toMatchObject({ stream: "main", code: "STORE_FAILED" });
  expect(more).toEqual([]);
  expect(around.metrics.render()).toContain("grandstand_airtime_failures_total 3");
  checkpoints.remove("main");
  expect(around.observer.named("store.checkpoint.failed")).toHaveLength(1);
  other.exec("ROLLBACK");
  other.close();

  expect(airtimes.save(recordOf("side", 5000))).toBe(true);
  expect(around.observer.named("store.airtime.recovered")).toHaveLength(1);
  expect(airtimes.list()).toEqual([recordOf("main"), recordOf("side", 5000)]);
  store.close();
});

test("a time line that cannot be read is forgotten with one log line, the others are not", () => {
  const store = openSqliteStore(join(folder, "unreadable.db"));
  const observer = new RecordingObserver();
  const around = { clock: new SimulatedClock(), observer, metrics: new Metrics() };
  const airtimes = guardAirtimes({ table: store.airtimes, ...around });
  const damaged = ["", "null", "[1]", "no JSON", '{"version":99}', formatAirRecord(recordOf("x")).slice(0, -1)];
  for (const [i, body] of damaged.entries()) store.airtimes.save(`s${i}`, body);
  airtimes.save(recordOf("main"));
  expect(airtimes.list()).toEqual([recordOf("main")]);
  expect(observer.named("store.airtime.unreadable").map(({ fields }) => fields["stream"])).toEqual(
    damaged.map((_, i) => `s${i}`),
  );
  expect(store.airtimes.list().map(({ stream }) => stream)).toEqual(["main"]);
  expect(airtimes.list()).toEqual([recordOf("main")]);
  expect(observer.named("store.airtime.unreadable")).toHaveLength(damaged.length);
  store.close();
});
