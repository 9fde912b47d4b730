import { constants } from "node:os";
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { Config } from "./config-schema.ts";
import { type ChildEnd, NodeChild } from "./node-child.ts";
import { ALIVE_INTERVAL_MS, type BannerFacts, type NodeMessage } from "./process-messages.ts";
import { nextRestart, type RestartHistory } from "./restart-plan.ts";

/** Milliseconds without a sign of life, while the supervisor itself is awake, after which a node process counts as stuck and is killed. */
const SILENCE_MS_MAX = 15_000;
/** A node that is told to stop is killed after this long, milliseconds. */
const STOP_MS_MAX = 20_000;
/** Ctrl-C reaches a process group and is forwarded by npm and the start script as well: echoes within this time count as one, milliseconds. */
const SIGNAL_ECHO_MS = 500;
/** When the spare process is loaded, after the node began to listen: not while players and encoders come back, milliseconds. */
const SPARE_AFTER_MS = 1500;

/** What the supervisor needs. */
export interface SupervisorOptions {
  readonly config: Config;
  /** Command of the node process: the runtime and its arguments. */
  readonly command: readonly string[];
  readonly clock: Clock;
  readonly observer: Observer;
  /** The first start succeeded. Called once. */
  onListening(banner: BannerFacts): void;
}

/** How a supervised run ended: the exit code of this process, and the fault when it never came up. */
export interface SupervisedEnd {
  readonly code: number;
  readonly fault?: Fault;
}

/**
 * Keeps one node process running.
 *
 *   start ──▶ running ──crash──▶ wait (0 ms at first, longer when it crashes again and again) ──▶ start
 *                │
 *                └─ SIGINT, SIGTERM ─▶ draining ──▶ exit 0;   a second signal, or 20 s ─▶ killed
 *
 * Beside the node a spare process waits with everything loaded, so that a restart costs opening ports and not reading a program.
 * A node that cannot even start the first time (port in use, damaged database) is not tried again: its fault is the answer.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  #child: NodeChild | undefined;
  #spare: NodeChild | undefined;
  #spareTimer: ReturnType<typeof setTimeout> | undefined;
  #wasListening = false;
  #fault: Fault | undefined;
  #silentTicks = 0;
  #signalledAtMs: number | undefined;
  #restarts = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Runs until it is told to stop or the first start fails. Handles this process's signals meanwhile. */
  async run(): Promise<SupervisedEnd> {
    const { clock, observer } = this.#options;
    const onSignal = (signal: NodeJS.Signals): void => this.signal(signal);
    const onOrphaned = (): void => this.signal("SIGTERM");
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
    process.on("disconnect", onOrphaned);
    try {
      let history: RestartHistory = { crashes: 0 };
      for (;;) {
        const startedMs = clock.nowMs();
        const { code, signal } = await this.#runOnce();
        if (this.#stop.signal.aborted) return { code: 0 };
        if (!this.#wasListening) return this.#failedStart(code, signal);
        const plan = nextRestart(history, clock.nowMs() - startedMs);
        history = plan.history;
        this.#restarts++;
        observer.event(
          "error",
          "node.crashed",
          { code, signal, crashes: history.crashes, restartInMs: plan.delayMs, fault: this.#fault?.code },
          this.#fault?.message ?? "the node process ended unexpectedly and is started again",
        );
        try {
          await clock.sleep(plan.delayMs, this.#stop.signal);
        } catch {
          return { code: 0 };
        }
      }
    } finally {
      clearTimeout(this.#spareTimer);
      this.#spare?.kill("SIGKILL");
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onSignal);
      process.off("disconnect", onOrphaned);
    }
  }

  #failedStart(code: number | null, signal: NodeJS.Signals | null): SupervisedEnd {
    const how = signal === null ? `exit code ${code}` : signal;
    const unexplained = new Fault("NODE_CRASHED", `the node process ended while starting (${how})`, {
      hint: "See the lines above; run again with --log-level debug.",
    });
    return { code: 1, fault: this.#fault ?? unexplained };
  }

  /** First: drain and end. Again, after the echoes of the first: end now. */
  signal(signal: NodeJS.Signals): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#signalledAtMs === undefined) {
      this.#signalledAtMs = nowMs;
      this.#stop.abort();
      this.#child?.kill("SIGTERM");
      const deadline = setTimeout(() => this.#child?.kill("SIGKILL"), STOP_MS_MAX);
      deadline.unref();
    } else if (nowMs - this.#signalledAtMs > SIGNAL_ECHO_MS) {
      this.#child?.kill("SIGKILL");
      if (this.#child === undefined) process.exit(128 + constants.signals[signal]);
    }
  }

  async #runOnce(): Promise<ChildEnd> {
    this.#fault = undefined;
    this.#silentTicks = 0;
    clearTimeout(this.#spareTimer);
    const { config, command } = this.#options;
    const child = this.#spare === undefined || this.#spare.ended ? new NodeChild(command) : this.#spare;
    this.#spare = undefined;
    this.#child = child;
    child.onMessage = (message) => this.#hear(message);
    child.start({ type: "start", config, restarts: this.#restarts });
    const watch = setInterval(() => this.#watch(child), ALIVE_INTERVAL_MS);
    try {
      const end = await child.exited;
      this.#fault ??= child.fault;
      return end;
    } finally {
      clearInterval(watch);
      this.#child = undefined;
    }
  }

  /** Counts the supervisor's own ticks, not time: a laptop that slept has missed both. */
  #watch(child: NodeChild): void {
    this.#silentTicks++;
    if (this.#silentTicks * ALIVE_INTERVAL_MS <= SILENCE_MS_MAX || this.#stop.signal.aborted) return;
    this.#fault = new Fault("NODE_CRASHED", "the node process is stuck and was killed");
    child.kill("SIGKILL");
  }

  #hear(message: NodeMessage): void {
    this.#silentTicks = 0;
    if (message.type === "fault") {
      const { code, message: text, hint } = message;
      this.#fault = new Fault(code, text, hint === undefined ? {} : { hint });
    } else if (message.type === "listening") {
      this.#spareTimer = setTimeout(() => this.#load(), SPARE_AFTER_MS);
      if (!this.#wasListening) this.#options.onListening(message.banner);
      this.#wasListening = true;
    }
  }

  #load(): void {
    if (!this.#stop.signal.aborted) this.#spare = new NodeChild(this.#options.command);
  }
}
