import { AssertionFailed, Fault } from "#faults/fault.ts";
import { Metrics } from "#observe/metrics.ts";
import type { Observer } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { openLog } from "./log.ts";
import { ALIVE_INTERVAL_MS, isStartMessage, type NodeMessage, type StartMessage } from "./process-messages.ts";
import { type RunningNode, startNode } from "./start-node.ts";

/** How long a stop may take before connections are cut, milliseconds. */
const STOP_DEADLINE_MS = 10_000;
/** Unexplained errors in a row, each within a minute of the last, that a process survives; then it starts afresh. */
const UNEXPLAINED_ERRORS_MAX = 5;
const UNEXPLAINED_WINDOW_MS = 60_000;

function tell(message: NodeMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Errors that nobody caught. An operating error (a socket that broke where nobody listened) is logged and counted. A failed assertion is a bug of a smaller
 * scope that should have ended there: it is logged with its stack, and so is anything else. When they come one after the other the process ends, and the
 * supervisor starts a sound one.
 */
function catchStrays(observer: Observer, metrics: Metrics): void {
  const strays = metrics.counter("grandstand_uncaught_errors_total", "Errors that nobody caught: bugs.");
  let count = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  const onStray = (error: unknown): void => {
    strays.add();
    if (error instanceof Fault) {
      observer.event("warn", "node.fault", { code: error.code, hint: error.hint }, error.message);
      return;
    }
    const nowMs = systemClock.nowMs();
    count = nowMs - lastMs < UNEXPLAINED_WINDOW_MS ? count + 1 : 1;
    lastMs = nowMs;
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const kind = error instanceof AssertionFailed ? "assertion" : "unexplained";
    observer.event("error", "node.bug", { kind, count, stack }, "a bug: please report it with these lines");
    if (count >= UNEXPLAINED_ERRORS_MAX) process.exit(70);
  };
  process.on("uncaughtException", onStray);
  process.on("unhandledRejection", onStray);
}

async function run({ config, restarts }: StartMessage): Promise<void> {
  const metrics = new Metrics();
  const { logFormat, logLevel } = config;
  const observer = openLog({ format: logFormat, level: logLevel, output: process.stdout, clock: systemClock, metrics });
  // A reader of our log that went away is no reason to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const starting = startNode({ config, clock: systemClock, observer, metrics, restarts });
  // A node that is told to stop while it starts stops as soon as it can: it has ports and a data folder to give back.
  const stop = async (): Promise<void> => {
    // A start that failed is told below.
    const running = await starting.catch(() => undefined);
    await running?.close({ deadlineMs: STOP_DEADLINE_MS });
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop());
  let node: RunningNode;
  try {
    node = await starting;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { code, message, hint } = error;
    tell({ type: "fault", code, message, ...(hint === undefined ? {} : { hint }) });
    process.exit(1);
  }
  catchStrays(observer, metrics);
  void node.closed.then((error) => {
    if (error === null) return;
    observer.event(
      "error",
      "node.failed",
      { error: error.message },
      "a part of the node ended; the node starts afresh",
    );
    process.exit(70);
  });
  tell({ type: "listening", banner: await node.banner() });
  setInterval(() => tell({ type: "alive" }), ALIVE_INTERVAL_MS);
}

/** Runs one node below a supervisor: waits for its start message, ends when the supervisor is gone. */
export function runNodeProcess(): void {
  // A terminal's Ctrl-C is the supervisor's business; so is the hang-up of a terminal.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  // Without the supervisor nobody would restart or stop this process, and it would hold the ports.
  process.on("disconnect", () => process.exit(0));
  process.once("message", (message) => {
    if (isStartMessage(message)) void run(message);
  });
}
