import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FaultCode } from "#faults/codes.ts";
import { FAULT_CODES } from "#faults/codes.ts";
import { Fault } from "#faults/fault.ts";
import { type EncoderRecord, EncoderRecordReader } from "#codecs/encoder-wire.ts";
import type { EncoderSettings } from "./source.ts";

const ENTRY = "./encoder-process.ts";
/** How much of the process's own words is kept for a message, in characters. */
const WORDS_CHARS_MAX = 500;

/**
 * The encoder process as its parent sees it. {@link records} gives what it writes; not reading holds it back, so the reader sets the pace.
 * It ends with its standard input, so it never outlives us.
 */
export class SourceProcess {
  readonly #child: ChildProcess;
  #words = "";
  #stopped = false;
  readonly #exited: Promise<number | null>;

  constructor(settings: EncoderSettings) {
    this.#child = spawn(process.execPath, [fileURLToPath(new URL(ENTRY, import.meta.url)), JSON.stringify(settings)], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { promise, resolve } = Promise.withResolvers<number | null>();
    this.#exited = promise;
    this.#child.once("exit", (code) => resolve(code));
    this.#child.once("error", (error) => {
      this.#words = error.message;
      resolve(null);
    });
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stderr?.on("data", (chunk: Uint8Array) => {
      this.#words = (this.#words + new TextDecoder().decode(chunk)).slice(-WORDS_CHARS_MAX);
    });
  }

  /**
   * What the process writes, a batch per chunk of its pipe. Ends after the record `end`, or when {@link stop} was called.
   * @throws Fault of the process's own, or `MEDIA_UNREADABLE` when it died.
   */
  async *records(): AsyncGenerator<EncoderRecord[]> {
    const reader = new EncoderRecordReader();
    const output = this.#child.stdout;
    if (output !== null) {
      for await (const chunk of output) {
        const records = reader.receive(chunk as Uint8Array);
        for (const record of records) if (record.kind === "fault") throw faultOf(record);
        if (records.length > 0) yield records;
        if (records.at(-1)?.kind === "end") return;
      }
    }
    const code = await this.#exited;
    if (this.#stopped) return;
    throw new Fault("MEDIA_UNREADABLE", `the encoder process ended with code ${code}: ${this.#words.trim()}`, {
      hint: "start again; if it happens again, the file or the codec library is damaged",
    });
  }

  /** Asks for a key frame at the next picture of the test source; a file goes on as it is. */
  requestKeyframe(): void {
    if (this.#child.stdin?.writable === true) this.#child.stdin.write("k");
  }

  /** Ends the process; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#child.stdin?.end();
    this.#child.kill("SIGKILL");
    this.#child.stdout?.destroy();
    await this.#exited;
  }
}

function faultOf(record: { code: string; message: string; hint: string }): Fault {
  const known = record.code in FAULT_CODES;
  // Looked up in the registry a line above.
  const code = known ? (record.code as FaultCode) : "MEDIA_UNREADABLE";
  return new Fault(code, record.message, record.hint === "" ? {} : { hint: record.hint });
}
