import type { ArgsDef, CommandDef } from "citty";
import { helpText } from "#node/config-reference.ts";
import { VERSION } from "#node/version.ts";
import type { CommandEntry } from "./command-line.ts";

async function resolved<T>(value: T | (() => T) | (() => Promise<T>) | Promise<T> | undefined): Promise<T | undefined> {
  return typeof value === "function" ? (value as () => T | Promise<T>)() : value;
}

function describe(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

/** `grandstand --help`: every command, and every flag of `start`. */
export function overview(commands: readonly CommandEntry[]): string {
  return [
    `Grandstand ${VERSION}: push one stream, everybody watches it.`,
    "",
    "Usage: grandstand [command] [flags]      (npm start -- [flags], npm run grandstand -- [command] [flags])",
    "",
    "Commands",
    describe(commands.map(({ name, summary }) => [name, summary])),
    "",
    "Flags of start and demo; each may stand in the configuration file or in a GRANDSTAND_… variable as well",
    "",
    helpText(),
    "",
    "grandstand <command> --help tells more. docs/operate/configuration.md describes every key.",
  ].join("\n");
}

function flagRow(name: string, arg: ArgsDef[string]): readonly [string, string] {
  const { description = "" } = arg;
  const fallback =
    "default" in arg && arg.default !== undefined && arg.default !== false ? ` [${String(arg.default)}]` : "";
  if (arg.type === "positional") return [(arg.valueHint ?? name).toUpperCase(), description + fallback];
  const hint = arg.type === "boolean" ? "" : ` ${arg.valueHint ?? "TEXT"}`;
  return [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}${hint}`, description + fallback];
}

/** `grandstand <command> --help`. */
export async function commandHelp(entry: CommandEntry, command: CommandDef): Promise<string> {
  const meta = await resolved(command.meta);
  const args = (await resolved(command.args)) ?? {};
  const subCommands = (await resolved(command.subCommands)) ?? {};
  const lines = [`grandstand ${entry.name}: ${meta?.description ?? entry.summary}`];
  const positional = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const places = positional.map(([name, arg]) =>
    arg.required === false ? `[${name.toUpperCase()}]` : name.toUpperCase(),
  );
  const names = Object.keys(subCommands);
  if (names.length === 0) lines.push("", `Usage: grandstand ${[entry.name, ...places, "[flags]"].join(" ")}`);
  const rows = Object.entries(args).map(([name, arg]) => flagRow(name, arg));
  if (rows.length > 0) lines.push("", describe(rows));
  for (const name of names) {
    const sub = await resolved(subCommands[name]);
    const subMeta = await resolved(sub?.meta);
    const subArgs = Object.entries(((await resolved(sub?.args)) ?? {}) as ArgsDef);
    const subPlaces = subArgs.filter(([, arg]) => arg.type === "positional").map(([place]) => place.toUpperCase());
    lines.push("", `grandstand ${[entry.name, name, ...subPlaces].join(" ")}: ${subMeta?.description ?? ""}`);
    if (subArgs.length > 0) lines.push(describe(subArgs.map(([arg, def]) => flagRow(arg, def))));
  }
  if (entry.name === "start" || entry.name === "demo") lines.push("", helpText());
  return lines.join("\n");
}
