import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Fault } from "#faults/fault.ts";
import { bundleBrowser } from "./bundle.ts";
import { contentHash } from "./content-hash.ts";
import { gzip } from "./gzip.ts";

/** Runs `body` with a folder of source files. */
async function inFolder(
  files: Readonly<Record<string, string>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-bundle-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("entry points become minified scripts with hashed names, shared chunks and style sheets", async () => {
  const sources = {
    "watch.ts": 'import { stream } from "./stream.ts"; import "./watch.css"; document.title = stream;',
    "admin.ts": 'import { stream } from "./stream.ts"; console.log(stream);',
    "stream.ts": 'export const stream: string = "on air " + String(Math.random());',
    "watch.css": ".live { color : red ; }",
  };
  await inFolder(sources, async (folder) => {
    const [watch, admin] = [join(folder, "watch.ts"), join(folder, "admin.ts")];
    const bundle = await bundleBrowser({ entrypoints: [watch, admin] });
    const script = bundle.files.get(bundle.scripts.get(watch) ?? "");
    expect(script?.name).toMatch(/^watch-[a-z0-9]+\.js$/);
    expect(script?.type).toStartWith("text/javascript");
    const text = new TextDecoder().decode(script?.bytes);
    expect([text.includes("document.title="), text.includes(": string")]).toEqual([true, false]);
    const styles = bundle.files.get(bundle.styles.get(watch) ?? "");
    expect(styles?.type).toStartWith("text/css");
    expect(new TextDecoder().decode(styles?.bytes).trim()).toBe(".live{color:red}");
    expect(bundle.styles.has(admin)).toBe(false);
    for (const file of bundle.files.values()) {
      for (const imported of new TextDecoder().decode(file.bytes).matchAll(/from"\.\/([^"]+)"/g)) {
        expect(bundle.files.has(imported[1] ?? "")).toBe(true);
      }
    }
    writeFileSync(watch, `${sources["watch.ts"]} console.log("changed");`);
    const changed = await bundleBrowser({ entrypoints: [watch, admin] });
    expect(changed.scripts.get(watch)).not.toBe(bundle.scripts.get(watch));
    expect(changed.scripts.get(admin)).toBe(bundle.scripts.get(admin) ?? "");
  });
});

test("code that does not build is one clear fault with its place", async () => {
  await inFolder({ "broken.ts": "const a = 1;\nimport {" }, async (folder) => {
    const error: unknown = await bundleBrowser({ entrypoints: [join(folder, "broken.ts")] }).catch(
      (reason: unknown) => reason,
    );
    if (!(error instanceof Fault)) throw new Error("expected a Fault");
    expect(error.code).toBe("CONFIG_INVALID");
    expect(String(error.at)).toContain("broken.ts:2");
  });
});

test("gzip can be read by others, and hashes differ with any byte", () => {
  const bytes = new TextEncoder().encode("#EXTM3U\n".repeat(100));
  expect(new Uint8Array(gunzipSync(gzip(bytes)))).toEqual(bytes);
  expect(contentHash(bytes)).toMatch(/^[0-9a-f]{16}$/);
  expect(contentHash(bytes.slice(1))).not.toBe(contentHash(bytes));
});
