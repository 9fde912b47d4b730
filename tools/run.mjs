// `npm start`, `npm run demo`, `npm run bench`, `grandstand …`: installs what is missing, then runs src/cli/main.ts under Bun.
// Plain Node 20: it runs before anything is installed.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { ensureInstalled, bunPath, ROOT } from "./install.mjs";

ensureInstalled();
// The fourth descriptor is a channel that closes when this process dies in any way, so that the platform ends with it.
const child = spawn(bunPath(), [join(ROOT, "src", "cli", "main.ts"), ...process.argv.slice(2)], {
  stdio: ["inherit", "inherit", "inherit", "ipc"],
});
child.channel?.unref();

const forward = (signal) => child.kill(signal);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) process.on(signal, forward);

child.once("error", (error) => {
  console.error(`Bun cannot be started: ${error.message}. Delete node_modules and run the command again.`);
  process.exit(1);
});
child.once("exit", (code, signal) => {
  process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
});
