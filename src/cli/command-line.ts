import { stripVTControlCharacters } from "node:util";
import { type CommandDef, runCommand } from "citty";
import { Fault } from "#faults/fault.ts";
import { VERSION } from "#node/version.ts";
import { faultText, isTerminal } from "./fault-text.ts";
import { commandHelp, overview } from "./help.ts";

/** A command, its one line in the overview, and where it is. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandDef>;
}

/** Every command in the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "start",
    summary: "run the platform (what happens without a command)",
    load: async () => (await import("./start.ts")).startCommand,
  },
  {
    name: "demo",
    summary: "start, with a test picture on air",
    load: async () => (await import("./start.ts")).demoCommand,
  },
  {
    name: "streams",
    summary: "add, list, rotate-key, revoke-key, remove",
    load: async () => (await import("./streams.ts")).streamsCommand,
  },
  {
    name: "targets",
    summary: "send a stream on to YouTube, Twitch and other servers",
    load: async () => (await import("./targets.ts")).targetsCommand,
  },
  {
    name: "pull",
    summary: "fetch a stream from another server",
    load: async () => (await import("./pull.ts")).pullCommand,
  },
  {
    name: "publish",
    summary: "push a file or a test picture in real time",
    load: async () => (await import("./publish.ts")).publishCommand,
  },
  {
    name: "probe",
    summary: "watch like a strict player and report what is wrong",
    load: async () => (await import("./probe.ts")).probeCommand,
  },
  {
    name: "bench",
    summary: "measure the speed side by side with nginx and Varnish",
    load: async () => (await import("./bench.ts")).benchCommand,
  },
  {
    name: "doctor",
    summary: "look whether this machine is ready",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  {
    name: "config",
    summary: "check a configuration; print reference or JSON Schema",
    load: async () => (await import("./config.ts")).configCommand,
  },
  {
    name: "version",
    summary: "print the version",
    load: async () => ({ meta: { name: "version" }, run: () => console.log(VERSION) }),
  },
];

function wantsHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === "--version" || first === "-v") {
    console.log(VERSION);
    return 0;
  }
  if (first === "help" || ((first === undefined || first.startsWith("-")) && wantsHelp(args))) {
    console.log(overview(COMMANDS));
    return 0;
  }
  const isDefault = first === undefined || first.startsWith("-");
  const name = isDefault ? "start" : first;
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry === undefined) {
    throw new Fault("CONFIG_INVALID", `there is no command ${JSON.stringify(name)}`, {
      hint: `There are ${COMMANDS.map((command) => command.name).join(", ")}; see grandstand --help.`,
    });
  }
  const rest = isDefault ? args : args.slice(1);
  const command = await entry.load();
  if (wantsHelp(rest)) {
    console.log(await commandHelp(entry, command));
    return 0;
  }
  try {
    const { result } = await runCommand(command, { rawArgs: [...rest] });
    return typeof result === "number" ? result : 0;
  } catch (error) {
    throw usageFault(error, entry.name);
  }
}

/** The command parser's own refusals, such as a missing word, as a fault; anything else as it is. */
function usageFault(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error.name !== "CLIError") return error;
  const text = stripVTControlCharacters(error.message);
  return new Fault("CONFIG_INVALID", `${text.charAt(0).toLowerCase()}${text.slice(1)}`, {
    hint: `See grandstand ${name} --help.`,
  });
}

/** Runs one command and gives the exit code: 1 for every fault, told in one line on the error output. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    if (error instanceof Fault) {
      process.stderr.write(faultText(error, isTerminal(process.stderr)));
      return 1;
    }
    throw error;
  }
}
