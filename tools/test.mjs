// `npm test [path …]`: installs what is missing, runs every test, prints `N passed, N failed` as its last line.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstalled, bunPath, ROOT } from "./install.mjs";
import { ensureSystemPackages } from "./system-packages.mjs";

/** A runner that prints nothing for so long hangs: no test may take that long, and each ends with a line. */
const SILENCE_MAX_MS = 300_000;
/** A runner that hangs has so long to say where it stood. */
const LAST_WORDS_MS = 10_000;
/** Output that a runner wrote before its end arrives within so long. */
const LAST_LINES_MS = 2_000;

/** Test files of the first round that run at the same time. */
const FILES_AT_ONCE_MAX = 4;

const unitFlags = [`--parallel=${Math.min(FILES_AT_ONCE_MAX, availableParallelism())}`];
/** Real encoders, browsers and players want the machine for themselves: one file after the other. */
const realFlags = ["--isolate"];

function count(report) {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  const head = /<testsuites\b[^>]*>/.exec(readFileSync(report, "utf8"))?.[0] ?? "";
  const attribute = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = attribute("failures") + attribute("errors");
  const skipped = attribute("skipped");
  return { passed: Math.max(0, attribute("tests") - failed - skipped), failed, skipped };
}

let running;
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill(signal);
  });
}

/** Passes on what the runner prints, and ends the runner when it falls silent. Returns how to stop watching. */
function watch(runner) {
  let timer;
  const silent = () => {
    console.log(`the test runner printed nothing for ${SILENCE_MAX_MS / 1000} s: it hangs and is ended`);
    runner.kill("SIGTERM");
    timer = setTimeout(() => runner.kill("SIGKILL"), LAST_WORDS_MS);
  };
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(silent, SILENCE_MAX_MS);
  };
  for (const name of ["stdout", "stderr"]) {
    runner[name].pipe(process[name], { end: false });
    runner[name].on("data", heard);
  }
  heard();
  return () => clearTimeout(timer);
}

/** Runs the runner once and counts what its report says. */
async function round(flags, paths) {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-test-"));
  const report = join(folder, "junit.xml");
  const args = ["test", ...flags, "--reporter=junit", `--reporter-outfile=${report}`, ...paths];
  running = spawn(bunPath(), args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const unwatch = watch(running);
  const code = await new Promise((resolve) => {
    running.once("error", (error) => {
      console.error(`Bun cannot be started: ${error.message}. Delete node_modules and run npm test again.`);
      resolve(1);
    });
    // What it started and left behind may hold its output open: its last lines get a moment, not forever.
    running.once("close", (exitCode) => resolve(exitCode ?? 1));
    running.once("exit", (exitCode) => setTimeout(resolve, LAST_LINES_MS, exitCode ?? 1));
  });
  unwatch();
  const counted = count(report);
  rmSync(folder, { recursive: true, force: true });
  if (code !== 0 && counted.failed === 0) {
    // It crashed, or a file could not be loaded: a failure that no test stands for.
    console.log(`the test runner ended with exit code ${code}`);
    counted.failed = 1;
  }
  return counted;
}

ensureInstalled();
ensureSystemPackages();
const wanted = process.argv.slice(2);
const rounds =
  wanted.length > 0
    ? [[realFlags, wanted]]
    : [
        [unitFlags, ["./src", "./tools"]],
        [realFlags, ["./test"]],
      ];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const [flags, paths] of rounds) {
  if (interrupted) break;
  const counted = await round(flags, paths);
  for (const kind of Object.keys(total)) total[kind] += counted[kind];
}
if (interrupted) total.failed++;
if (total.passed + total.failed === 0) console.log("no test ran");
if (total.skipped > 0) console.log(`${total.skipped} skipped: each names its reason above`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
