import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import { type PictureAnswer, PictureAnswerReader, type PictureJob, writePictureJob } from "./picture-wire.ts";

const ENTRY = "./worker-process.ts";
/** How long one picture may take, the start of the process included, milliseconds. */
export const PICTURE_DEADLINE_MS = 8000;
/** How much of the process's own words is kept for a message, in characters. */
const LAST_WORDS_CHARS_MAX = 300;

/** What became of a job; `lost`: the worker did not survive it, or did not answer. */
export type PictureOutcome = PictureAnswer | { readonly kind: "lost"; readonly why: string };

/** What a {@link PictureProcess} may be told. */
export interface PictureProcessOptions {
  /** Called when the worker goes while it has nothing to do; a loss with a job under way is the job's outcome. */
  readonly lostIdle?: (why: string) => void;
  /** For tests: another program as the worker. */
  readonly entry?: URL;
  /** For tests: in place of {@link PICTURE_DEADLINE_MS}. */
  readonly deadlineMs?: number;
}

/** One life of the worker. */
interface Life {
  readonly child: ChildProcess;
  readonly reader: PictureAnswerReader;
  readonly exited: Promise<void>;
  words: string;
}

/**
 * The picture worker as the node sees it: a process of its own, started with the first job and again after it was lost. It makes one picture
 * at a time, and ends with its standard input, so it never outlives us.
 *
 *   resting ─make─▶ working ─answer─▶ idle ─make─▶ working        stop: resting, from everywhere
 *                      └─exit, nonsense, deadline: killed─▶ resting
 */
export class PictureProcess {
  readonly #clock: Clock;
  readonly #entry: URL;
  readonly #deadlineMs: number;
  readonly #lostIdle: (why: string) => void;
  #life: Life | undefined;
  #job: { readonly id: number; readonly done: (outcome: PictureOutcome) => void } | undefined;

  constructor(clock: Clock, options: PictureProcessOptions = {}) {
    this.#clock = clock;
    this.#entry = options.entry ?? new URL(ENTRY, import.meta.url);
    this.#deadlineMs = options.deadlineMs ?? PICTURE_DEADLINE_MS;
    this.#lostIdle = options.lostIdle ?? (() => undefined);
  }

  /** The worker's process id, while there is one. */
  get pid(): number | undefined {
    return this.#life?.child.pid;
  }

  /** Has a picture made; a second one must wait for the answer to the first. Never rejects. */
  async make(job: PictureJob): Promise<PictureOutcome> {
    const { promise, resolve } = Promise.withResolvers<PictureOutcome>();
    const deadline = new AbortController();
    this.#job = { id: job.id, done: resolve };
    try {
      this.#life ??= this.#start();
      this.#life.child.stdin?.write(writePictureJob(job));
      void this.#watch(this.#life, deadline.signal);
    } catch (error) {
      // A machine without room for another process may say so at once.
      const text = error instanceof Error ? error.message : String(error);
      this.#done({ kind: "lost", why: `it could not be started: ${text}` });
    }
    const outcome = await promise;
    deadline.abort();
    return outcome;
  }

  /** Ends the worker; a job under way is lost. Resolves when it is gone. The next job starts another. */
  async stop(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    this.#end(life);
    this.#done({ kind: "lost", why: "it was stopped" });
    await life.exited;
  }

  #start(): Life {
    // It needs nothing of our environment, and our secrets may be in it.
    const child = spawn(process.execPath, [fileURLToPath(this.#entry)], { stdio: ["pipe", "pipe", "pipe"], env: {} });
    const exited = Promise.withResolvers<void>();
    const life: Life = { child, reader: new PictureAnswerReader(), exited: exited.promise, words: "" };
    child.once("error", (error) => {
      this.#lose(life, `it could not be started: ${error.message}`);
      exited.resolve();
    });
    // Not `exit`: its last answer may still be in the pipe then.
    child.once("close", (code, signal) => {
      const words = life.words.trim().replaceAll(/\s+/g, " ");
      this.#lose(life, `it ended with ${signal ?? `code ${code}`}${words === "" ? "" : `: ${words}`}`);
      exited.resolve();
    });
    child.stdin?.on("error", () => undefined);
    child.stderr?.on("data", (chunk: Uint8Array) => {
      life.words = (life.words + new TextDecoder().decode(chunk)).slice(-LAST_WORDS_CHARS_MAX);
    });
    child.stdout?.on("data", (chunk: Uint8Array) => this.#receive(life, chunk));
    return life;
  }

  #receive(life: Life, chunk: Uint8Array): void {
    if (this.#life !== life) return;
    try {
      for (const answer of life.reader.receive(chunk)) {
        if (answer.id !== this.#job?.id) this.#lose(life, "it answered what nobody asked");
        else this.#done(answer);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#lose(life, `it wrote nonsense: ${error.message}`);
    }
  }

  async #watch(life: Life, signal: AbortSignal): Promise<void> {
    // Aborted by the answer.
    await this.#clock.sleep(this.#deadlineMs, signal).catch(() => undefined);
    if (!signal.aborted) this.#lose(life, `it did not answer within ${this.#deadlineMs} ms`);
  }

  #done(outcome: PictureOutcome): void {
    const job = this.#job;
    this.#job = undefined;
    job?.done(outcome);
  }

  #lose(life: Life, why: string): void {
    if (this.#life !== life) return;
    this.#end(life);
    if (this.#job === undefined) this.#lostIdle(why);
    else this.#done({ kind: "lost", why });
  }

  #end({ child }: Life): void {
    this.#life = undefined;
    child.stdin?.end();
    child.kill("SIGKILL");
  }
}
