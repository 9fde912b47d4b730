import { parseDocument } from "yaml";
import { Fault } from "#faults/fault.ts";
import type { ConfigKey } from "./config-keys.ts";

/** Values of one source by key name (`tls.httpsPort`), with the words that name the place in messages. */
export interface SourceValues {
  readonly values: ReadonlyMap<string, { readonly value: unknown; readonly place: string }>;
  /** Sentences about keys that do not exist and values that are missing. */
  readonly problems: readonly string[];
}

/** Reads a value written as text; what cannot be read stays text, and the schema refuses it with the right message. */
function valueOf(key: ConfigKey, written: string): unknown {
  const { kind } = key.facts;
  if (kind === "whole" || kind === "number") return /^-?\d+(\.\d+)?$/.test(written.trim()) ? Number(written) : written;
  if (kind !== "switch") return written;
  if (written === "true" || written === "1" || written === "yes") return true;
  return written === "false" || written === "0" || written === "no" ? false : written;
}

/** Number of single-character edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** `. Did you mean …?` when one of `known` is close enough, else nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const best = known
    .map((name) => ({ name, edits: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0];
  return best !== undefined && best.edits <= Math.max(2, Math.floor(word.length / 3))
    ? `; did you mean ${best.name}?`
    : "";
}

/** Reads flags such as `--http-port 8080`, `--http-port=8080`, `--tls-http3` and `--no-tls-http3`. `extra` names flags that others read. */
export function readFlags(
  args: readonly string[],
  keys: readonly ConfigKey[],
  extra: readonly string[] = [],
): SourceValues {
  const values = new Map<string, { value: unknown; place: string }>();
  const problems: string[] = [];
  const settable = keys.filter((key) => key.facts.kind !== "list");
  const known = [...settable.map((key) => key.flag), ...extra];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (!arg.startsWith("--")) {
      problems.push(`${JSON.stringify(arg)} is not a flag: flags begin with --`);
      continue;
    }
    const equals = arg.indexOf("=");
    const flag = equals === -1 ? arg : arg.slice(0, equals);
    const key = settable.find((candidate) => candidate.flag === flag);
    const negated = settable.find(
      (candidate) => candidate.facts.kind === "switch" && `--no-${candidate.flag.slice(2)}` === flag,
    );
    if (negated !== undefined && equals === -1) {
      values.set(negated.name, { value: false, place: flag });
    } else if (key === undefined && !extra.includes(flag)) {
      problems.push(`${flag}: there is no such flag${suggestion(flag, known)}`);
      // What follows an unknown flag is taken as its value, so that it is not reported as well.
      if (equals === -1 && args[i + 1] !== undefined && !args[i + 1]?.startsWith("--")) i++;
    } else if (key?.facts.kind === "switch" && equals === -1) {
      values.set(key.name, { value: true, place: flag });
    } else {
      const written = equals === -1 ? args[++i] : arg.slice(equals + 1);
      if (written === undefined) problems.push(`${flag}: the value is missing`);
      else if (key !== undefined) values.set(key.name, { value: valueOf(key, written), place: flag });
    }
  }
  return { values, problems };
}

/** Reads variables such as `GRANDSTAND_HTTP_PORT`; empty ones count as absent. `extra` names variables that others read. */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  keys: readonly ConfigKey[],
  extra: readonly string[] = [],
): SourceValues {
  const values = new Map<string, { value: unknown; place: string }>();
  const problems: string[] = [];
  const settable = keys.filter((key) => key.facts.kind !== "list");
  const known = [...settable.map((key) => key.variable), ...extra];
  for (const [variable, written] of Object.entries(environment)) {
    if (!variable.startsWith("GRANDSTAND_") || written === undefined || written === "" || extra.includes(variable))
      continue;
    const key = settable.find((candidate) => candidate.variable === variable);
    if (key === undefined) problems.push(`${variable}: there is no such variable${suggestion(variable, known)}`);
    else values.set(key.name, { value: valueOf(key, written), place: variable });
  }
  return { values, problems };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads the text of a configuration file (YAML 1.2, so JSON too). @throws Fault `CONFIG_UNREADABLE` naming line and column. */
export function readFileText(content: string, path: string, keys: readonly ConfigKey[]): SourceValues {
  const document = parseDocument(content, { prettyErrors: true, uniqueKeys: true, merge: false });
  const error = document.errors[0];
  if (error !== undefined) {
    const start = error.linePos?.[0];
    const at = start === undefined ? "" : `, line ${start.line}, column ${start.col}`;
    const reason = error.message.split(/ at line |\n/)[0] ?? error.message;
    throw new Fault("CONFIG_UNREADABLE", `${path}${at}: ${reason}`, { at: path, hint: "Correct the YAML there." });
  }
  const root: unknown = document.toJS({ maxAliasCount: 20 });
  if (root === null || root === undefined) return { values: new Map(), problems: [] };
  if (!isObject(root)) {
    throw new Fault("CONFIG_UNREADABLE", `${path}: the file must hold keys and values, such as "httpPort: 8080"`, {
      at: path,
    });
  }
  const values = new Map<string, { value: unknown; place: string }>();
  const problems: string[] = [];
  const groups = new Set(keys.filter((key) => key.path.length > 1).map((key) => key.path[0] ?? ""));
  const visit = (node: Readonly<Record<string, unknown>>, prefix: string): void => {
    for (const [word, value] of Object.entries(node)) {
      const name = prefix + word;
      const key = keys.find((candidate) => candidate.name === name);
      const isGroup = prefix === "" && groups.has(word);
      if (value === null && (key !== undefined || isGroup)) continue;
      if (key !== undefined) values.set(name, { value, place: path });
      else if (isGroup && isObject(value)) visit(value, `${word}.`);
      else if (isGroup)
        problems.push(
          `${name} = ${JSON.stringify(value)} (${path}): must hold keys of its own, such as ${keys.find((k) => k.path[0] === word)?.name ?? ""}`,
        );
      else
        problems.push(
          `${name} (${path}): there is no such key${suggestion(
            name,
            keys.map((k) => k.name),
          )}`,
        );
    }
  };
  visit(root, "");
  return { values, problems };
}
