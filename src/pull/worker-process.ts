/**
 * The pull worker: libraries that demux (node-av) run here and nowhere else, so that a crash or a hang of theirs ends this process alone. One line
 * of JSON ({@link DemuxSettings}) comes on standard input, so that no password stands in a list of processes; records of `encoder-wire.ts` go to
 * standard output. It ends when standard input does, or when it takes more memory than any source needs.
 */
import { setPriority } from "node:os";
import { AV_LOG_ERROR } from "node-av/constants";
import { Log } from "node-av/lib";
import { emit } from "#codecs/encoder-output.ts";
import { Fault } from "#faults/fault.ts";
import { demux } from "./demuxer.ts";
import type { DemuxSettings } from "./demux-settings.ts";

/** Delivery goes before new pictures, and these before still ones. */
const NICENESS = 5;
/** Resident memory at which the worker gives up, bytes. */
const RESIDENT_BYTES_MAX: number = 1024 * 1024 * 1024;
const MEMORY_CHECK_MS = 1000;

setPriority(NICENESS);
Log.setLevel(AV_LOG_ERROR);
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdout.on("error", () => process.exit(0));
setInterval(() => {
  if (process.memoryUsage.rss() <= RESIDENT_BYTES_MAX) return;
  process.stderr.write("it took more than 1 GiB of memory\n");
  process.exit(1);
}, MEMORY_CHECK_MS).unref();

function firstLine(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const onData = (chunk: Uint8Array): void => {
    text += new TextDecoder().decode(chunk);
    if (!text.includes("\n")) return;
    process.stdin.off("data", onData);
    process.stdin.resume();
    resolve(text.slice(0, text.indexOf("\n")));
  };
  process.stdin.on("data", onData);
  return promise;
}

try {
  // Written by `PullProcess` of the same program, a moment ago.
  await demux(JSON.parse(await firstLine()) as DemuxSettings);
  await emit({ kind: "end" });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const fault = error instanceof Fault ? error : new Fault("PULL_FAILED", message);
  await emit({ kind: "fault", code: fault.code, message, hint: fault.hint ?? "" });
}
process.stdout.end(() => process.exit(0));
