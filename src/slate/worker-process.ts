/**
 * The slate worker: one request of `slate-wire.ts` comes on standard input, one answer goes to standard output, and the process ends. Keyframes and
 * the operator's files are decoded here and nowhere else, so that a crash of a codec ends this process alone. Nothing is opened but the font and the file that the
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
process.stdout.end(writeSlateAnswer(await answer()), () => process.exit(0));
