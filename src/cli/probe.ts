import { writeFileSync } from "node:fs";
import type { ArgsDef, CommandDef } from "citty";
import { Fault } from "#faults/fault.ts";
import { silentObserver } from "#observe/event.ts";
import { PROBE_SECONDS_MAX, PROBE_VIEWERS_MAX, type ProbeOptions, startProbe } from "#probe/index.ts";
import { renderLiveLine } from "#probe/report.ts";
import { systemClock } from "#time/system-clock.ts";
import { numberFlag, readArguments, textFlag } from "./arguments.ts";
import { isTerminal } from "./fault-text.ts";
import { renderProbeReport } from "./probe-report.ts";

const ARGS: ArgsDef = {
  url: { type: "positional", description: "a playlist (.m3u8) or a manifest (.mpd)", required: true },
  viewers: { type: "string", valueHint: "N", description: "viewers: one strict, the others light", default: "1" },
  seconds: { type: "string", valueHint: "S", description: "stop after S seconds; else at the end of the stream" },
  protocol: { type: "string", valueHint: "ll-hls|hls|dash", description: "how to watch; else by the address" },
  allRenditions: { type: "boolean", description: "watch every rendition, not only the best" },
  insecure: { type: "boolean", description: "accept certificates nobody vouches for" },
  json: { type: "boolean", description: "print the report as JSON on the standard output" },
  output: { type: "string", valueHint: "PATH", description: "write the JSON report to a file too" },
};

function protocolOf(written: string | undefined): ProbeOptions["protocol"] {
  if (written === undefined || written === "ll-hls" || written === "hls" || written === "dash") return written;
  throw new Fault("CONFIG_INVALID", `--protocol ${written}: must be one of ll-hls, hls, dash`);
}

async function run(rawArgs: readonly string[]): Promise<number> {
  const given = readArguments(rawArgs, ARGS);
  const [url = ""] = given.positional;
  const seconds = numberFlag(given, "seconds", { min: 0.1, max: PROBE_SECONDS_MAX, fallback: 0 });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const isLive = isTerminal(process.stderr);
  const report = await startProbe({
    url,
    protocol: protocolOf(textFlag(given, "protocol")),
    seconds: seconds === 0 ? undefined : seconds,
    viewers: numberFlag(given, "viewers", { min: 1, max: PROBE_VIEWERS_MAX, fallback: 1, whole: true }),
    allRenditions: given.flags.has("allRenditions"),
    insecure: given.flags.has("insecure"),
    clock: systemClock,
    observer: silentObserver,
    signal: stop.signal,
    onReport: (now) => {
      if (isLive) process.stderr.write(`\r${renderLiveLine(now)}\u001b[K`);
    },
  });
  if (isLive) process.stderr.write("\r\u001b[K");
  const json = JSON.stringify(report, undefined, 2);
  const path = textFlag(given, "output");
  if (path !== undefined) writeFileSync(path, `${json}\n`);
  console.log(given.flags.has("json") ? json : renderProbeReport(report));
  return report.exitCode;
}

/** `grandstand probe`: exit code 0 clean, 1 with errors, 2 when watching was impossible. */
export const probeCommand: CommandDef = {
  meta: { name: "probe", description: "watch like a strict player and report what is wrong" },
  args: ARGS,
  run: ({ rawArgs }) => run(rawArgs),
};
