import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type LockFile, missingEntries } from "./lock-file.ts";
import { ROOT } from "./source-tree.ts";

const text = readFileSync(join(ROOT, "package-lock.json"), "utf8");

test("the lock file names the binaries of every platform, so that npm ci takes it", () => {
  expect(missingEntries(JSON.parse(text) as LockFile)).toEqual({});
});

test("the lock file names no registry", () => {
  expect(text).not.toContain('"resolved"');
});

test("a missing platform is found where its package would be installed", () => {
  const lock: LockFile = {
    packages: {
      "": {},
      "node_modules/a": {
        version: "2.0.0",
        optionalDependencies: { "@a/linux-x64-musl": "2.0.0", "@a/any": "^1.0.0" },
      },
    },
  };
  expect(missingEntries(lock)).toEqual({
    "node_modules/@a/linux-x64-musl": { version: "2.0.0", cpu: ["x64"], optional: true, os: ["linux"], libc: ["musl"] },
  });
});
