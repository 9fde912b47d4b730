// Writes docs/limits.md from the comments of every `*_MAX` constant: `bun tools/limits-page.ts`. Without a comment a constant is a finding.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { listFiles, ROOT } from "./source-tree.ts";

interface Limit {
  readonly name: string;
  readonly value: string;
  readonly folder: string;
  readonly words: string;
}

const CONSTANT =
  /(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*|((?:^\/\/[^\n]*\n)+))?^(?:export )?const ([A-Z][A-Z0-9_]*_MAX)\b(?:\s*:\s*[\w.]+)?\s*=\s*([^;\n]+);/gm;

function sentence(comment: string): string {
  const text = comment
    .split("\n")
    .map((line) => line.replace(/^\s*(\*|\/\/)\s?/, "").trim())
    .join(" ")
    .replaceAll(/\{@link ([\w.#]+)\}/g, "`$1`")
    .replaceAll("|", "\\|")
    .trim();
  return text.replaceAll(/\s+/g, " ");
}

const limits: Limit[] = [];
const bare: string[] = [];
for (const file of listFiles([".ts", ".tsx"])) {
  if (!file.path.startsWith("src/") || /\.test\.tsx?$/.test(file.path)) continue;
  for (const match of file.text.matchAll(CONSTANT)) {
    const [, doc, lines, name = "", value = ""] = match;
    const words = sentence(doc ?? lines ?? "");
    if (words === "") bare.push(`${file.path}: ${name} has no comment`);
    limits.push({ name, value, folder: file.path.split("/")[1] ?? "", words });
  }
}
limits.sort((a, b) => a.folder.localeCompare(b.folder) || a.name.localeCompare(b.name));
const folders = [...new Set(limits.map((limit) => limit.folder))];
const sections = folders.map((folder) => {
  const seen = new Set<string>();
  const rows = limits
    .filter(
      (limit) => limit.folder === folder && !seen.has(limit.name + limit.words) && seen.add(limit.name + limit.words),
    )
    .map(({ name, value, words }) => `| \`${name}\` | \`${value.trim().replaceAll("|", "\\|")}\` | ${words} |`);
  return [
    `## ${folder}`,
    "",
    "| constant | value | what it bounds, and what happens at it |",
    "| --- | --- | --- |",
    ...rows,
  ].join("\n");
});
const page = [
  "# Limits",
  "",
  "<!-- Generated from the comments beside the constants: bun tools/limits-page.ts -->",
  "",
  "Whatever can grow has a bound. These are all of them, by folder of `src/`; those that an operator may change stand in",
  "[configuration](operate/configuration.md) below `limits` as well.",
  "",
  sections.join("\n\n"),
  "",
].join("\n");
for (const finding of bare) console.error(finding);
writeFileSync(join(ROOT, "docs", "limits.md"), page);
console.log(`limits: ${limits.length} constants`);
process.exit(bare.length > 0 || limits.length === 0 ? 1 : 0);
