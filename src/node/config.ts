import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { z } from "zod";
import { Fault } from "#faults/fault.ts";
import { type ConfigKey, keysOf } from "./config-keys.ts";
import { type Config, configSchema, hookSchema, streamSchema } from "./config-schema.ts";
import { readEnvironment, readFileText, readFlags, type SourceValues, suggestion } from "./config-sources.ts";
import { targetSchema } from "./target-keys.ts";

/** File that is read from the working folder when it is there and no other is named. */
const DEFAULT_FILE = "grandstand.yaml";
/** Names the configuration file. */
const CONFIG_FLAG = "--config";
const CONFIG_VARIABLE = "GRANDSTAND_CONFIG";

/** All keys of the configuration in the order of the schema. */
export const CONFIG_KEYS: readonly ConfigKey[] = keysOf(configSchema);

/** Where a configuration comes from. */
export interface ConfigInput {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Everything that is wrong with a configuration, one sentence each. */
export class ConfigFault extends Fault {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super("CONFIG_INVALID", problems.join("\n"), { hint: "See grandstand --help for every key." });
    this.problems = problems;
  }
}

function configPath(input: ConfigInput): string | undefined {
  const index = input.flags.findIndex((flag) => flag === CONFIG_FLAG || flag.startsWith(`${CONFIG_FLAG}=`));
  const flag = input.flags[index];
  if (flag !== undefined) return flag === CONFIG_FLAG ? input.flags[index + 1] : flag.slice(CONFIG_FLAG.length + 1);
  const variable = input.environment[CONFIG_VARIABLE];
  if (variable !== undefined && variable !== "") return variable;
  return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : (error as Error).message;
    throw new Fault("CONFIG_UNREADABLE", `the configuration file ${path} cannot be read: ${why}`, {
      at: path,
      cause: error,
      hint: "Name the right file with --config.",
    });
  }
}

function shown(value: unknown): string {
  const written = JSON.stringify(value) ?? String(value);
  return written.length > 80 ? `${written.slice(0, 80)}…` : written;
}

function place(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head = "", ...rest] = path;
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  tree[head] ??= {};
  place(tree[head] as Record<string, unknown>, rest, value);
}

type Places = ReadonlyMap<string, { readonly value: unknown; readonly place: string }>;

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let node = value;
  for (const step of path) node = (node as Record<PropertyKey, unknown> | undefined)?.[step];
  return node;
}

/** "must be …"; YAML reads 0123 and yes as a number and a switch, so a text that looks like one needs quotes. */
function rule(key: ConfigKey, value: unknown): string {
  const needsQuotes = key.facts.kind === "text" && (typeof value === "number" || typeof value === "boolean");
  return `must be ${key.facts.allowed}${needsQuotes ? "; put it in quotes" : ""}`;
}

/** Keys whose value is a list of entries with keys of their own. */
const LISTS: Readonly<Record<string, { readonly schema: z.ZodType; readonly entry: string }>> = {
  streams: { schema: streamSchema, entry: "a stream with name and key" },
  hooks: { schema: hookSchema, entry: "a hook with url, secret and events" },
  targets: { schema: targetSchema, entry: "a target with name, url and key" },
};

function written(value: unknown, facts: ConfigKey["facts"]): string {
  return facts.isSecret === true ? "(hidden)" : shown(value);
}

/** Where an issue is found: a list, its name in messages, and its place in the configuration. */
interface ListPlace {
  readonly list: ConfigKey;
  readonly name: string;
  readonly path: readonly PropertyKey[];
}

function listProblem(
  { list, name: listName, path }: ListPlace,
  issue: z.core.$ZodIssue,
  tree: unknown,
  from: string,
): string[] {
  const [position, word] = issue.path.slice(path.length);
  const known = LISTS[list.name];
  if (typeof position !== "number" || known === undefined) {
    return [`${listName} = ${written(at(tree, path), list.facts)} (${from}): must be ${list.facts.allowed}`];
  }
  const name = `${listName}[${position}]`;
  const keys = keysOf(known.schema);
  if (word === undefined && issue.code === "unrecognized_keys") {
    const names = keys.map((key) => key.name);
    return issue.keys.map((key) => `${name}.${key} (${from}): there is no such key${suggestion(key, names)}`);
  }
  const key = keys.find((candidate) => candidate.name === word);
  if (key === undefined) {
    return [`${name} = ${written(at(tree, issue.path), list.facts)} (${from}): must be ${known.entry}`];
  }
  const inner = { list: key, name: `${name}.${key.name}`, path: [...path, position, key.name] };
  if (LISTS[key.name] !== undefined) return listProblem(inner, issue, tree, from);
  const value = at(tree, inner.path);
  if (value === undefined) return [`${inner.name} (${from}): is missing`];
  return [`${inner.name} = ${written(value, key.facts)} (${from}): ${rule(key, value)}`];
}

