import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

/** The checkout's root folder. */
export const ROOT: string = join(import.meta.dir, "..");

/** A source file as the repository's checks see it. */
export interface SourceFile {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One broken rule: where, and what to do. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Every file git tracks or would track (not ignored), whose path ends in one of `endings` and which is there. */
export function listFiles(endings: readonly string[], root: string = ROOT): SourceFile[] {
  const listing = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return [...new Set(listing.split("\n"))]
    .filter((path) => endings.some((ending) => path.endsWith(ending)) && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** Line number, from 1, of a character offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/** A module that a file imports, re-exports from, or loads with a constant `import()`. */
export interface ImportReference {
  readonly specifier: string;
  readonly offset: number;
}

/** All module specifiers of a file, type-only ones included. */
export function importsOf(file: SourceFile): ImportReference[] {
  const { module, errors } = parseSync(file.path, file.text);
  if (errors.length > 0) throw new Error(`${file.path}: ${errors[0]?.message ?? "cannot be parsed"}`);
  const found: ImportReference[] = module.staticImports.map((i) => ({
    specifier: i.moduleRequest.value,
    offset: i.start,
  }));
  for (const statement of module.staticExports) {
    for (const entry of statement.entries) {
      if (entry.moduleRequest !== null) found.push({ specifier: entry.moduleRequest.value, offset: statement.start });
    }
  }
  for (const dynamic of module.dynamicImports) {
    const text = file.text.slice(dynamic.moduleRequest.start, dynamic.moduleRequest.end);
    const literal = /^["'`]([^"'`$]+)["'`]$/.exec(text);
    if (literal?.[1] !== undefined) found.push({ specifier: literal[1], offset: dynamic.start });
  }
  return found;
}
