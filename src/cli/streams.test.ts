import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, type RunningCli, runCli, startCli } from "./cli-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-streams-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Listed {
  readonly name: string;
  readonly title: string;
  readonly createdMs: number;
  readonly managedBy: string;
  readonly settings: unknown;
  readonly effectiveSettings: unknown;
  readonly keys: readonly { readonly id: string; readonly createdAtMs: number; readonly expiresAtMs?: number }[];
}

interface Issued {
  readonly name: string;
  readonly key: string;
  readonly keyId: string;
}

/** What the streams of the tests leave to the platform. */
const PLATFORM = {
  whenBusy: "backup",
  switchBack: "sticky",
  continuity: "slate",
  slateAfterMs: 1000,
  slateWords: "We'll be right back",
  alwaysOn: false,
};

const TEXT_OF_A_KEY = /^ {2}[0-9a-z]{32}$/m;

/** Makes a data folder with one declared stream and the configuration that declares it; the flags name it and free ports. */
async function makePlace(): Promise<{ flags: string[]; at: string[]; data: string; http: string }> {
  const data = mkdtempSync(join(folder, "data-"));
  const config = join(data, "grandstand.yaml");
  writeFileSync(
    config,
    "graceSeconds: 30\ntranscode: { ladder: default }\nstreams:\n  - name: declared\n    key: a-key-of-the-file-0123456789\n",
  );
  const [http = 0, rtmp = 0] = await freePorts(2);
  const at = ["--data-dir", data, "--config", config];
  const ports = ["--host", "127.0.0.1", "--http-port", String(http), "--rtmp-port", String(rtmp)];
  return { at, data, flags: [...at, ...ports], http: `http://127.0.0.1:${http}` };
}

