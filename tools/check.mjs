// `npm run check`: types, lint, formatting, import directions, repository rules, dead code. All run; any failure exits 1.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, bunPath, ROOT } from "./install.mjs";

ensureInstalled();
const bin = (name) => join(ROOT, "node_modules", ".bin", name);
const bun = bunPath();
const steps = [
  ["types", bin("tsc"), ["--noEmit"]],
  ["types of the pages", bin("tsc"), ["-p", "tsconfig.web.json", "--noEmit"]],
  ["types of the cross-role tests and benches", bin("tsc"), ["-p", "tsconfig.test.json", "--noEmit"]],
  ["lint", bin("oxlint"), ["--type-aware", "src", "test", "bench", "tools"]],
  ["formatting", bin("biome"), ["format", "."]],
  ["import directions", bun, ["tools/check-imports.ts"]],
  ["repository rules", bun, ["tools/tidy.ts"]],
  ["dead code", bin("knip"), ["--no-progress"]],
];
const failed = [];
for (const [name, command, args] of steps) {
  const startedMs = Date.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (status !== 0) {
    failed.push(name);
    console.log(`${stdout ?? ""}${stderr ?? ""}`.trimEnd());
  }
}
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(", ")}`);
  process.exit(1);
}
