// Finds or installs what the commands need. Plain Node 20: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's root folder. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

const marker = join(ROOT, "node_modules", ".package-lock.json");

/** Whether every package that the lock file demands is there in its version; binaries of other platforms are not demanded. */
function isInstalled() {
  if (!existsSync(marker)) return false;
  const installed = JSON.parse(readFileSync(marker, "utf8")).packages;
  const demanded = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  return Object.entries(demanded).every(
    ([place, entry]) => place === "" || entry.optional === true || installed[place]?.version === entry.version,
  );
}

/** Runs `npm ci` unless node_modules matches the lock file; exits with npm's code when that fails. */
export function ensureInstalled() {
  if (isInstalled()) return;
  console.error("Installing dependencies from the npm registry (once)…");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    stdio: "inherit",
  });
  if (status !== 0) {
    console.error("npm ci failed: see its message above. Grandstand needs the npm registry once.");
    process.exit(status ?? 1);
  }
}

function platformPackages() {
  if (process.platform !== "linux") return [`bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : "x64"}`];
  const arch = process.arch === "arm64" ? "aarch64" : "x64";
  const isMusl = process.report?.getReport?.().header?.glibcVersionRuntime === undefined;
  const family = isMusl ? `bun-linux-${arch}-musl` : `bun-linux-${arch}`;
  return [family, `${family}-baseline`];
}

/**
 * Path of Bun's own binary. The platform package is asked first: it works even where npm runs no install scripts.
 */
export function bunPath() {
  const name = process.platform === "win32" ? "bun.exe" : "bun";
  for (const platformPackage of platformPackages()) {
    const path = join(ROOT, "node_modules", "@oven", platformPackage, "bin", name);
    if (existsSync(path) && spawnSync(path, ["--version"]).status === 0) return path;
  }
  return join(ROOT, "node_modules", ".bin", name);
}
