import { type ChildProcess, spawn } from "node:child_process";
import { Fault } from "#faults/fault.ts";
import { COLLECTOR_ENVIRONMENT } from "#runtime/collector.ts";
import { isNodeMessage, type NodeMessage, type StartMessage } from "./process-messages.ts";

/** How a process ended: one of the two is set. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A node process as its supervisor sees it: loaded, but doing nothing until {@link start}. */
export class NodeChild {
  readonly exited: Promise<ChildEnd>;
  /** Hears what the process says. */
  onMessage: ((message: NodeMessage) => void) | undefined;
  /** Why it could not be started at all. */
  fault: Fault | undefined;
  #ended = false;
  readonly #child: ChildProcess;

  /** @param command The runtime and its arguments. */
  constructor(command: readonly string[]) {
    const [program = process.execPath, ...args] = command;
    const { promise, resolve } = Promise.withResolvers<ChildEnd>();
    this.exited = promise;
    // A session of its own keeps the terminal's Ctrl-C from reaching the node beside the supervisor's word.
    this.#child = spawn(program, args, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached: true,
      env: { ...COLLECTOR_ENVIRONMENT, ...process.env },
    });
    this.#child.on("message", (message) => {
      if (isNodeMessage(message)) this.onMessage?.(message);
    });
    const end = (how: ChildEnd): void => {
      this.#ended = true;
      resolve(how);
    };
    this.#child.once("error", (error) => {
      this.fault = new Fault("NODE_CRASHED", `the node process cannot be started: ${error.message}`, { cause: error });
      end({ code: 1, signal: null });
    });
    this.#child.once("exit", (code, signal) => end({ code, signal }));
  }

  get ended(): boolean {
    return this.#ended;
  }

  start(message: StartMessage): void {
    this.#child.send(message, (error) => {
      // The process is gone already; its exit tells why.
      if (error !== null) this.kill("SIGKILL");
    });
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }
}
