import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENTRY, freePorts, type RunningCli, runCli, startCli } from "./cli-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-targets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = "abcd-efgh-ijkl-mnop";

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly keyEnd: string;
  readonly rendition: string;
  readonly enabled: boolean;
  readonly managedBy: string;
  readonly state: string;
  readonly lastProblem: unknown;
}

test("a target that the configuration file declares is listed and stopped, and changed in the file only", async () => {
  const data = mkdtempSync(join(folder, "declared-"));
  const path = join(data, "grandstand.yaml");
  const target = `{ name: Club, url: "rtmp://192.0.2.7/live", key: ${KEY} }`;
  writeFileSync(path, `streams: [{ name: main, key: 0123456789abcdef, targets: [${target}] }]`);
  const [http = 0, rtmp = 0] = await freePorts(2);
  const ports = ["--host", "127.0.0.1", "--http-port", String(http), "--rtmp-port", String(rtmp)];
  const at = ["--data-dir", data, "--config", path];
  const node = startCli([...at, ...ports]);
  await using _ended = node;
  await node.says("Listening.");
  for (const state of ["one runs", "none runs"]) {
    if (state === "none runs") {
      node.kill("SIGTERM");
      await node.exited;
    }
    const { stdout } = await runCli(["targets", "list", "main", "--json", ...at]);
    const { targets } = JSON.parse(stdout) as { targets: Listed[] };
    expect(targets).toMatchObject([{ name: "Club", managedBy: "file", keyEnd: "mnop", enabled: state === "one runs" }]);
    const stopped = await runCli(["targets", "set", "main", "Club", "--stop", ...at]);
    expect([stopped.stderr, stopped.code]).toEqual(["", 0]);
    for (const words of [
      ["remove", "main", "Club"],
      ["set", "main", "Club", "--key", "another-key"],
    ]) {
      const { code, stderr } = await runCli(["targets", ...words, ...at]);
      expect([code, stderr]).toEqual([1, expect.stringContaining("is declared in the configuration file.")]);
    }
  }
}, 60_000);

describe.each(["none runs", "one runs"])("grandstand targets, when of the data folder's nodes %s", (state) => {
  const data = mkdtempSync(join(folder, "data-"));
  const at = ["--data-dir", data];
  let node: RunningCli | undefined;
  beforeAll(async () => {
    const [http = 0, rtmp = 0] = await freePorts(2);
    const ports = ["--host", "127.0.0.1", "--http-port", String(http), "--rtmp-port", String(rtmp)];
    node = startCli([...at, ...ports]);
    await node.says("Listening.");
    if (state === "one runs") return;
    node.kill("SIGTERM");
    await node.exited;
    node = undefined;
  }, 20_000);
  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
  }, 20_000);

  const targets = (...words: string[]) => runCli(["targets", ...words, ...at]);
  const listed = async (): Promise<Listed[]> => {
    const { stdout, stderr } = await targets("list", "main", "--json");
    expect(stderr).toBe("");
    return (JSON.parse(stdout) as { targets: Listed[] }).targets;
  };

  test("add takes a service by name, list shows it without its key", async () => {
    expect((await targets("list", "main")).stdout).toContain("main goes nowhere else");
    const added = await targets("add", "main", "--to", "youtube", "--key", KEY);
    expect([added.stderr, added.code]).toEqual(["", 0]);
    expect(await listed()).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{10}$/),
        name: "YouTube",
        url: "rtmps://a.rtmps.youtube.com/live2",
        keyEnd: "mnop",
        rendition: "source",
        enabled: true,
        managedBy: "platform",
        state: "waiting",
        lastProblem: null,
      },
    ]);
    const { stdout } = await targets("list", "main");
    expect(stdout).toMatch(/YouTube +waiting +source +rtmps:\/\/a\.rtmps\.youtube\.com\/live2 +…mnop/);
    expect(stdout + added.stdout).not.toContain(KEY);
  }, 40_000);

  test("a key is read from the standard input, so that no list of processes shows it", async () => {
    const own = ["--target-name", "Own", "--to-url", "rtmp://192.0.2.7/live", "--rendition", "480p", "--stop"];
    const child = Bun.spawn([process.execPath, ENTRY, "targets", "add", "main", ...own, "--key", "-", ...at], {
      stdin: new Blob(["a-secret-key-9876\n"]),
      stderr: "pipe",
    });
    expect(await child.exited).toBe(0);
    expect((await listed()).at(-1)).toMatchObject({
      name: "Own",
      url: "rtmp://192.0.2.7/live",
      keyEnd: "9876",
      rendition: "480p",
      enabled: false,
      state: "stopped",
    });
  }, 40_000);

  test("set changes, starts and stops by name or id, remove removes", async () => {
    expect((await targets("set", "main", "Own", "--start", "--rendition", "source")).stdout).toMatch(/Own +waiting/);
    const { id = "" } = (await listed())[0] ?? {};
    expect((await targets("set", "main", id, "--to", "twitch", "--stop")).code).toBe(0);
    expect((await listed())[0]).toMatchObject({ name: "YouTube", url: "rtmp://live.twitch.tv/app", state: "stopped" });
    expect((await targets("remove", "main", "Own")).stdout).toContain("main does not go to Own any more");
    expect((await listed()).map(({ name }) => name)).toEqual(["YouTube"]);
  }, 60_000);

  test.each([
    [
      ["add", "main", "--to", "vimeo", "--key", KEY],
      "must be one of youtube, twitch, facebook, kick. [CONFIG_INVALID]",
    ],
    [["add", "main", "--to", "kick", "--key", KEY], "--to-url is missing: Kick has no address for everybody"],
    [["add", "main", "--to", "twitch"], "--key is missing. [CONFIG_INVALID]"],
    [["add", "nobody", "--to", "twitch", "--key", KEY], 'there is no stream "nobody"'],
    [["set", "main", "Nowhere", "--start"], 'the stream main has no target "Nowhere"'],
    [["set", "main", "YouTube"], "there is nothing to change"],
    [["set", "main", "YouTube", "--start", "--stop"], "--start and --stop exclude each other"],
  ])(
    "%j is refused",
    async (words, text) => {
      const { code, stderr } = await targets(...words);
      expect([code, stderr]).toEqual([1, expect.stringContaining(text)]);
    },
    20_000,
  );
});
