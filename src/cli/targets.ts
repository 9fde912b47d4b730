import { readFileSync } from "node:fs";
import type { ArgsDef, CommandDef } from "citty";
import type { TargetDraft } from "#control/restream-target.ts";
import { Fault } from "#faults/fault.ts";
import { TARGET_PRESETS } from "#web/target-presets.ts";
import { type GivenArguments, textFlag } from "./arguments.ts";
import { columns, defineCommand, NAME, placeOf, print } from "./desk-command.ts";
import { findTarget, type ListedTarget, openTargetDesk, type TargetDesk } from "./target-desk.ts";

const PRESET_IDS: readonly string[] = TARGET_PRESETS.map(({ id }) => id);
/** Stands for a key that is read from the standard input, so that it is in no list of processes. */
const FROM_INPUT = "-";

const TARGET: ArgsDef = {
  target: { type: "positional", description: "the target's name or id, as list shows it", required: true },
};
const FIELDS: ArgsDef = {
  targetName: { type: "string", valueHint: "NAME", description: "what people call it" },
  to: { type: "string", valueHint: PRESET_IDS.join("|"), description: "a service whose address is known" },
  toUrl: { type: "string", valueHint: "URL", description: "rtmp:// or rtmps:// address without the key" },
  key: {
    type: "string",
    valueHint: "KEY",
    description: `what opens it, never shown again; ${FROM_INPUT} reads it from the standard input`,
  },
  rendition: { type: "string", valueHint: "NAME", description: "source, or a rung such as 720p" },
  start: { type: "boolean", description: "it gets the stream while that is on air (how a new one begins)" },
  stop: { type: "boolean", description: "it gets nothing" },
};

async function atDesk<T>(given: GivenArguments, work: (desk: TargetDesk) => Promise<T>): Promise<T> {
  const { config, url } = placeOf(given);
  const desk = await openTargetDesk(config, url);
  try {
    return await work(desk);
  } finally {
    desk.close();
  }
}

/** What the flags say of a target; a new one is called as its service unless it is told otherwise. @throws Fault `CONFIG_INVALID`. */
function draftFrom(given: GivenArguments, { isNew }: { isNew: boolean }): TargetDraft {
  const to = textFlag(given, "to");
  const preset = TARGET_PRESETS.find(({ id }) => id === to);
  if (to !== undefined && preset === undefined) {
    throw new Fault("CONFIG_INVALID", `--to ${to}: must be one of ${PRESET_IDS.join(", ")}`);
  }
  const url = textFlag(given, "toUrl") ?? preset?.url;
  if (preset !== undefined && url === undefined) {
    throw new Fault("CONFIG_INVALID", `--to-url is missing: ${preset.name} has no address for everybody`, {
      hint: preset.hint,
    });
  }
  if (given.flags.has("start") && given.flags.has("stop")) {
    throw new Fault("CONFIG_INVALID", "--start and --stop exclude each other");
  }
  const written = textFlag(given, "key");
  const key = written === FROM_INPUT ? readFileSync(process.stdin.fd, "utf8").trim() : written;
  const name = textFlag(given, "targetName") ?? (isNew ? preset?.name : undefined);
  const rendition = textFlag(given, "rendition");
  return {
    ...(name === undefined ? {} : { name }),
    ...(url === undefined ? {} : { url }),
    ...(key === undefined ? {} : { key }),
    ...(rendition === undefined ? {} : { rendition }),
    ...(given.flags.has("start") ? { enabled: true } : {}),
    ...(given.flags.has("stop") ? { enabled: false } : {}),
  };
}

function rowOf({ name, state, rendition, url, keyEnd, id, lastProblem }: ListedTarget): string[] {
  const problem = state === "live" || lastProblem === null ? "-" : lastProblem.message;
  return [name, state, rendition, url, keyEnd === "" ? "…" : `…${keyEnd}`, id, problem];
}

const HEAD = ["NAME", "STATE", "RENDITION", "ADDRESS", "KEY", "ID", "LAST PROBLEM"];

const list = defineCommand("list", "list a stream's targets and how each stands", NAME, (given) =>
  atDesk(given, async (desk) => {
    const [stream = ""] = given.positional;
    const targets = await desk.list(stream);
    const text =
      targets.length === 0
        ? `${stream} goes nowhere else. Add a target: grandstand targets add ${stream} --to youtube --key KEY`
        : columns([HEAD, ...targets.map(rowOf)]);
    print(given, { targets }, text);
  }),
);

const add = defineCommand("add", "let a stream go on to another server", { ...NAME, ...FIELDS }, (given) => {
  const draft = draftFrom(given, { isNew: true });
  for (const [field, flag] of [
    ["name", "--target-name"],
    ["url", "--to or --to-url"],
    ["key", "--key"],
  ] as const) {
    if (draft[field] === undefined) throw new Fault("CONFIG_INVALID", `${flag} is missing`);
  }
  return atDesk(given, async (desk) => {
    const [stream = ""] = given.positional;
    const target = await desk.add(stream, draft);
    print(given, target, `${stream} goes on to ${target.name} while it is on air. Its key is kept encrypted.`);
  });
});

const set = defineCommand(
  "set",
  "change a target, start or stop it; on air too",
  { ...NAME, ...TARGET, ...FIELDS },
  (given) => {
    const draft = draftFrom(given, { isNew: false });
    if (Object.keys(draft).length === 0) {
      throw new Fault("CONFIG_INVALID", "there is nothing to change", {
        hint: "Give --target-name, --to, --to-url, --key, --rendition, --start or --stop.",
      });
    }
    return atDesk(given, async (desk) => {
      const [stream = "", nameOrId = ""] = given.positional;
      const { id } = await findTarget(desk, stream, nameOrId);
      const target = await desk.change(stream, id, draft);
      print(given, target, columns([HEAD, rowOf(target)]));
    });
  },
);

const remove = defineCommand("remove", "remove a target; its connection ends now", { ...NAME, ...TARGET }, (given) =>
  atDesk(given, async (desk) => {
    const [stream = "", nameOrId = ""] = given.positional;
    const { id, name } = await findTarget(desk, stream, nameOrId);
    await desk.remove(stream, id);
    print(given, { id, name }, `${stream} does not go to ${name} any more.`);
  }),
);

/** `grandstand targets list|add|set|remove`. */
export const targetsCommand: CommandDef = {
  meta: {
    name: "targets",
    description: "send streams on to other servers (restream), whether the platform runs or not",
  },
  subCommands: { list, add, set, remove },
};
