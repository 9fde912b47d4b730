import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigFault, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { declaredStreams } from "./platform-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-pull-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(yaml: string): Config {
  const path = join(folder, "grandstand.yaml");
  writeFileSync(path, yaml);
  return loadConfig({ flags: ["--config", path], environment: {} });
}

test("streams may be pulled: from URLs, or from files that loop", () => {
  const config = load(`
pullPrivate: true
pullInsecure: true
streams:
  - { name: main, key: 0123456789abcdef }
  - { name: stage, key: fedcba9876543210, pull: "rtmp://u:pw@host.example/live/key", pullLoop: true }
  - { name: film, key: 0011223344556677f, pull: /srv/film.mp4, pullLoop: true }
`);
  const url = "rtmp://u:pw@host.example/live/key";
  const stage = { kind: "url", protocol: "rtmp", host: "host.example", portText: "", url } as const;
  expect([config.pullPrivate, config.pullInsecure]).toEqual([true, true]);
  expect(declaredStreams(config).map(({ pull }) => pull)).toEqual([
    undefined,
    { source: stage, loop: true },
    { source: { kind: "file", path: "/srv/film.mp4" }, loop: true },
  ]);
  expect([load("").pullPrivate, load("").pullInsecure]).toEqual([false, false]);
});

test("a source that cannot be pulled is told without its secrets", () => {
  const yaml = "streams: [{ name: main, key: 0123456789abcdef, pull: 'ftp://u:secret-word@host/film.mp4' }]";
  try {
    load(yaml);
    throw new Error("it was accepted");
  } catch (error) {
    const problems = error instanceof ConfigFault ? error.problems.join() : String(error);
    expect(problems).toContain("streams[0].pull");
    expect(problems).toContain(
      "rtmp://…, rtmps://…, http://…, https://…, rtsp://…, rtsps://…, srt://host:port or the path of a file",
    );
    expect(problems).not.toContain("secret-word");
  }
});
