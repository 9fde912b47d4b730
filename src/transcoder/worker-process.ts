/**
 * The transcode worker: one track of a broadcast is decoded and encoded here and nowhere else, so that a crash of a codec ends this process
 * alone. Commands of `worker-wire.ts` come on standard input, reports go to standard output. It ends when standard input does. Nothing is
 * opened, probed or fetched. Commands are read as fast as they are encoded and no faster: what waits, waits in the parent's pipe.
 */
import { once } from "node:events";
import { setPriority } from "node:os";
import { AV_LOG_FATAL } from "node-av/constants";
import { Log } from "node-av/lib";
import { assert, Fault } from "#faults/fault.ts";
import { SoundTranscoder } from "./sound-transcoder.ts";
import { SourceTranscoder } from "./source-transcoder.ts";
import type { TrackTranscoder } from "./track-transcoder.ts";
import {
  type TranscodeJob,
  type WorkerCommand,
  WorkerCommandReader,
  type WorkerReport,
  writeWorkerReport,
} from "./worker-wire.ts";

/** Delivery goes before encoding. */
const NICENESS = 10;
/** Memory in use at most: eight rungs of an 8K source stay far below. With more, something is wrong, and the machine has other work. */
const RESIDENT_BYTES_MAX = 8 * 1024 ** 3;

let mayWrite = true;

function tell(report: WorkerReport): void {
  mayWrite = process.stdout.write(writeWorkerReport(report));
}

let spentMicros = 0;

function tellSpent(): void {
  const { user, system } = process.cpuUsage();
  const cpuMicros = user + system;
  tell({ kind: "spent", cpuMicros: cpuMicros - spentMicros });
  spentMicros = cpuMicros;
}

function checkMemory(): void {
  const bytes = process.memoryUsage.rss();
  if (bytes > RESIDENT_BYTES_MAX) throw new Fault("LIMIT_REACHED", `it used ${Math.round(bytes / 1024 ** 2)} MiB`);
}

function open(job: TranscodeJob): TrackTranscoder {
  const transcoder = job.kind === "video" ? new SourceTranscoder(job, tell) : new SoundTranscoder(job, tell);
  tell({ kind: "ready", configs: transcoder.configs });
  return transcoder;
}

async function obey(command: Exclude<WorkerCommand, { kind: "open" }>, transcoder: TrackTranscoder): Promise<void> {
  switch (command.kind) {
    case "frame":
      return transcoder.frame(command.frame);
    case "seal":
      await transcoder.seal(command.segment);
      checkMemory();
      return tellSpent();
    case "source":
      return transcoder.setSource(command.source);
    case "rungs":
      return transcoder.setRungs(command.mask);
    case "abandon":
      return transcoder.abandon();
    case "finish":
      return transcoder.finish();
  }
}

async function work(): Promise<void> {
  const reader = new WorkerCommandReader();
  let transcoder: TrackTranscoder | undefined;
  for await (const chunk of process.stdin) {
    for (const command of reader.receive(chunk as Uint8Array)) {
      if (command.kind === "open") {
        transcoder = open(command.job);
        continue;
      }
      assert(transcoder !== undefined, "a worker is opened first");
      await obey(command, transcoder);
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
