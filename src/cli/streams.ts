import type { ArgsDef, CommandDef } from "citty";
import { OVERLAP_SECONDS_MAX } from "#control/catalogue.ts";
import { Fault } from "#faults/fault.ts";
import { flagOf, type GivenArguments, numberFlag, textFlag } from "./arguments.ts";
import { columns, defineCommand, NAME, placeOf, print } from "./desk-command.ts";
import {
  type ListedStream,
  openStreamDesk,
  PLATFORM_WORD,
  settingChangesFromFlags,
  settingsFromFlags,
  type StreamDesk,
} from "./stream-desk.ts";

const SETTINGS: ArgsDef = {
  latency: { type: "string", valueHint: "lowest|low|normal", description: "how close to live" },
  segmentSeconds: { type: "string", valueHint: "S", description: "duration of a segment" },
  partMs: { type: "string", valueHint: "MS", description: "duration of a part; 0: no parts" },
  graceSeconds: { type: "string", valueHint: "S", description: "how long a broadcast waits for its encoder" },
  ladder: { type: "string", valueHint: "LADDER", description: "smaller pictures: off, default or 720:2500k,480,360" },
  whenBusy: {
    type: "string",
    valueHint: "backup|replace|refuse",
    description: "an encoder that comes while one is there",
  },
  switchBack: { type: "string", valueHint: "sticky|prefer-primary", description: "when the primary encoder is back" },
  continuity: {
    type: "string",
    valueHint: "slate|hold|end",
    description: "what viewers see while no encoder delivers",
  },
  slateAfterMs: { type: "string", valueHint: "MS", description: "for how long the last picture is held before that" },
  slateWords: { type: "string", valueHint: "TEXT", description: "words on the card that the slate shows" },
  alwaysOn: { type: "string", valueHint: "true|false", description: "on air with its slate when no encoder is there" },
};
const SETTING_FLAGS = Object.keys(SETTINGS).map(flagOf);
const TITLE: ArgsDef = { title: { type: "string", valueHint: "TEXT", description: "what viewers read" } };

async function atDesk<T>(given: GivenArguments, work: (desk: StreamDesk) => Promise<T>): Promise<T> {
  const { config, url } = placeOf(given);
  const desk = await openStreamDesk(config, url);
  try {
    return await work(desk);
  } finally {
    desk.close();
  }
}

const list = defineCommand("list", "list all streams", {}, (given) =>
  atDesk(given, async (desk) => {
    const streams = await desk.list();
    const rows = streams.map(({ name, title, managedBy, keys, createdMs }) => [
      name,
      title === "" ? "-" : title,
      managedBy === "file" ? "configuration file" : "here",
      keys.map((key) => key.id).join(" "),
      new Date(createdMs).toISOString().slice(0, 10),
    ]);
    const text =
      streams.length === 0
        ? "There is no stream yet. Add one: grandstand streams add NAME"
        : columns([["NAME", "TITLE", "MANAGED", "KEY IDS", "SINCE"], ...rows]);
    print(given, { streams }, text);
  }),
);

const add = defineCommand(
  "add",
  "add a stream and print its key, this once",
  { ...NAME, ...TITLE, ...SETTINGS },
  (given) =>
    atDesk(given, async (desk) => {
      const [name = ""] = given.positional;
      const { key, keyId } = await desk.add({
        name,
        title: textFlag(given, "title") ?? "",
        settings: settingsFromFlags(given.flags),
      });
      print(given, { name, key, keyId }, `The stream ${name} is there. Its key, shown this once:\n\n  ${key}\n`);
    }),
);

/** How the stream's next broadcast is written, in words. */
function settingsText({ title, effectiveSettings }: ListedStream): string {
  const { latency, segmentSeconds, partMs, graceSeconds, ladder, ...rest } = effectiveSettings;
  return columns([
    ["title", title === "" ? "-" : title],
    ["latency", latency],
    ["segments", `${segmentSeconds} s`],
    ["parts", partMs === 0 ? "none" : `${partMs} ms`],
    ["grace", `${graceSeconds} s`],
    ["ladder", ladder],
    ["when busy", rest.whenBusy],
    ["switch back", rest.switchBack],
    ["continuity", `${rest.continuity}, after ${rest.slateAfterMs} ms`],
    ["slate words", rest.slateWords],
    ["always on", rest.alwaysOn ? "yes" : "no"],
  ]);
}

