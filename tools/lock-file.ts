/**
 * npm writes into its lock file only what the registry at hand offers. A registry without the binaries of other platforms leaves their entries out,
 * and `npm ci` then refuses the lock file everywhere. This finds such gaps; run as a program it fills them:
 *
 *   bun tools/lock-file.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./source-tree.ts";

interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What of `package-lock.json` is looked at: entries by their place in the tree. */
export interface LockFile {
  readonly packages: Record<string, LockEntry>;
}

const SYSTEMS = ["darwin", "linux", "win32", "windows", "android", "freebsd", "openharmony"];
const PROCESSORS = ["x64", "arm64", "aarch64", "ia32", "arm", "riscv64", "s390x", "ppc64"];
const ALIASES: Readonly<Record<string, string>> = { windows: "win32", aarch64: "arm64" };

/** Where the package `name`, required from `place`, is found; undefined when it is not in the file. */
function resolve(lock: LockFile, place: string, name: string): string | undefined {
  for (let base = place; ; base = base.slice(0, Math.max(0, base.lastIndexOf("node_modules/") - 1))) {
    const candidate = `${base === "" ? "" : `${base}/`}node_modules/${name}`;
    if (lock.packages[candidate] !== undefined) return candidate;
    if (base === "") return undefined;
  }
}

function entryOf(name: string, version: string, dev: boolean): LockEntry {
  const words = name.split(/[-/@]/);
  const first = (known: readonly string[]): string[] =>
    words
      .filter((word) => known.includes(word))
      .slice(0, 1)
      .map((word) => ALIASES[word] ?? word);
  const [os, cpu] = [first(SYSTEMS), first(PROCESSORS)];
  return {
    version,
    ...(cpu.length === 0 ? {} : { cpu }),
    ...(dev ? { dev } : {}),
    optional: true,
    ...(os.length === 0 ? {} : { os }),
    ...(name.includes("musl") ? { libc: ["musl"] } : {}),
  };
}

/** Entries that exact optional dependencies need and the file lacks, by their place. */
export function missingEntries(lock: LockFile): Record<string, LockEntry> {
  const missing: Record<string, LockEntry> = {};
  for (const [place, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!/^\d+\.\d+\.\d+[-+.\w]*$/.test(version)) continue;
      const found = resolve(lock, place, name);
      if (found !== undefined && lock.packages[found]?.version === version) continue;
      const home = place.slice(0, place.lastIndexOf("node_modules/"));
      missing[`${home}node_modules/${name}`] = entryOf(name, version, entry.dev === true);
    }
  }
  return missing;
}

if (import.meta.main) {
  const path = join(ROOT, "package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8")) as LockFile;
  const missing = missingEntries(lock);
  const { "": root, ...rest } = { ...lock.packages, ...missing };
  const sorted = Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: { "": root, ...sorted } }, null, 2)}\n`);
  console.log(`${Object.keys(missing).length} entries added to package-lock.json`);
}
