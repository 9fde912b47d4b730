// The repository's own rules, as a check. Exits 1 on any finding, or when it looked at nothing.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FAULT_CODES } from "#faults/codes.ts";
import { parseArchitecture } from "./import-rules.ts";
import ratchet from "./ratchet.json";
import { type Finding, listFiles, ROOT } from "./source-tree.ts";
import {
  checkDocstrings,
  checkNames,
  checkSizes,
  checkTestsDoNotSleep,
  checkWords,
  compareRegistry,
  limitConstants,
} from "./tidy-rules.ts";

function headings(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  return [...text.matchAll(/^#{2,4} `?([A-Z][A-Z0-9_]+)`?/gm)].map((match) => match[1] ?? "");
}

function tableNames(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  return [...text.matchAll(/^\| `([A-Z][A-Z0-9_]*_MAX)`/gm)].map((match) => match[1] ?? "");
}

const sources = listFiles([".ts", ".tsx"]).filter((file) => !file.path.includes("/vectors/"));
const findings: Finding[] = [];
for (const file of sources) {
  findings.push(
    ...checkSizes(file, ratchet),
    ...checkNames(file),
    ...checkDocstrings(file),
    ...checkWords(file),
    ...checkTestsDoNotSleep(file),
  );
}
const folders = [...new Set(sources.filter((f) => f.path.startsWith("src/")).map((f) => f.path.split("/")[1] ?? ""))];
const table = [...parseArchitecture(readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8")).keys()];
findings.push(
  ...compareRegistry({ names: folders, documented: table, path: "ARCHITECTURE.md" }),
  ...compareRegistry({
    names: Object.keys(FAULT_CODES),
    documented: headings("docs/errors.md"),
    path: "docs/errors.md",
  }),
  ...compareRegistry({
    names: limitConstants(sources),
    documented: tableNames("docs/limits.md"),
    path: "docs/limits.md",
  }),
);
for (const { path, line, message } of findings) console.error(`${path}:${line}: ${message}`);
console.log(`tidy: ${sources.length} files, ${findings.length} findings`);
process.exit(findings.length > 0 || sources.length === 0 ? 1 : 0);
