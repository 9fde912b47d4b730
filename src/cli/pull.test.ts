import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENTRY, freePorts, runCli, startCli } from "./cli-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-pull-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SOURCE = "rtmp://me:pass-word@192.0.2.7/live/its-stream-key";

test("grandstand pull sets, shows and removes where a stream is fetched from, whether a node runs or not", async () => {
  const [http = 0, rtmp = 0] = await freePorts(2);
  const at = ["--data-dir", folder];
  const ports = ["--host", "127.0.0.1", "--http-port", String(http), "--rtmp-port", String(rtmp)];
  const node = startCli([...at, ...ports]);
  await using _ended = node;
  await node.says("Listening.");
  const pull = (...words: string[]) => runCli(["pull", ...words, ...at]);
  for (const runs of [true, false]) {
    if (!runs) {
      node.kill("SIGTERM");
      await node.exited;
    }
    expect((await pull("show", "main")).stdout).toContain("main is not fetched: encoders send it.");
    // Read from the standard input, so that no list of processes shows it.
    const child = Bun.spawn([process.execPath, ENTRY, "pull", "set", "main", "--from", "-", ...at], {
      stdin: new Blob([`${SOURCE}\n`]),
      stdout: "pipe",
    });
    expect(await new Response(child.stdout).text()).toContain("Its address is kept encrypted.");
    expect(await child.exited).toBe(0);
    const shown = await pull("show", "main", "--json");
    const place = "rtmp://192.0.2.7";
    expect(JSON.parse(shown.stdout)).toMatchObject({ pull: { place, loop: false, managedBy: "platform" } });
    expect((await pull("show", "main")).stdout).toStartWith("main is fetched from rtmp://192.0.2.7");
    expect(shown.stdout).not.toMatch(/pass-word|its-stream-key/);
    const refused = await pull("set", "main", "--from", "/srv/film.mp4");
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("a file is named in the configuration file only"),
    ]);
    expect((await pull("set", "main")).stderr).toContain("--from is missing");
    expect((await pull("remove", "main")).stdout).toContain("main is not fetched any more.");
    expect((await pull("show", "nobody")).stderr).toContain('there is no stream "nobody"');
  }
}, 90_000);
