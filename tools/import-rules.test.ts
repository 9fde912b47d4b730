import { expect, test } from "bun:test";
import { checkImports, parseArchitecture } from "./import-rules.ts";

const rules = parseArchitecture(
  [
    "| folder | what | may import | npm packages |",
    "|---|---|---|---|",
    "| bytes | b | | |",
    "| edge | e | bytes | hono |",
    "| node | n | * | |",
  ].join("\n"),
);

function findingsOf(path: string, text: string): string[] {
  return checkImports([{ path, text }], rules).map((finding) => finding.message);
}

test("a folder may import what its row names, faults, and itself", () => {
  const text =
    'import "#bytes/a.ts"; import "#faults/f.ts"; import "./x.ts"; import type { A } from "hono/b"; import "node:fs";';
  expect(findingsOf("src/edge/a.ts", text)).toEqual([]);
});

test("an upward import is found, type-only and dynamic ones too", () => {
  expect(findingsOf("src/bytes/a.ts", 'import type { E } from "#edge/e.ts";')).toHaveLength(1);
  expect(findingsOf("src/bytes/a.ts", 'const e = await import("#edge/e.ts");')).toHaveLength(1);
  expect(findingsOf("src/bytes/a.ts", 'export { e } from "#edge/e.ts";')).toHaveLength(1);
});

test("packages outside the row, ../ and Bun's modules are found", () => {
  expect(findingsOf("src/edge/a.ts", 'import "zod"; import "../x.ts"; import "bun:ffi";')).toHaveLength(3);
});

test("an unknown folder is found", () => {
  expect(findingsOf("src/misc/a.ts", "")).toEqual(["src/misc is not in ARCHITECTURE.md's table"]);
});

test("the assembly may import everything of ours", () => {
  expect(findingsOf("src/node/a.ts", 'import "#edge/e.ts"; import "#bytes/b.ts";')).toEqual([]);
});

test("a test, and what puts a folder under test, may import everything of ours", () => {
  for (const path of ["src/bytes/a.test.ts", "src/bytes/bytes-under-test.ts"]) {
    expect(findingsOf(path, 'import "#edge/e.ts";')).toEqual([]);
  }
  expect(findingsOf("src/bytes/a.ts", 'import "#edge/e.ts";')).toHaveLength(1);
});
