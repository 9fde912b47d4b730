import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ConfigFault, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { declaredStreams, platformSettings, slateFileOf } from "./platform-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-continuity-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(yaml: string, flags: readonly string[] = []): Config {
  const path = join(folder, "grandstand.yaml");
  writeFileSync(path, yaml);
  return loadConfig({ flags: ["--config", path, ...flags], environment: {} });
}

function problemsOf(yaml: string): readonly string[] {
  try {
    load(yaml);
  } catch (error) {
    if (error instanceof ConfigFault) return error.problems.map((problem) => problem.replace(folder, "."));
    throw error;
  }
  return [];
}

test("without a word of it, viewers see a slate after a second, and no stream is always on", () => {
  const config = load("streams: [{ name: main, key: 0123456789abcdef }]");
  const expected = { continuity: "slate", slateAfterMs: 1000, slateWords: "We'll be right back", alwaysOn: false };
  expect(platformSettings(config)).toMatchObject(expected);
  expect(declaredStreams(config)[0]?.settings).toEqual({});
  expect(slateFileOf(config, "main")).toBeUndefined();
});

test("all streams share what stands at the root; a stream may decide for itself", () => {
  const config = load(`
continuity: hold
slateAfterMs: 2500
slateFile: /srv/pause.png
slateWords: Zaraz wracamy ☕
streams:
  - { name: main, key: 0123456789abcdef }
  - name: stage
    key: fedcba9876543210
    continuity: end
    slateAfterMs: 300
    slateFile: ./stage.mp4
    slateWords: Pause
    alwaysOn: true
`);
  const shared = { continuity: "hold", slateAfterMs: 2500, slateWords: "Zaraz wracamy ☕", alwaysOn: false };
  expect(platformSettings(config)).toMatchObject(shared);
  const own = { continuity: "end", slateAfterMs: 300, slateWords: "Pause", alwaysOn: true } as const;
  expect(declaredStreams(config).map(({ settings }) => settings)).toEqual([{}, own]);
  const files = ["main", "stage", "added-later"].map((stream) => slateFileOf(config, stream));
  expect(files).toEqual(["/srv/pause.png", resolve("stage.mp4"), "/srv/pause.png"]);
});

test("flags decide about all streams, too", () => {
  const flags = ["--continuity", "end", "--slate-after-ms=750", "--slate-words", "Back soon", "--slate-file", "p.webp"];
  const config = load("continuity: hold", flags);
  expect(platformSettings(config)).toMatchObject({ continuity: "end", slateAfterMs: 750, slateWords: "Back soon" });
  expect(slateFileOf(config, "main")).toBe(resolve("p.webp"));
});

test("messages, word for word", () => {
  const yaml = `
continuity: black
slateAfterMs: 200
slateFile: ""
slateWords: ${"x".repeat(81)}
alwaysOn: true
streams: [{ name: main, key: 0123456789abcdef, slateAfterMs: 20000, slateWords: " ", alwaysOn: "yes" }]
`;
  const here = "(./grandstand.yaml)";
  expect(problemsOf(yaml)).toEqual([
    `alwaysOn ${here}: there is no such key`,
    `continuity = "black" ${here}: must be one of slate, hold, end`,
    `slateAfterMs = 200 ${here}: must be a number from 300 to 10000`,
    `slateFile = "" ${here}: must be the path of a file`,
    `slateWords = "${"x".repeat(79)}… ${here}: must be a text of 1 to 80 characters`,
    `streams[0].slateAfterMs = 20000 ${here}: must be a number from 300 to 10000`,
    `streams[0].slateWords = " " ${here}: must be a text of 1 to 80 characters`,
    `streams[0].alwaysOn = "yes" ${here}: must be true or false`,
  ]);
});
