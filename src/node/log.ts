import pino from "pino";
import type { EventFields, EventLevel, Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import { prettyLine } from "./pretty-line.ts";

/** Bytes of log lines that wait for a slow reader; further lines are dropped and counted. */
export const LOG_BACKLOG_BYTES_MAX = 1_048_576;
/** Lines of one event name in one second; further ones are counted and told in one line. */
export const LOG_LINES_PER_SECOND_MAX = 20;

/** Where log lines go; `process.stdout` is one. */
export interface LogOutput {
  write(line: string): unknown;
  readonly writableLength: number;
  readonly isTTY?: boolean;
}

/** How events are printed. */
export interface LogOptions {
  readonly format: "pretty" | "json";
  readonly level: EventLevel;
  readonly output: LogOutput;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

interface Budget {
  second: number;
  lines: number;
  suppressed: number;
}

/**
 * Prints declared events through pino and counts them in `grandstand_events_total`. A reader that does not read, and an event that comes in floods, cost lines,
 * never time or memory: media is more important than its log.
 */
export function openLog(options: LogOptions): Observer {
  const { format, level, output, clock, metrics } = options;
  const dropped = metrics.counter("grandstand_log_lines_dropped_total", "Log lines dropped because nobody read them.");
  const colours = output.isTTY === true && format === "pretty";
  const sink = {
    write(line: string): void {
      if (output.writableLength > LOG_BACKLOG_BYTES_MAX) dropped.add();
      else output.write(format === "json" ? line : prettyLine(line, colours));
    },
  };
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  const budgets = new Map<string, Budget>();
  const isWithinBudget = (eventLevel: EventLevel, name: string): boolean => {
    const second = Math.floor(clock.nowMs() / 1000);
    let budget = budgets.get(name);
    if (budget === undefined) {
      budget = { second, lines: 0, suppressed: 0 };
      budgets.set(name, budget);
    }
    if (budget.second !== second) {
      if (budget.suppressed > 0)
        logger[eventLevel]({ event: name, suppressedCount: budget.suppressed }, "more of the same was not printed");
      budget.second = second;
      budget.lines = 0;
      budget.suppressed = 0;
    }
    if (budget.lines >= LOG_LINES_PER_SECOND_MAX) {
      budget.suppressed++;
      return false;
    }
    budget.lines++;
    return true;
  };
  return {
    event(eventLevel: EventLevel, name: string, fields: EventFields, message?: string): void {
      metrics.counter("grandstand_events_total", "Declared events by name.", { event: name, level: eventLevel }).add();
      if (!logger.isLevelEnabled(eventLevel) || !isWithinBudget(eventLevel, name)) return;
      if (message === undefined) logger[eventLevel]({ event: name, ...fields });
      else logger[eventLevel]({ event: name, ...fields }, message);
    },
  };
}
