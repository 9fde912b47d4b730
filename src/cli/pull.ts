import { readFileSync } from "node:fs";
import type { ArgsDef, CommandDef } from "citty";
import { Fault } from "#faults/fault.ts";
import { type GivenArguments, textFlag } from "./arguments.ts";
import { defineCommand, NAME, placeOf, print } from "./desk-command.ts";
import { openPullDesk, type PullDesk, type ShownPull } from "./pull-desk.ts";

/** Stands for a URL that is read from the standard input, so that its secrets are in no list of processes. */
const FROM_INPUT = "-";

const SOURCE: ArgsDef = {
  from: {
    type: "string",
    valueHint: "URL",
    description: `rtmp, rtmps, http, https, rtsp, rtsps or srt URL; ${FROM_INPUT} reads it from the standard input`,
  },
  loop: { type: "boolean", description: "a file of the web begins again at its end" },
};

async function atDesk(given: GivenArguments, work: (desk: PullDesk, stream: string) => Promise<void>): Promise<void> {
  const { config, url } = placeOf(given);
  const desk = await openPullDesk(config, url);
  try {
    await work(desk, given.positional[0] ?? "");
  } finally {
    desk.close();
  }
}

function wordsOf(stream: string, pull: ShownPull | undefined): string {
  if (pull === undefined) {
    return `${stream} is not fetched: encoders send it. Fetch it: grandstand pull set ${stream} --from URL`;
  }
  const { place, loop, managedBy, state, lastProblem } = pull;
  const again = loop ? ", again and again" : "";
  const by = managedBy === "file" ? ", as the configuration file says" : "";
  const how = state === undefined ? "" : `: ${state}`;
  const problem = state === "live" || lastProblem === null ? "" : `. Last problem: ${lastProblem.message}`;
  return `${stream} is fetched from ${place}${again}${by}${how}${problem}`;
}

const show = defineCommand("show", "show where a stream is fetched from, without secrets", NAME, (given) =>
  atDesk(given, async (desk, stream) => {
    const pull = await desk.show(stream);
    print(given, { pull: pull ?? null }, wordsOf(stream, pull));
  }),
);

const set = defineCommand("set", "fetch a stream from another server, from now on", { ...NAME, ...SOURCE }, (given) => {
  const from = textFlag(given, "from");
  if (from === undefined) throw new Fault("CONFIG_INVALID", "--from is missing");
  const url = from === FROM_INPUT ? readFileSync(process.stdin.fd, "utf8").trim() : from;
  return atDesk(given, async (desk, stream) => {
    await desk.set(stream, { url, loop: given.flags.has("loop") });
    const pull = await desk.show(stream);
    print(
      given,
      { pull: pull ?? null },
      `${stream} is fetched from ${pull?.place ?? "there"}. Its address is kept encrypted.`,
    );
  });
});

const remove = defineCommand("remove", "fetch a stream no more; its encoders go on", NAME, (given) =>
  atDesk(given, async (desk, stream) => {
    await desk.remove(stream);
    print(given, { pull: null }, `${stream} is not fetched any more.`);
  }),
);

/** `grandstand pull show|set|remove`. */
export const pullCommand: CommandDef = {
  meta: { name: "pull", description: "fetch streams from other servers, whether the platform runs or not" },
  subCommands: { show, set, remove },
};