const set = defineCommand(
  "set",
  `change a stream; settings hold from its next broadcast on, the value "${PLATFORM_WORD}" gives one back`,
  { ...NAME, ...TITLE, ...SETTINGS },
  (given) => {
    const title = textFlag(given, "title");
    const settings = settingChangesFromFlags(given.flags);
    const isAboutSettings = Object.keys(settings).length > 0;
    if (title === undefined && !isAboutSettings) {
      throw new Fault("CONFIG_INVALID", "there is nothing to change", {
        hint: `Give one of --title, ${SETTING_FLAGS.join(", ")}.`,
      });
    }
    const change = { ...(title === undefined ? {} : { title }), ...(isAboutSettings ? { settings } : {}) };
    return atDesk(given, async (desk) => {
      const [name = ""] = given.positional;
      const stream = await desk.change(name, change);
      const text = `The stream ${name} has now:\n\n${settingsText(stream)}\n\nSettings hold from its next broadcast on.`;
      print(given, stream, text);
    });
  },
);

/** What became of a stream whose broadcast was ended. */
function stoppedText(name: string, stream: ListedStream | undefined): string {
  const { alwaysOn, continuity } = stream?.effectiveSettings ?? {};
  if (alwaysOn !== true || continuity !== "slate")
    return `Nothing of ${name} is on air any more. To keep its encoder out, rotate or revoke its key.`;
  const change =
    stream?.managedBy === "file"
      ? "remove alwaysOn from its entry in the configuration file, and start the platform again"
      : `grandstand streams set ${name} --always-on false, then stop it again`;
  return `The broadcast of ${name} is over. The stream is always on, so another one begins with its slate.\nTo take it off the air: ${change}`;
}

const stop = defineCommand("stop", "end a stream's broadcast now; its encoder is disconnected", NAME, (given) =>
  atDesk(given, async (desk) => {
    const [name = ""] = given.positional;
    await desk.stop(name);
    const stream = (await desk.list()).find((one) => one.name === name);
    print(given, { name }, stoppedText(name, stream));
  }),
);

const overlap: ArgsDef = {
  overlapSeconds: { type: "string", valueHint: "S", description: "how long the old key still works", default: "0" },
};
const rotateKey = defineCommand(
  "rotate-key",
  "replace the key and print the new one, this once",
  { ...NAME, ...overlap },
  (given) => {
    const overlapSeconds = numberFlag(given, "overlapSeconds", { min: 0, max: OVERLAP_SECONDS_MAX, fallback: 0 });
    return atDesk(given, async (desk) => {
      const [name = ""] = given.positional;
      const { key, keyId } = await desk.rotateKey(name, overlapSeconds);
      const old = overlapSeconds === 0 ? "The old key has ended." : `The old key works for ${overlapSeconds} s more.`;
      print(given, { name, key, keyId }, `The new key of ${name}, shown this once:\n\n  ${key}\n\n${old}`);
    });
  },
);

const keyId: ArgsDef = { keyId: { type: "positional", description: "the key's id, as list shows it", required: true } };
const revokeKey = defineCommand("revoke-key", "end one key now", { ...NAME, ...keyId }, (given) =>
  atDesk(given, async (desk) => {
    const [name = "", id = ""] = given.positional;
    await desk.revokeKey(name, id);
    print(given, { name, keyId: id }, `The key ${id} of ${name} has ended.`);
  }),
);

const remove = defineCommand("remove", "remove a stream; a broadcast of it ends now", NAME, (given) =>
  atDesk(given, async (desk) => {
    const [name = ""] = given.positional;
    await desk.remove(name);
    print(given, { name }, `The stream ${name} is gone.`);
  }),
);

/** `grandstand streams add|list|set|stop|rotate-key|revoke-key|remove`. */
export const streamsCommand: CommandDef = {
  meta: { name: "streams", description: "manage streams and keys, whether the platform runs or not" },
  subCommands: { add, list, set, stop, "rotate-key": rotateKey, "revoke-key": revokeKey, remove },
};
