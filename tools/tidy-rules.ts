import { parseSync } from "oxc-parser";
import { type Finding, type SourceFile, lineOf } from "./source-tree.ts";

/** Longest source file in lines; longer ones stand in {@link RatchetList} with their number, which may only fall. */
const FILE_LINES_MAX = 400;
/** Longest function in lines. */
const FUNCTION_LINES_MAX = 70;
const FORBIDDEN_NAMES = new Set([
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "shared",
  "misc",
  "manager",
  "service",
  "base",
  "core",
]);

/** Exceptions to the size rules: `path` or `path:function` → the size it has today. */
export type RatchetList = Readonly<Record<string, number>>;

interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

function children(node: Node): Node[] {
  const found: Node[] = [];
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) found.push(...value.filter(isNode));
    else if (isNode(value)) found.push(value);
  }
  return found;
}

function nameOf(node: Node, parent: Node | undefined): string {
  for (const candidate of [node["id"], parent?.["key"], parent?.["id"]]) {
    if (isNode(candidate) && typeof candidate["name"] === "string") return candidate["name"];
  }
  return "anonymous";
}

/** Functions of a file with their length in lines. */
function functionsOf(file: SourceFile): { name: string; line: number; lines: number }[] {
  const found: { name: string; line: number; lines: number }[] = [];
  const visit = (node: Node, parent: Node | undefined): void => {
    if (
      node.type === "FunctionDeclaration" ||
      node.type === "FunctionExpression" ||
      node.type === "ArrowFunctionExpression"
    ) {
      const line = lineOf(file.text, node.start);
      found.push({ name: nameOf(node, parent), line, lines: lineOf(file.text, node.end) - line + 1 });
    }
    for (const child of children(node)) visit(child, node);
  };
  visit(parseSync(file.path, file.text).program as unknown as Node, undefined);
  return found;
}

function isProduct(path: string): boolean {
  return path.startsWith("src/") && !path.endsWith(".test.ts") && !path.endsWith(".test.tsx");
}

/** Files and functions longer than allowed, or longer than their entry in the ratchet list. */
export function checkSizes(file: SourceFile, ratchet: RatchetList): Finding[] {
  if (!isProduct(file.path)) return [];
  const findings: Finding[] = [];
  const lines = file.text.split("\n").length - 1;
  const fileMax = ratchet[file.path] ?? FILE_LINES_MAX;
  if (lines > fileMax)
    findings.push({ path: file.path, line: 1, message: `${lines} lines, at most ${fileMax}: split it by concept` });
  for (const fn of functionsOf(file)) {
    const max = ratchet[`${file.path}:${fn.name}`] ?? FUNCTION_LINES_MAX;
    if (fn.lines > max) {
      findings.push({
        path: file.path,
        line: fn.line,
        message: `function ${fn.name} has ${fn.lines} lines, at most ${max}`,
      });
    }
  }
  return findings;
}

/** File names that say nothing. */
export function checkNames(file: SourceFile): Finding[] {
  const name = file.path.split("/").at(-1)?.split(".")[0] ?? "";
  if (!FORBIDDEN_NAMES.has(name)) return [];
  return [{ path: file.path, line: 1, message: `"${name}" names no concept` }];
}

/** Exports without a docstring directly above. */
export function checkDocstrings(file: SourceFile): Finding[] {
  if (!isProduct(file.path) || file.path.startsWith("src/web/")) return [];
  const { program, comments } = parseSync(file.path, file.text);
  const findings: Finding[] = [];
  for (const statement of program.body as unknown as Node[]) {
    if (statement.type !== "ExportNamedDeclaration" && statement.type !== "ExportDefaultDeclaration") continue;
    const declaration = statement["declaration"];
    if (!isNode(declaration)) continue;
    const documented = comments.some(
      (comment) =>
        comment.type === "Block" &&
        comment.value.startsWith("*") &&
        file.text.slice(comment.end, statement.start).trim() === "",
    );
    if (!documented && !isOverload(statement, program.body as unknown as Node[])) {
      findings.push({
        path: file.path,
        line: lineOf(file.text, statement.start),
        message: "an export without a docstring",
      });
    }
  }
  return findings;
}

function isOverload(statement: Node, body: readonly Node[]): boolean {
  const before = body[body.indexOf(statement) - 1];
  const declaration = before?.["declaration"];
  return isNode(declaration) && declaration.type === "TSDeclareFunction";
}

/** Words that must not stand in the tree: unfinished work. */
export function checkWords(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const pattern = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`, "g");
  for (const match of file.text.matchAll(pattern)) {
    findings.push({
      path: file.path,
      line: lineOf(file.text, match.index),
      message: `${match[0]} on main: finish it or write it down`,
    });
  }
  return findings;
}

/** Tests that sleep instead of waiting for an event. */
export function checkTestsDoNotSleep(file: SourceFile): Finding[] {
  if (!/\.test\.tsx?$/.test(file.path)) return [];
  const findings: Finding[] = [];
  for (const match of file.text.matchAll(/\b(Bun\.sleep|systemClock\.sleep|setTimeout\(\s*(resolve|r|done)\b)/g)) {
    findings.push({
      path: file.path,
      line: lineOf(file.text, match.index),
      message: "a test sleeps: wait for the event, with a deadline",
    });
  }
  return findings;
}

/** Names of a registry that a document lacks, and names of the document that the registry lacks. */
export function compareRegistry(options: {
  readonly names: readonly string[];
  readonly documented: readonly string[];
  readonly path: string;
}): Finding[] {
  const { names, documented, path } = options;
  return [
    ...names.filter((n) => !documented.includes(n)).map((n) => ({ path, line: 1, message: `${n} is not documented` })),
    ...documented
      .filter((n) => !names.includes(n))
      .map((n) => ({ path, line: 1, message: `${n} is documented but does not exist` })),
  ];
}

/** Names of exported or private `*_MAX` constants in product files. */
export function limitConstants(files: readonly SourceFile[]): string[] {
  const names = new Set<string>();
  for (const file of files) {
    if (!isProduct(file.path)) continue;
    for (const match of file.text.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*_MAX)\b/gm)) {
      if (match[1] !== undefined) names.add(match[1]);
    }
  }
  return [...names].sort();
}
