import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigFault, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { declaredStreams } from "./platform-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-target-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, "grandstand.yaml");

function load(targets: string): Config {
  writeFileSync(path, `streams: [{ name: main, key: 0123456789abcdef, targets: ${targets} }]`);
  return loadConfig({ flags: ["--config", path], environment: {} });
}

function problemsOf(targets: string): readonly string[] {
  try {
    load(targets);
  } catch (error) {
    if (error instanceof ConfigFault) return error.problems.map((problem) => problem.replace(` (${path})`, ""));
    throw error;
  }
  return [];
}

describe("targets of a stream in the configuration file", () => {
  test("have the fields that the API knows, and its defaults", () => {
    const config = load("[{ name: Club, url: 'rtmp://club.example/live', key: abcd-efgh }]");
    const club = {
      name: "Club",
      url: "rtmp://club.example/live",
      key: "abcd-efgh",
      rendition: "source",
      enabled: true,
    };
    expect(declaredStreams(config)[0]?.targets).toEqual([club]);
    expect(load("[]").streams[0]?.targets).toEqual([]);
  });

  test.each([
    [
      "rtmp://club.example/live/abcd-efgh",
      ["streams[0].targets = (hidden): must be a list of at most 16 targets, each with name, url and key"],
    ],
    [
      "['rtmp://club.example/live/abcd-efgh']",
      ["streams[0].targets[0] = (hidden): must be a target with name, url and key"],
    ],
    ["[{}]", ["name", "url", "key"].map((key) => `streams[0].targets[0].${key}: is missing`)],
    [
      "[{ name: Club, url: 'rtmp://me:pw@club.example/live', key: 'two words', rendition: 720 lines, enabled: maybe, to: x }]",
      [
        "streams[0].targets[0].url = (hidden): must be rtmp:// or rtmps:// with host and application, without user and query; what opens it is the key",
        "streams[0].targets[0].key = (hidden): must be 1 to 500 characters without spaces",
        'streams[0].targets[0].rendition = "720 lines": must be source, or the name of a rung, such as 720p',
        'streams[0].targets[0].enabled = "maybe": must be true or false',
        "streams[0].targets[0].to: there is no such key",
      ],
    ],
    [
      "[{ name: A, url: 'rtmp://a.example/live', key: k }, { name: A, url: 'rtmp://a.example/live', key: l }]",
      ["streams: main has two targets with the name A"],
    ],
  ])("%s is refused in words, without what may be a secret", (targets, problems) => {
    expect(problemsOf(targets)).toEqual(problems);
  });
});
