import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";

/** The program. */
export const ENTRY: string = join(import.meta.dir, "main.ts");
/** How long a command may take in a test, milliseconds. */
const COMMAND_DEADLINE_MS = 15_000;
const POLL_MS = 10;

/** A command that runs in a process of its own, as an operator runs it. */
export interface RunningCli extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number | null>;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when `text` stands in the output. */
  says(text: string): Promise<void>;
}

/** Asks again and again until there is a value; errors count as "not yet". Fails after `ms`. */
export async function eventually<T>(
  ms: number,
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const endMs = performance.now() + ms;
  for (;;) {
    const value = await Promise.try(probe).catch(() => undefined);
    if (value !== undefined) return value;
    if (performance.now() > endMs) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

/** Starts a command. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCli {
  const child: ChildProcess = spawn(process.execPath, [ENTRY, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
  return {
    pid: child.pid ?? 0,
    exited,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    kill,
    says: async (text) => {
      await eventually(COMMAND_DEADLINE_MS, `"${text}" in\n${output.stdout}${output.stderr}`, () => {
        if (child.exitCode !== null && !output.stdout.includes(text)) throw new Error("it ended");
        return output.stdout.includes(text) ? true : undefined;
      });
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) kill("SIGTERM");
      const late = setTimeout(() => kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(late);
    },
  };
}

/** Runs a command to its end. */
export async function runCli(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using cli = startCli(args);
  const late = setTimeout(() => cli.kill("SIGKILL"), COMMAND_DEADLINE_MS);
  const code = await cli.exited;
  clearTimeout(late);
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}

/** TCP ports that nobody listens on, below the range the system gives out by itself. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) ports.add(port);
  }
  return [...ports];
}
