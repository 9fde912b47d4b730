import { describe, expect, test } from "bun:test";
import { Metrics } from "#observe/metrics.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { LOG_BACKLOG_BYTES_MAX, LOG_LINES_PER_SECOND_MAX, openLog } from "./log.ts";

function setUp(format: "pretty" | "json", level: "debug" | "info" | "warn" = "info") {
  const lines: string[] = [];
  const output = { write: (line: string) => lines.push(line), writableLength: 0 };
  const clock = new SimulatedClock();
  const metrics = new Metrics();
  return { lines, output, clock, metrics, log: openLog({ format, level, output, clock, metrics }) };
}

describe("the log", () => {
  test("prints an event as one line of JSON with its fields", () => {
    const { log, lines } = setUp("json");
    log.event("info", "stream.started", { stream: "main", width: 1920, missing: undefined }, "main is on air");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: "2026-01-01T00:00:00.000Z",
      event: "stream.started",
      stream: "main",
      width: 1920,
      message: "main is on air",
    });
  });

  test("prints an event for people, without colours where there is no terminal", () => {
    const { log, lines } = setUp("pretty");
    log.event("warn", "ingest.refused", { address: "192.0.2.1", encoder: 'a "strange"\none' }, "wrong key");
    expect(lines).toEqual([
      '00:00:00.000 warn  ingest.refused · wrong key address=192.0.2.1 encoder="a \\"strange\\"\\none"\n',
    ]);
  });

  test("leaves out what is less important than its level, and counts it all the same", () => {
    const { log, lines, metrics } = setUp("json", "warn");
    log.event("info", "a.b", {});
    log.event("error", "c.d", {});
    expect(lines).toHaveLength(1);
    expect(metrics.render()).toContain('grandstand_events_total{event="a.b",level="info"} 1');
  });

  test("prints a flood of one event only in part, and says how much it left out", async () => {
    const { log, lines, clock } = setUp("json");
    for (let i = 0; i < 500; i++) log.event("warn", "flood", { i });
    log.event("info", "other", {});
    expect(lines).toHaveLength(LOG_LINES_PER_SECOND_MAX + 1);
    await clock.advance(1000);
    log.event("warn", "flood", { i: 500 });
    const told = lines.slice(-2).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told[0]).toMatchObject({ event: "flood", suppressedCount: 500 - LOG_LINES_PER_SECOND_MAX });
    expect(told[1]).toMatchObject({ event: "flood", i: 500 });
  });

  test("drops lines that nobody reads instead of keeping them", () => {
    const { log, lines, output, metrics } = setUp("json");
    output.writableLength = LOG_BACKLOG_BYTES_MAX + 1;
    log.event("info", "a.b", {});
    expect(lines).toEqual([]);
    expect(metrics.render()).toContain("grandstand_log_lines_dropped_total 1");
  });
});