describe.each(["none runs", "one runs"])("grandstand streams, when of the data folder's nodes %s", (state) => {
  let place: Awaited<ReturnType<typeof makePlace>>;
  let node: RunningCli | undefined;
  beforeAll(async () => {
    place = await makePlace();
    node = startCli(place.flags);
    await node.says("Listening.");
    if (state === "one runs") return;
    // The declared stream is in the catalogue since the node was there.
    node.kill("SIGTERM");
    await node.exited;
    node = undefined;
  }, 20_000);
  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
  }, 20_000);

  const streams = (...words: string[]) => runCli(["streams", ...words, ...place.at]);
  const asJson = async <T>(...words: string[]): Promise<T> => {
    const { stdout, stderr } = await streams(...words, "--json");
    expect(stderr).toBe("");
    return JSON.parse(stdout) as T;
  };
  const listed = async (name: string): Promise<Listed | undefined> =>
    (await asJson<{ streams: Listed[] }>("list")).streams.find((stream) => stream.name === name);

  test("add takes a title and every setting, and list shows them", async () => {
    const flags = ["--latency", "low", "--segment-seconds", "4", "--part-ms", "250", "--grace-seconds", "9"];
    const ladder = "720:2500k,480";
    const add = ["add", "final", "--title", "Cup final", "--ladder", ladder, ...flags];
    const { key, keyId, name } = await asJson<Issued>(...add);
    expect([name, key]).toEqual(["final", expect.stringMatching(/^[0-9a-z]{32}$/)]);
    const settings = { latency: "low", segmentSeconds: 4, partMs: 250, graceSeconds: 9, ladder };
    expect(await listed("final")).toEqual({
      name: "final",
      title: "Cup final",
      createdMs: expect.any(Number),
      managedBy: "platform",
      settings,
      effectiveSettings: { ...PLATFORM, ...settings },
      keys: [{ id: keyId, createdAtMs: expect.any(Number) }],
    });
    const plain = await streams("add", "side");
    expect(plain.stdout).toStartWith("The stream side is there. Its key, shown this once:\n");
    expect(plain.stdout).toMatch(TEXT_OF_A_KEY);
    expect((await listed("side"))?.settings).toEqual({});
    const { stdout } = await streams("list");
    expect(stdout).toMatch(/^NAME +TITLE +MANAGED +KEY IDS +SINCE\n/);
    expect(stdout).toMatch(/^declared +- +configuration file +[0-9a-f]{10} +\d{4}-\d\d-\d\d$/m);
    expect(stdout).toMatch(new RegExp(`^final +Cup final +here +${keyId} +`, "m"));
  }, 20_000);

  test("set changes what it is told to, and gives back to the platform", async () => {
    const change = async (...words: string[]): Promise<Listed> => asJson<Listed>("set", "final", ...words);
    const first = await change("--ladder", "off", "--segment-seconds", "3");
    const own = { latency: "low", segmentSeconds: 3, partMs: 250, graceSeconds: 9, ladder: "off" };
    expect([first.title, first.settings]).toEqual(["Cup final", own]);
    const back = ["--part-ms", "platform", "--grace-seconds", "platform", "--ladder=platform"];
    const second = await change("--title", "Final", ...back);
    expect([second.title, second.settings]).toEqual(["Final", { latency: "low", segmentSeconds: 3 }]);
    expect(second.effectiveSettings).toMatchObject({ partMs: 1000, graceSeconds: 30, ladder: "default" });
    expect(await listed("final")).toEqual(second);
    const plain = await streams("set", "final", "--ladder", "480,360:700k");
    expect(plain.stdout).toStartWith(
      "The stream final has now:\n\ntitle        Final\nlatency      low\nsegments     3 s\n",
    );
    expect(plain.stdout).toContain("\nladder       480,360:700k\n");
    expect(plain.stdout).toEndWith("always on    no\n\nSettings hold from its next broadcast on.\n");
  }, 20_000);

  test("set decides what becomes of a second encoder, and what viewers see without one", async () => {
    const words = ["--continuity", "end", "--slate-after-ms", "500", "--slate-words", "1234", "--always-on", "true"];
    const policies = ["--when-busy", "replace", "--switch-back=prefer-primary"];
    const changed = await asJson<Listed>("set", "side", ...words, ...policies);
    const own = { continuity: "end", slateAfterMs: 500, slateWords: "1234", alwaysOn: true };
    expect(changed.settings).toEqual({ ...own, whenBusy: "replace", switchBack: "prefer-primary" });
    expect(changed.effectiveSettings).toMatchObject({ ...own, whenBusy: "replace", switchBack: "prefer-primary" });
    const back = ["--slate-words", "platform", "--always-on", "platform", "--when-busy=platform"];
    const less = await asJson<Listed>("set", "side", ...back, "--switch-back", "platform", "--continuity", "hold");
    expect(less.settings).toEqual({ continuity: "hold", slateAfterMs: 500 });
    expect(await listed("side")).toEqual(less);
    const plain = await streams("set", "side", "--always-on=false");
    expect(plain.stdout).toContain("\ncontinuity   hold, after 500 ms\nslate words  We'll be right back\n");
  }, 20_000);

  test("stop ends the broadcast, if there is one", async () => {
    for (const name of ["final", "declared"]) expect(await asJson<unknown>("stop", name)).toEqual({ name });
    await streams("set", "final", "--always-on", "true");
    expect((await streams("stop", "final")).stdout).toContain("always on, so another one begins with its slate");
    await streams("set", "final", "--always-on", "platform");
    const { stdout } = await streams("stop", "final");
    expect(stdout).toBe("Nothing of final is on air any more. To keep its encoder out, rotate or revoke its key.\n");
  }, 20_000);

  test("rotate-key replaces the key now or after an overlap, revoke-key ends one", async () => {
    const first = await asJson<Issued>("rotate-key", "final");
    const second = await asJson<Issued>("rotate-key", "final", "--overlap-seconds", "600");
    const ids = async (): Promise<string[]> => (await listed("final"))?.keys.map(({ id }) => id) ?? [];
    expect(await ids()).toEqual([first.keyId, second.keyId]);
    const [old, now] = (await listed("final"))?.keys ?? [];
    expect((old?.expiresAtMs ?? 0) - (now?.createdAtMs ?? 0)).toBe(600_000);
    expect((await streams("revoke-key", "final", first.keyId)).stdout).toBe(
      `The key ${first.keyId} of final has ended.\n`,
    );
    expect(await ids()).toEqual([second.keyId]);
    expect((await streams("rotate-key", "final", "--overlap-seconds", "60")).stdout).toEndWith(
      "\n\nThe old key works for 60 s more.\n",
    );
    const plain = await streams("rotate-key", "final");
    expect(plain.stdout).toMatch(TEXT_OF_A_KEY);
    expect(plain.stdout).toEndWith("\n\nThe old key has ended.\n");
    expect(await ids()).toHaveLength(1);
  }, 20_000);

  test("what is refused is told in one line, the same with a node and without", async () => {
    for (const [words, line] of [
      [["add", "final"], "there is already a stream final. Choose another name. [STORE_CONFLICT]"],
      [
        ["add", "Cup Final"],
        '"Cup Final" cannot name a stream. Use 1 to 63 characters of a-z, 0-9, - and _, the first a letter or digit. [STREAM_NAME_INVALID]',
      ],
      [
        ["add", "x", "--latency", "fast"],
        'latency = "fast" is not allowed: one of lowest, low, normal. [CONFIG_INVALID]',
      ],
      [["add", "x", "--partms", "1"], "--partms: there is no such flag; did you mean --part-ms? [CONFIG_INVALID]"],
      [["add", "x", "--part-ms", "1"], "partMs = 1 is not allowed: a number from 100 to 2000, or 0. [CONFIG_INVALID]"],
      [
        ["add", "x", "--ladder", "720:x"],
        'ladder = "720:x" is not allowed: off, default, or up to 8 heights with or without bitrates, such as 720:2500k,480,360:700k. [CONFIG_INVALID]',
      ],
      [
        ["set", "final", "--grace-seconds", "long"],
        'graceSeconds = "long" is not allowed: a number from 0 to 86400. [CONFIG_INVALID]',
      ],
      [["set", "final", "--always-on", "yes"], 'alwaysOn = "yes" is not allowed: true or false. [CONFIG_INVALID]'],
      [["set", "final", "--slate-file", "/x"], "--slate-file: there is no such flag. [CONFIG_INVALID]"],
      [
        ["set", "final"],
        "there is nothing to change. Give one of --title, --latency, --segment-seconds, --part-ms, --grace-seconds, --ladder, --when-busy, --switch-back, --continuity, --slate-after-ms, --slate-words, --always-on. [CONFIG_INVALID]",
      ],
      [
        ["set", "declared", "--title", "x"],
        "the stream declared is declared in the configuration file. Change its entry below `streams:` in the file and start again. [KEY_MANAGED]",
      ],
      [
        ["set", "none", "--title", "x"],
        'there is no stream "none". List the streams with: grandstand streams list. [STREAM_UNKNOWN]',
      ],
      [["stop", "none"], 'there is no stream "none". List the streams with: grandstand streams list. [STREAM_UNKNOWN]'],
      [
        ["remove", "none"],
        'there is no stream "none". List the streams with: grandstand streams list. [STREAM_UNKNOWN]',
      ],
      [
        ["rotate-key", "none"],
        'there is no stream "none". List the streams with: grandstand streams list. [STREAM_UNKNOWN]',
      ],
      [
        ["rotate-key", "final", "--overlap-seconds", "-1"],
        "--overlap-seconds -1: must be a number from 0 to 2592000. [CONFIG_INVALID]",
      ],
      [["revoke-key", "final", "nope"], 'the stream final has no key with the id "nope". [KEY_REFUSED]'],
      [
        ["revoke-key", "final"],
        "missing required positional argument: KEYID. See grandstand streams --help. [CONFIG_INVALID]",
      ],
      [
        ["remove", "declared"],
        "the stream declared is declared in the configuration file. Change its entry below `streams:` in the file and start again. [KEY_MANAGED]",
      ],
    ] as const) {
      const { code, stdout, stderr } = await streams(...words);
      expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: `error: ${line}\n` });
    }
  }, 40_000);

  test("remove takes the stream away", async () => {
    expect((await streams("remove", "side")).stdout).toBe("The stream side is gone.\n");
    expect(await asJson<unknown>("remove", "final")).toEqual({ name: "final" });
    const { streams: left } = await asJson<{ streams: Listed[] }>("list");
    expect(left.map(({ name }) => name)).toEqual(["declared"]);
  }, 20_000);

  test("--url and --admin-token reach a platform from elsewhere", async () => {
    const elsewhere = (token: string) =>
      runCli([
        "streams",
        "list",
        "--data-dir",
        join(folder, "nothing"),
        "--url",
        `${place.http}/`,
        "--admin-token",
        token,
      ]);
    if (node === undefined) {
      const { code, stderr } = await elsewhere("a-token-of-nobody-0123");
      expect(stderr).toStartWith(`error: the API at ${place.http} does not answer: `);
      expect(stderr).toEndWith(" See whether the platform runs. [CONNECTION_LOST]\n");
      expect(code).toBe(1);
      return;
    }
    const token = readFileSync(join(place.data, "admin-token"), "utf8").trim();
    expect((await elsewhere(token)).stdout).toContain("declared");
    expect((await elsewhere("a-token-of-nobody-0123")).stderr).toBe(
      `error: the API at ${place.http} does not take this admin token. Give the token of the running platform with --admin-token or GRANDSTAND_ADMIN_TOKEN. [UNAUTHORIZED]\n`,
    );
  }, 20_000);
});
