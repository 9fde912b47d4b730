/**
 * The slate worker: one request of `slate-wire.ts` comes on standard input, one answer goes to standard output, and the process ends. Keyframes and
 * the operator's files are decoded here and nowhere else, so that a crash of a codec ends this process alone. Nothing is opened but fonts and the file that the
 * request names.
 */
import { setPriority } from "node:os";
import { AV_LOG_FATAL } from "node-av/constants";
import { Log } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { makeSlate } from "./slate-making.ts";
import { readSlateRequest, type SlateAnswer, writeSlateAnswer } from "./slate-wire.ts";

/** Delivery goes before it; it goes before still pictures and new rungs, since somebody waits for it. */
const NICENESS = 5;
/** Resident memory at which the worker gives up, bytes: a picture of 8K with all its copies stays below. */
const RESIDENT_BYTES_MAX: number = 2 * 1024 ** 3;
const MEMORY_CHECK_MS = 500;

async function answer(): Promise<SlateAnswer> {
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
    return await makeSlate(readSlateRequest(Buffer.concat(chunks)));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "fault", fault: error instanceof Fault ? error : new Fault("SLATE_FAILED", message) };
  }
}

setPriority(NICENESS);
Log.setLevel(AV_LOG_FATAL);
process.stdout.on("error", () => process.exit(0));
setInterval(() => {
  if (process.memoryUsage.rss() <= RESIDENT_BYTES_MAX) return;
  process.stderr.write("it took more than 2 GiB of memory\n");
  process.exit(1);
}, MEMORY_CHECK_MS).unref();
process.stdout.end(writeSlateAnswer(await answer()), () => process.exit(0));