/** One sentence per wrong value, naming key, value, source and what is allowed. */
function problemsOf(error: z.ZodError, tree: unknown, places: Places): string[] {
  const problems = new Set<string>();
  for (const issue of error.issues) {
    const key = CONFIG_KEYS.find((candidate) => candidate.path.every((word, i) => issue.path[i] === word));
    if (key === undefined) {
      problems.add(`${issue.path.join(".")}: ${issue.message}`);
      continue;
    }
    const from = places.get(key.name)?.place ?? "default";
    if (key.facts.kind === "list") {
      for (const problem of listProblem({ list: key, name: key.name, path: key.path }, issue, tree, from))
        problems.add(problem);
      continue;
    }
    problems.add(`${key.name} = ${written(at(tree, key.path), key.facts)} (${from}): ${rule(key, at(tree, key.path))}`);
  }
  return [...problems];
}

/** Names that stand more than once in a list. */
function twice(entries: readonly { readonly name: string }[]): ReadonlySet<string> {
  const names = entries.map(({ name }) => name.trim());
  return new Set(names.filter((name, i) => names.indexOf(name) < i));
}

/** Rules between keys. */
function crossProblems(config: Config): string[] {
  const problems: string[] = [];
  const { tls } = config;
  const hasTls = tls.cert !== undefined && tls.key !== undefined;
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [have, lack] = tls.cert === undefined ? ["key", "cert"] : ["cert", "key"];
    problems.push(`tls.${lack} is missing: tls.${have} is set, and one is of no use without the other`);
  }
  if (tls.http3 && !hasTls) problems.push("tls.http3 = true: HTTP/3 needs tls.cert and tls.key");
  const ports: [string, number][] = [
    ["httpPort", config.httpPort],
    ["rtmpPort", config.rtmpPort],
    ...(hasTls
      ? ([
          ["tls.httpsPort", tls.httpsPort],
          ["tls.rtmpsPort", tls.rtmpsPort],
        ] as [string, number][])
      : []),
  ];
  ports.forEach(([name, port], i) => {
    const other = ports.slice(0, i).find(([, taken]) => taken === port)?.[0];
    if (other !== undefined) problems.push(`${name} = ${port}: ${other} uses that port already`);
  });
  if (config.windowSeconds < 3 * config.segmentSeconds) {
    problems.push(
      `windowSeconds = ${config.windowSeconds}: must be at least three segments, ${3 * config.segmentSeconds} with segmentSeconds = ${config.segmentSeconds}`,
    );
  }
  const isTooLong = config.partMs !== undefined && config.partMs > config.segmentSeconds * 1000;
  if (isTooLong)
    problems.push(`partMs = ${config.partMs}: must not be longer than a segment (${config.segmentSeconds * 1000} ms)`);
  for (const name of twice(config.streams)) problems.push(`streams: two streams have the name ${name}`);
  for (const { name: stream, targets = [] } of config.streams) {
    for (const name of twice(targets)) problems.push(`streams: ${stream} has two targets with the name ${name}`);
  }
  return problems;
}

/**
 * Puts defaults, the file, the environment and the flags together, each over the one before, and checks everything before anything is done.
 * @throws ConfigFault with every problem; Fault `CONFIG_UNREADABLE` when the file cannot be read or is not YAML.
 */
export function loadConfig(input: ConfigInput): Config {
  const flags = readFlags(input.flags, CONFIG_KEYS, [CONFIG_FLAG]);
  const environment = readEnvironment(input.environment, CONFIG_KEYS, [CONFIG_VARIABLE]);
  const path = configPath(input);
  const file: SourceValues =
    path === undefined ? { values: new Map(), problems: [] } : readFileText(readFile(path), path, CONFIG_KEYS);
  const places = new Map([...file.values, ...environment.values, ...flags.values]);
  const tree: Record<string, unknown> = {};
  for (const [name, { value }] of places) place(tree, name.split("."), value);
  const parsed = configSchema.safeParse(tree);
  const problems = [...file.problems, ...environment.problems, ...flags.problems];
  if (!parsed.success) throw new ConfigFault([...problems, ...problemsOf(parsed.error, tree, places)]);
  problems.push(...crossProblems(parsed.data));
  if (problems.length > 0) throw new ConfigFault(problems);
  return { ...parsed.data, dataDir: resolve(parsed.data.dataDir) };
}

/** Facts of the keys of one declared stream, for the reference page. */
export const STREAM_KEYS: readonly ConfigKey[] = keysOf(streamSchema);

/** Facts of the keys of one declared stream's target, for the reference page. */
export const TARGET_KEYS: readonly ConfigKey[] = keysOf(targetSchema);

/** Facts of the keys of one hook, for the reference page. */
export const HOOK_KEYS: readonly ConfigKey[] = keysOf(hookSchema);
