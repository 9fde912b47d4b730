import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import { guardCheckpoints } from "./guarded-checkpoints.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-checkpoints-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const checkpoint: GateCheckpoint = {
  timelineId: "0123456789abcdef",
  savedWallMs: 2,
  startedWallMs: 1,
  ended: false,
  segment: 42,
  cutMicros: 1_000_000,
  discontinuitySequence: 0,
  originMicros: 1_000_000,
  periodStartMicros: 1_000_000,
  plan: { durationMicros: 2_000_000, targetSeconds: 2 },
  partTargetMicros: 500_000,
  windowMicros: 60_000_000,
  tracks: [],
  gops: [],
};

test("a store that cannot write costs one log line, never the stream, and is used again when it can", async () => {
  const path = join(folder, "grandstand.db");
  const store = openSqliteStore(path);
  const observer = new RecordingObserver();
  const clock = new SimulatedClock();
  const metrics = new Metrics();
  const checkpoints = guardCheckpoints({ table: store.checkpoints, clock, observer, metrics });
  expect(checkpoints.load("main")).toBeUndefined();
  checkpoints.save("main", checkpoint);
  expect(checkpoints.load("main")?.segment).toBe(42);

  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  checkpoints.save("main", { ...checkpoint, segment: 43 });
  checkpoints.save("main", { ...checkpoint, segment: 44 });
  checkpoints.remove("side");
  expect(observer.named("store.checkpoint.failed")).toHaveLength(1);
  expect(observer.named("store.checkpoint.failed")[0]?.message).toBe(
    `the database ${path} is locked by another program; the stream goes on`,
  );
  expect(metrics.render()).toContain("grandstand_checkpoint_failures_total 3");
  await clock.advance(60_000);
  checkpoints.save("main", { ...checkpoint, segment: 45 });
  expect(observer.named("store.checkpoint.failed")).toHaveLength(2);
  other.exec("ROLLBACK");
  other.close();

  checkpoints.save("main", { ...checkpoint, segment: 46 });
  expect(checkpoints.load("main")?.segment).toBe(46);
  expect(observer.named("store.checkpoint.recovered")).toHaveLength(1);
  store.close();
});

test("a checkpoint that cannot be read counts as none", () => {
  const store = openSqliteStore(join(folder, "unreadable.db"));
  const around = { clock: new SimulatedClock(), observer: new RecordingObserver(), metrics: new Metrics() };
  const checkpoints = guardCheckpoints({ table: store.checkpoints, ...around });
  for (const body of ["", "null", "{}", "[1]", "no JSON", '{"version":99}']) {
    store.checkpoints.save("main", body);
    expect(checkpoints.load("main")).toBeUndefined();
  }
  store.close();
});
