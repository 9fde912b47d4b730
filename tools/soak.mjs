// `npm run soak -- --minutes 10`: installs what is missing, then watches a stream strictly for that long.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, bunPath, ROOT } from "./install.mjs";
import { ensureSystemPackages } from "./system-packages.mjs";

ensureInstalled();
ensureSystemPackages();
const script = join(ROOT, "test", "soak", "conformance.ts");
const { status } = spawnSync(bunPath(), [script, ...process.argv.slice(2)], { cwd: ROOT, stdio: "inherit" });
process.exit(status ?? 1);
