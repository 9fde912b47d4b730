import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Fault } from "#faults/fault.ts";
import type { SlateRequest } from "#media/slate.ts";
import type { Clock } from "#time/clock.ts";
import { type MadeSlate, readSlateAnswer, SLATE_BYTES_MAX, writeSlateRequest } from "./slate-wire.ts";

const ENTRY = "./worker-process.ts";
/** How long a card or an image may take, the start of the process included, milliseconds. */
const CARD_DEADLINE_MS = 10_000;
/** The same for what may be a clip, which is decoded and encoded from its start to its end. */
const FILE_DEADLINE_MS = 90_000;
/** Room for what stands around the pictures, bytes. */
const HEAD_BYTES_MAX = 512 * 1024;
/** How much of the process's own words is kept for a message, in characters. */
const LAST_WORDS_CHARS_MAX = 300;

/** What {@link runSlateProcess} may be told. */
export interface SlateProcessOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** For tests: another program as the worker. */
  readonly entry?: URL;
  /** For tests: in place of the usual deadlines. */
  readonly deadlineMs?: number;
  /** Called with the process's id once it runs. */
  readonly onStarted?: (pid: number) => void;
}

function failed(why: string, cause?: unknown): Fault {
  return new Fault("SLATE_FAILED", `the process that makes slates failed: ${why}`, {
    hint: "Nothing else is affected. If it comes again, choose another picture, or look whether the machine is overloaded.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Has one slate made by a process of its own, which is gone when the promise settles.
 * @throws Fault `SLATE_FAILED` when it crashes, hangs or writes nonsense, and what the worker itself says; the signal's reason when aborted.
 */
export async function runSlateProcess(request: SlateRequest, options: SlateProcessOptions): Promise<MadeSlate> {
  const { clock, signal } = options;
  signal.throwIfAborted();
  const deadlineMs = options.deadlineMs ?? (request.file === undefined ? CARD_DEADLINE_MS : FILE_DEADLINE_MS);
  // It needs nothing of our environment, and our secrets may be in it.
  const entry = fileURLToPath(options.entry ?? new URL(ENTRY, import.meta.url));
  const child = spawn(process.execPath, [entry], { stdio: ["pipe", "pipe", "pipe"], env: {} });
  const ended = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  let words = "";
  let why: Error | undefined;
  const give = (reason: Error): void => {
    why ??= reason;
    child.kill("SIGKILL");
  };
  child.once("error", (error) => {
    why ??= failed(`it could not be started: ${error.message}`, error);
    ended.resolve();
  });
  // Not `exit`: its answer may still be in the pipe then.
  child.once("close", (code, killer) => {
    const told = words.trim().replaceAll(/\s+/g, " ");
    if (code !== 0) why ??= failed(`it ended with ${killer ?? `code ${code}`}${told === "" ? "" : `: ${told}`}`);
    ended.resolve();
  });
  child.stdin.on("error", () => undefined);
  child.stderr.on("data", (chunk: Uint8Array) => {
    words = (words + new TextDecoder().decode(chunk)).slice(-LAST_WORDS_CHARS_MAX);
  });
  child.stdout.on("data", (chunk: Uint8Array) => {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > SLATE_BYTES_MAX + HEAD_BYTES_MAX) give(failed(`it wrote more than ${SLATE_BYTES_MAX} bytes`));
    else chunks.push(chunk);
  });
  const onAbort = (): void => give(signal.reason instanceof Error ? signal.reason : failed("it was stopped"));
  signal.addEventListener("abort", onAbort, { once: true });
  const late = new AbortController();
  const watch = clock.sleep(deadlineMs, late.signal).then(
    () => give(failed(`it did not answer within ${deadlineMs} ms`)),
    () => undefined,
  );
  if (child.pid !== undefined) options.onStarted?.(child.pid);
  child.stdin.end(writeSlateRequest(request));
  await ended.promise;
  signal.removeEventListener("abort", onAbort);
  late.abort();
  await watch;
  if (why !== undefined) throw why;
  return answerOf(chunks);
}

function answerOf(chunks: readonly Uint8Array[]): MadeSlate {
  try {
    const answer = readSlateAnswer(Buffer.concat(chunks));
    if (answer.kind === "fault") throw answer.fault;
    return answer;
  } catch (error) {
    if (error instanceof Fault && error.code !== "BYTES_INVALID" && error.code !== "BYTES_TRUNCATED") throw error;
    throw failed(`it wrote nonsense: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}
