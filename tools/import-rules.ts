import { type Finding, type SourceFile, importsOf, lineOf } from "./source-tree.ts";

/** What one folder of `src/` may import, as a row of ARCHITECTURE.md's table says. */
export interface FolderRule {
  readonly folder: string;
  /** Folders, or `"*"` for all. */
  readonly folders: ReadonlySet<string> | "*";
  readonly packages: ReadonlySet<string>;
}

/** Packages every test may import. */
const TEST_PACKAGES = new Set([
  "fast-check",
  "playwright-core",
  "hls-parser",
  "mpd-parser",
  "mediabunny",
  "shaka-player",
  "dashjs",
  "node-av",
  "hls.js",
  "yaml",
]);

/** Reads the table of folders. @throws Error when it finds no row. */
export function parseArchitecture(markdown: string): Map<string, FolderRule> {
  const rules = new Map<string, FolderRule>();
  for (const line of markdown.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    const [, folder, , mayImport, packages] = cells;
    if (cells.length !== 6 || folder === undefined || !/^[a-z]+$/.test(folder) || folder === "folder") continue;
    rules.set(folder, {
      folder,
      folders: mayImport === "*" ? "*" : new Set((mayImport ?? "").split(" ").filter((name) => name !== "")),
      packages: new Set((packages ?? "").split(" ").filter((name) => name !== "")),
    });
  }
  if (rules.size === 0) throw new Error("ARCHITECTURE.md has no table of folders");
  return rules;
}

/** `node-av/lib` → `node-av`, `@hono/zod-openapi` → itself. */
function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier);
}

/** Tests, and what they share: files named for what they put under test. */
function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.endsWith(".test.tsx") || path.endsWith("-under-test.ts");
}

function judge(file: SourceFile, rule: FolderRule, specifier: string): string | undefined {
  if (specifier.startsWith("./")) return undefined;
  if (specifier.startsWith("../")) return "imports upwards with ../: write #folder/file.ts";
  if (specifier.startsWith("#")) {
    const target = specifier.slice(1).split("/")[0] ?? "";
    if (target === rule.folder || target === "faults" || rule.folders === "*" || rule.folders.has(target))
      return undefined;
    if (isTest(file.path)) return undefined;
    return `${rule.folder}/ may not import ${target}/ (see the table in ARCHITECTURE.md)`;
  }
  if (specifier.startsWith("node:")) return undefined;
  if (isTest(file.path) && (specifier === "bun:test" || TEST_PACKAGES.has(packageOf(specifier)))) return undefined;
  if (file.path.endsWith("/contract.ts") && specifier === "bun:test") return undefined;
  if (specifier === "bun" || specifier.startsWith("bun:")) {
    return rule.folder === "runtime" ? undefined : "Bun's own modules are used in runtime/ only";
  }
  if (rule.packages.has(packageOf(specifier))) return undefined;
  return `${rule.folder}/ may not import the package ${packageOf(specifier)} (see the table in ARCHITECTURE.md)`;
}

/** Every import of `files` (below `src/`) that the table forbids. */
export function checkImports(files: readonly SourceFile[], rules: ReadonlyMap<string, FolderRule>): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    const folder = file.path.split("/")[1] ?? "";
    const rule = rules.get(folder);
    if (rule === undefined) {
      findings.push({ path: file.path, line: 1, message: `src/${folder} is not in ARCHITECTURE.md's table` });
      continue;
    }
    for (const { specifier, offset } of importsOf(file)) {
      const message = judge(file, rule, specifier);
      if (message !== undefined) findings.push({ path: file.path, line: lineOf(file.text, offset), message });
    }
  }
  return findings;
}
