import type { CommandDef } from "citty";
import { fileURLToPath } from "node:url";
import { Fault } from "#faults/fault.ts";
import { loopbackHost } from "#node/addresses.ts";
import { renderBanner } from "#node/banner.ts";
import { loadConfig } from "#node/config.ts";
import type { Config } from "#node/config-schema.ts";
import { openLog } from "#node/log.ts";
import type { BannerFacts } from "#node/process-messages.ts";
import { Supervisor } from "#node/supervisor.ts";
import { Metrics } from "#observe/metrics.ts";
import { systemClock } from "#time/system-clock.ts";
import { faultText, isTerminal } from "./fault-text.ts";

const ENTRY = fileURLToPath(new URL("main.ts", import.meta.url));

/** Runs the platform below a supervisor until it is told to stop. Gives the exit code. */
async function run(flags: readonly string[], onListening?: (banner: BannerFacts) => void): Promise<number> {
  const config = loadConfig({ flags, environment: process.env });
  const observer = openLog({
    format: config.logFormat,
    level: config.logLevel,
    output: process.stdout,
    clock: systemClock,
    metrics: new Metrics(),
  });
  const supervisor = new Supervisor({
    config,
    command: [process.execPath, ENTRY, "node-process"],
    clock: systemClock,
    observer,
    onListening: (banner) => {
      // A log for programs holds no secrets; the node has told it where it listens.
      if (config.logFormat === "pretty") {
        process.stdout.write(renderBanner(banner, { colours: isTerminal(process.stdout) }));
      }
      onListening?.(banner);
    },
  });
  const { code, fault } = await supervisor.run();
  if (fault !== undefined) process.stderr.write(faultText(fault, isTerminal(process.stderr)));
  return code;
}

/** The built-in broadcaster of a demo: real RTMP into the platform's own port. Goes on trying for as long as the platform runs. */
async function broadcast(config: Config, banner: BannerFacts, signal: AbortSignal): Promise<void> {
  const { stream } = banner;
  if (stream?.key === undefined) {
    throw new Fault("KEY_REFUSED", "the demo does not know the key of a stream", {
      hint: "Use another --data-dir for the demo, or declare a stream with its key in the configuration file.",
    });
  }
  const { startPublisher } = await import("#publish/index.ts");
  const url = `rtmp://${loopbackHost(config.host)}:${config.rtmpPort}/live/${stream.name}?key=${stream.key}`;
  const publisher = await startPublisher({ source: { kind: "test" }, urls: [url], signal, encoder: "Grandstand demo" });
  process.stdout.write(`  On air: a test picture. Watch it at ${banner.web[0] ?? ""}/watch/${stream.name}\n\n`);
  const error = await publisher.closed;
  if (error !== null && !signal.aborted) throw error;
}

/** What a demo shows unless it is told otherwise: flags further right count. */
const DEMO_FLAGS = ["--transcode-ladder", "default"] as const;

async function runDemo(own: readonly string[]): Promise<number> {
  const flags = [...DEMO_FLAGS, ...own];
  const config = loadConfig({ flags, environment: process.env });
  const stop = new AbortController();
  let broadcasting = Promise.resolve();
  const code = await run(flags, (banner) => {
    broadcasting = broadcast(config, banner, stop.signal).catch((error: unknown) => {
      const fault = error instanceof Fault ? error : new Fault("MEDIA_UNREADABLE", String(error), { cause: error });
      process.stderr.write(faultText(fault, isTerminal(process.stderr)));
    });
  });
  stop.abort();
  await broadcasting;
  return code;
}

/** `grandstand start`. */
export const startCommand: CommandDef = {
  meta: { name: "start", description: "run the platform" },
  run: ({ rawArgs }) => run(rawArgs),
};

/** `grandstand demo`. */
export const demoCommand: CommandDef = {
  meta: {
    name: "demo",
    description: "run the platform with a test picture on air, pushed over RTMP as an encoder would",
  },
  run: ({ rawArgs }) => runDemo(rawArgs),
};
