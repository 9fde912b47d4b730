/**
 * The transcode worker: one broadcast's picture is decoded and encoded here and nowhere else, so that a crash of a codec ends this process
 * alone. Commands of `worker-wire.ts` come on standard input, reports go to standard output. It ends when standard input does. Nothing is
 * opened, probed or fetched. Commands are read as fast as they are encoded and no faster: what waits, waits in the parent's pipe.
 */
import { once } from "node:events";
import { setPriority } from "node:os";
import { AV_LOG_FATAL } from "node-av/constants";
import { Log } from "node-av/lib";
import { assert } from "#faults/fault.ts";
import { SourceTranscoder } from "./source-transcoder.ts";
import { type WorkerCommand, WorkerCommandReader, type WorkerReport, writeWorkerReport } from "./worker-wire.ts";

/** Delivery goes before encoding. */
const NICENESS = 10;

let mayWrite = true;

function tell(report: WorkerReport): void {
  mayWrite = process.stdout.write(writeWorkerReport(report));
}

async function obey(command: WorkerCommand, transcoder: SourceTranscoder | undefined): Promise<SourceTranscoder> {
  if (command.kind === "open") {
    assert(command.job.kind === "video", "a worker transcodes pictures");
    const opened = new SourceTranscoder(command.job, tell);
    tell({ kind: "ready", configs: opened.configs });
    return opened;
  }
  assert(transcoder !== undefined, "a worker is opened first");
  if (command.kind === "frame") await transcoder.frame(command.frame);
  else if (command.kind === "seal") await transcoder.seal(command.segment);
  else if (command.kind === "source") {
    if (command.source.kind === "video") transcoder.setSource(command.source);
  } else if (command.kind === "abandon") await transcoder.abandon();
  else await transcoder.finish();
  return transcoder;
}

async function work(): Promise<void> {
  const reader = new WorkerCommandReader();
  let transcoder: SourceTranscoder | undefined;
  for await (const chunk of process.stdin) {
    for (const command of reader.receive(chunk as Uint8Array)) {
      transcoder = await obey(command, transcoder);
      if (!mayWrite) await once(process.stdout, "drain");
      mayWrite = true;
      if (command.kind === "finish") {
        tell({ kind: "end" });
        return;
      }
    }
  }
}

setPriority(NICENESS);
Log.setLevel(AV_LOG_FATAL);
process.stdout.on("error", () => process.exit(0));
try {
  await work();
} catch (error) {
  tell({ kind: "fault", message: error instanceof Error ? error.message : String(error) });
}
process.stdout.end(() => process.exit(0));
