import type { ArgsDef } from "citty";
import { Fault } from "#faults/fault.ts";
import { suggestion } from "#node/config-sources.ts";

/** What {@link readArguments} found. */
export interface GivenArguments {
  readonly flags: ReadonlyMap<string, string | true>;
  readonly positional: readonly string[];
}

/** The flag of an argument: `segmentSeconds` is `--segment-seconds`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Reads a command's arguments strictly: a flag that does not exist, a missing value or a word too many is refused, not ignored.
 * @throws Fault `CONFIG_INVALID`.
 */
export function readArguments(rawArgs: readonly string[], definitions: ArgsDef): GivenArguments {
  const byFlag = new Map(
    Object.entries(definitions)
      .filter(([, definition]) => definition.type !== "positional")
      .map(([name, definition]) => [flagOf(name), { name, definition }]),
  );
  const places = Object.entries(definitions).filter(([, definition]) => definition.type === "positional");
  const flags = new Map<string, string | true>();
  const positional: string[] = [];
  for (let i = 0; i < rawArgs.length; i++) {
    const arg = rawArgs[i] ?? "";
    if (!arg.startsWith("--")) {
      positional.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const flag = equals === -1 ? arg : arg.slice(0, equals);
    const known = byFlag.get(flag);
    if (known === undefined) {
      throw new Fault("CONFIG_INVALID", `${flag}: there is no such flag${suggestion(flag, [...byFlag.keys()])}`);
    }
    if (known.definition.type === "boolean") {
      flags.set(known.name, true);
      continue;
    }
    const value = equals === -1 ? rawArgs[++i] : arg.slice(equals + 1);
    if (value === undefined) throw new Fault("CONFIG_INVALID", `${flag}: the value is missing`);
    flags.set(known.name, value);
  }
  const missing = places.slice(positional.length).find(([, definition]) => definition.required !== false);
  if (missing !== undefined) throw new Fault("CONFIG_INVALID", `${missing[0].toUpperCase()} is missing`);
  if (positional.length > places.length) {
    throw new Fault("CONFIG_INVALID", `${JSON.stringify(positional[places.length])} is one word too many`);
  }
  return { flags, positional };
}

/** A flag's text. */
export function textFlag(given: GivenArguments, name: string): string | undefined {
  const value = given.flags.get(name);
  return typeof value === "string" ? value : undefined;
}

/** A flag's number. @throws Fault `CONFIG_INVALID` when it is none or lies outside. */
export function numberFlag(
  given: GivenArguments,
  name: string,
  range: { readonly min: number; readonly max: number; readonly fallback: number; readonly whole?: boolean },
): number {
  const written = textFlag(given, name);
  if (written === undefined) return range.fallback;
  const value = Number(written);
  const isRight =
    written.trim() !== "" &&
    value >= range.min &&
    value <= range.max &&
    (range.whole !== true || Number.isInteger(value));
  if (isRight) return value;
  const kind = range.whole === true ? "a whole number" : "a number";
  throw new Fault("CONFIG_INVALID", `${flagOf(name)} ${written}: must be ${kind} from ${range.min} to ${range.max}`);
}
