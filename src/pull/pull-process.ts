import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type EncoderRecord, EncoderRecordReader } from "#codecs/encoder-wire.ts";
import { FAULT_CODES, type FaultCode } from "#faults/codes.ts";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import type { DemuxSettings } from "./demux-settings.ts";
import { withoutSecrets } from "./without-secrets.ts";

const ENTRY = "./worker-process.ts";
/** How much of the worker's own words is kept for a message, characters. */
const WORDS_CHARS_MAX = 600;
/** Longest message of a fault that a worker may have told, characters. */
const MESSAGE_CHARS_MAX = 400;
/** How long the first record may take, milliseconds: the start of the process, connecting and probing. */
export const OPEN_MS_MAX = 25_000;
/** Silence after which a worker is taken for hung, milliseconds: longer than a segment of HLS lasts that has not come yet. */
export const STALL_MS_MAX = 10_000;

/** What a {@link PullProcess} is told. */
export interface PullProcessOptions {
  readonly settings: DemuxSettings;
  readonly clock: Clock;
  /** The proxy that everything from the web goes through, where the source is there. */
  readonly proxyUrl: string | undefined;
}

/**
 * The pull worker as the node sees it: one process for one attempt at one source. It is killed when it says nothing for too long, whatever the
 * reason, and ends with its standard input, so it never outlives us.
 */
export class PullProcess {
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #exited: Promise<string>;
  #words = "";
  #hung: Fault | undefined;

  constructor({ settings, clock, proxyUrl }: PullProcessOptions) {
    this.#clock = clock;
    // It needs nothing of our environment, and our secrets may be in it.
    const env = proxyUrl === undefined ? {} : { http_proxy: proxyUrl };
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#exited = promise;
    this.#child = spawn(process.execPath, [fileURLToPath(new URL(ENTRY, import.meta.url))], {
      stdio: ["pipe", "pipe", "pipe"],
      env,
    });
    this.#child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    this.#child.once("error", (error) => resolve(error.message));
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stdin?.write(`${JSON.stringify(settings)}\n`);
    this.#child.stderr?.on("data", (chunk: Uint8Array) => {
      this.#words = (this.#words + new TextDecoder().decode(chunk)).slice(-WORDS_CHARS_MAX);
    });
  }

  /** Its process id, when it could be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * What the worker writes, a batch per chunk of its pipe, up to the record `end`.
   * @throws Fault of the worker's own; `PULL_STALLED` when it was silent too long, `PULL_FAILED` when it died or wrote nonsense.
   */
  async *records(): AsyncGenerator<EncoderRecord[]> {
    const reader = new EncoderRecordReader();
    const output = this.#child.stdout;
    let watch = this.#watch(OPEN_MS_MAX);
    try {
      for await (const chunk of output ?? []) {
        watch.abort();
        const records = reader.receive(chunk as Uint8Array);
        for (const record of records) if (record.kind === "fault") throw this.#faultOf(record);
        if (records.length > 0) yield records;
        if (records.at(-1)?.kind === "end") return;
        watch = this.#watch(STALL_MS_MAX);
      }
      const how = await this.#exited;
      throw this.#hung ?? this.#failed("PULL_FAILED", `the process that reads the source ended with ${how}`);
    } finally {
      watch.abort();
    }
  }

  /** Ends the process; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    this.#child.kill("SIGKILL");
    this.#child.stdout?.destroy();
    await this.#exited;
  }

  #watch(ms: number): AbortController {
    const watch = new AbortController();
    const kill = async (): Promise<void> => {
      // Aborted by what came.
      await this.#clock.sleep(ms, watch.signal).catch(() => undefined);
      if (watch.signal.aborted) return;
      this.#hung = this.#failed("PULL_STALLED", `the source delivered nothing for ${Math.round(ms / 1000)} s`);
      this.#child.kill("SIGKILL");
    };
    void kill();
    return watch;
  }

  /** The last words of the libraries say more than their error numbers. */
  #failed(code: FaultCode, message: string, hint?: string): Fault {
    const last = this.#words.trim().split("\n").slice(-2).join("; ").replaceAll(/\s+/g, " ");
    const text = withoutSecrets(last === "" ? message : `${message} (${last})`).slice(0, MESSAGE_CHARS_MAX);
    return new Fault(code, text, hint === undefined || hint === "" ? {} : { hint: withoutSecrets(hint) });
  }

  #faultOf(record: { code: string; message: string; hint: string }): Fault {
    const isKnown = Object.hasOwn(FAULT_CODES, record.code);
    // Looked up in the registry a line above.
    const code = isKnown ? (record.code as FaultCode) : "PULL_FAILED";
    return this.#failed(code, record.message, record.hint);
  }
}
