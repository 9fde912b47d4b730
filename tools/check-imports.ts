// The import checker: reads ARCHITECTURE.md's table and every import below src/. Exits 1 when a boundary is crossed or nothing was checked.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkImports, parseArchitecture } from "./import-rules.ts";
import { listFiles, ROOT } from "./source-tree.ts";

const rules = parseArchitecture(readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8"));
const files = listFiles([".ts", ".tsx"]).filter((file) => file.path.startsWith("src/"));
const findings = checkImports(files, rules);
for (const { path, line, message } of findings) console.error(`${path}:${line}: ${message}`);
if (files.length === 0) console.error("no source file was checked");
console.log(`imports: ${files.length} files, ${rules.size} folders, ${findings.length} findings`);
process.exit(findings.length > 0 || files.length === 0 ? 1 : 0);
