import type { ArgsDef, CommandDef } from "citty";
import { loadConfig } from "#node/config.ts";
import type { Config } from "#node/config-schema.ts";
import { type GivenArguments, readArguments, textFlag } from "./arguments.ts";

/** The argument that names a stream. */
export const NAME: ArgsDef = { name: { type: "positional", description: "the stream's name", required: true } };
const PLACE: ArgsDef = {
  dataDir: { type: "string", valueHint: "PATH", description: "data folder, as given to start" },
  config: { type: "string", valueHint: "PATH", description: "configuration file, as given to start" },
  url: {
    type: "string",
    valueHint: "URL",
    description: "API of a platform elsewhere, such as https://live.example.org",
  },
  adminToken: { type: "string", valueHint: "TOKEN", description: "admin token; else the one in the data folder" },
  json: { type: "boolean", description: "print JSON" },
};

/** Where the catalogue is that a command works on. @throws Fault `CONFIG_INVALID`. */
export function placeOf(given: GivenArguments): { readonly config: Config; readonly url: string | undefined } {
  const pass = (name: string, flag: string): string[] => {
    const value = textFlag(given, name);
    return value === undefined ? [] : [flag, value];
  };
  const flags = [
    ...pass("dataDir", "--data-dir"),
    ...pass("config", "--config"),
    ...pass("adminToken", "--admin-token"),
  ];
  return { config: loadConfig({ flags, environment: process.env }), url: textFlag(given, "url") };
}

/** Prints `value` as JSON where that was asked for, else the text. */
export function print(given: GivenArguments, value: unknown, text: string): void {
  console.log(given.flags.has("json") ? JSON.stringify(value) : text);
}

/** Lays out rows in columns. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Defines a command on the catalogue. `name` is the last word of it. */
export function defineCommand(
  name: string,
  description: string,
  args: ArgsDef,
  run: (given: GivenArguments) => Promise<void>,
): CommandDef {
  const all = { ...args, ...PLACE };
  return { meta: { name, description }, args: all, run: ({ rawArgs }) => run(readArguments(rawArgs, all)) };
}
