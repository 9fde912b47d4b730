import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { assert, property, string } from "fast-check";
import { parse } from "yaml";
import { Fault } from "#faults/fault.ts";
import type { HookSettings } from "#hooks/hook-settings.ts";
import { CONFIG_KEYS, ConfigFault, loadConfig } from "./config.ts";
import { declaredStreams, platformSettings } from "./platform-settings.ts";
import { helpText, jsonSchema, referencePage } from "./config-reference.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(content: string): string {
  const path = join(folder, "grandstand.yaml");
  writeFileSync(path, content);
  return path;
}

interface Given {
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly yaml?: string;
}

function load({ flags = [], environment = {}, yaml }: Given): ReturnType<typeof loadConfig> {
  const named = yaml === undefined ? [] : ["--config", file(yaml)];
  return loadConfig({ flags: [...named, ...flags], environment });
}

const HOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function problems(given: Given): readonly string[] {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigFault) return error.problems.map((problem) => problem.replaceAll(folder, "."));
    if (error instanceof Fault) return [`${error.code} ${error.message}`.replaceAll(folder, ".")];
    throw error;
  }
  return [];
}

describe("precedence", () => {
  test("defaults, then the file, then the environment, then flags", () => {
    expect(load({}).httpPort).toBe(8080);
    const yaml = "httpPort: 1001\nrtmpPort: 1002\nsite: { name: File }\nlimits: { connections: 7 }";
    const environment = { GRANDSTAND_RTMP_PORT: "2002", GRANDSTAND_SITE_NAME: "Variable" };
    const config = load({ yaml, environment, flags: ["--site-name", "Flag"] });
    expect([config.httpPort, config.rtmpPort, config.site.name]).toEqual([1001, 2002, "Flag"]);
    expect(config.limits).toEqual({ ...load({}).limits, connections: 7 });
  });

  test("the stable flags of npm start", () => {
    const yaml = "streams: [{ name: main, key: 0123456789abcdef }]";
    const flags = ["--http-port", "8081", "--rtmp-port=1936", "--host", "127.0.0.1", "--data-dir", "./data"];
    const config = load({ yaml, flags: [...flags, "--tls-rtmps-port", "1937"] });
    expect(config).toMatchObject({ httpPort: 8081, rtmpPort: 1936, host: "127.0.0.1", dataDir: resolve("data") });
    expect(config.streams).toEqual([{ name: "main", key: "0123456789abcdef", title: "" }]);
  });

  test("a declared stream has settings of its own, and the platform's for the rest", () => {
    const yaml = `
latency: low
transcode: { ladder: default }
streams:
  - { name: main, key: 0123456789abcdef }
  - { name: radio, key: fedcba9876543210, ladder: off }
  - { name: final, key: 0011223344556677f, ladder: "720:2500k,480", latency: normal, graceSeconds: 5 }
`;
    const config = load({ yaml });
    const platform = platformSettings(config);
    expect(platform).toEqual({
      latency: "low",
      segmentSeconds: 2,
      partMs: 1000,
      graceSeconds: 60,
      ladder: "default",
      whenBusy: "backup",
      switchBack: "sticky",
      continuity: "slate",
      slateAfterMs: 1000,
      slateWords: "We'll be right back",
      alwaysOn: false,
    });
    expect(declaredStreams(config).map(({ settings }) => settings)).toEqual([
      {},
      { ladder: "off" },
      { ladder: "720:2500k,480", latency: "normal", graceSeconds: 5 },
    ]);
  });

  test("the file may be named by a variable, may be empty and may be JSON", () => {
    const path = file('{ "httpPort": 9999 }');
    expect(loadConfig({ flags: [], environment: { GRANDSTAND_CONFIG: path } }).httpPort).toBe(9999);
    expect(load({ yaml: "" }).httpPort).toBe(8080);
    expect(load({ yaml: "# nothing\n" }).httpPort).toBe(8080);
    expect(load({ yaml: "tls:\nhttpPort:\n" }).httpPort).toBe(8080);
  });

  test("a hook has three seconds and refuses unless it says otherwise", () => {
    const yaml = `hooks: [{ url: "https://a.example/x?y", secret: ${HOOK_SECRET}, events: [stream.live, stream.ended] }]`;
    const hook = { url: "https://a.example/x?y", secret: HOOK_SECRET, events: ["stream.live", "stream.ended"] };
    expect(load({ yaml }).hooks).toEqual([{ ...hook, timeoutMs: 3000, onFailure: "refuse" } as HookSettings]);
    expect(load({}).hooks).toEqual([]);
  });

  test("switches can be given, given with a value, and negated", () => {
    const yaml = "tls: { cert: c.pem, key: k.pem, http3: true }";
    expect(load({ yaml }).tls.http3).toBe(true);
    expect(load({ yaml, flags: ["--no-tls-http3"] }).tls.http3).toBe(false);
    expect(load({ yaml, flags: ["--tls-http3=no"] }).tls.http3).toBe(false);
    expect(load({ yaml, environment: { GRANDSTAND_TLS_HTTP3: "0" } }).tls.http3).toBe(false);
    expect(load({ flags: ["--tls-cert", "c", "--tls-key", "k", "--tls-http3"] }).tls.http3).toBe(true);
  });
});

describe("messages, word for word", () => {
  const cases: readonly (readonly [string, Given, readonly string[]])[] = [
    [
      "a port that is no number",
      { flags: ["--http-port", "http"] },
      ['httpPort = "http" (--http-port): must be a whole number from 1 to 65535'],
    ],
    [
      "a port out of range",
      { environment: { GRANDSTAND_RTMP_PORT: "70000" } },
      ["rtmpPort = 70000 (GRANDSTAND_RTMP_PORT): must be a whole number from 1 to 65535"],
    ],
    [
      "a port with a fraction",
      { yaml: "httpPort: 80.5" },
      ["httpPort = 80.5 (./grandstand.yaml): must be a whole number from 1 to 65535"],
    ],
    [
      "a number in quotes",
      { yaml: 'httpPort: "80"' },
      ['httpPort = "80" (./grandstand.yaml): must be a whole number from 1 to 65535'],
    ],
    [
      "an unknown word",
      { flags: ["--latency", "fast"] },
      ['latency = "fast" (--latency): must be one of lowest, low, normal'],
    ],
    [
      "an unknown format",
      { environment: { GRANDSTAND_LOG_FORMAT: "xml" } },
      ['logFormat = "xml" (GRANDSTAND_LOG_FORMAT): must be one of pretty, json'],
    ],
    [
      "an unknown flag",
      { flags: ["--http-prt", "80"] },
      ["--http-prt: there is no such flag; did you mean --http-port?"],
    ],
    ["an unknown flag that resembles nothing", { flags: ["--frobnicate"] }, ["--frobnicate: there is no such flag"]],
    ["a flag without its value", { flags: ["--http-port"] }, ["--http-port: the value is missing"]],
    ["a word that is no flag", { flags: ["8080"] }, ['"8080" is not a flag: flags begin with --']],
    [
      "an unknown variable",
      { environment: { GRANDSTAND_HTTPPORT: "80" } },
      ["GRANDSTAND_HTTPPORT: there is no such variable; did you mean GRANDSTAND_HTTP_PORT?"],
    ],
    [
      "an unknown key",
      { yaml: "http_port: 80" },
      ["http_port (./grandstand.yaml): there is no such key; did you mean httpPort?"],
    ],
    [
      "an unknown nested key",
      { yaml: "tls: { certificate: x }" },
      ["tls.certificate (./grandstand.yaml): there is no such key"],
    ],
    [
      "a group that is no group",
      { yaml: "tls: yes" },
      ['tls = "yes" (./grandstand.yaml): must hold keys of its own, such as tls.cert'],
    ],
    [
      "a secret that is too short",
      { environment: { GRANDSTAND_ADMIN_TOKEN: "short" } },
      ["adminToken = (hidden) (GRANDSTAND_ADMIN_TOKEN): must be 16 to 256 printable characters without spaces"],
    ],
    [
      "a part that is too short",
      { flags: ["--part-ms", "50"] },
      ["partMs = 50 (--part-ms): must be a number from 100 to 2000, or 0"],
    ],
    [
      "a public URL without scheme",
      { flags: ["--public-url", "example.org"] },
      ['publicUrl = "example.org" (--public-url): must be a URL that begins with http:// or https://'],
    ],
    [
      "a host with a path",
      { flags: ["--host", "a/b"] },
      ['host = "a/b" (--host): must be an IP address or host name of this machine'],
    ],
    [
      "a colour",
      { flags: ["--site-accent", "red;}"] },
      ['site.accent = "red;}" (--site-accent): must be a CSS colour such as #2fbf71 or oklch(0.78 0.19 150)'],
    ],
    [
      "streams that are no list",
      { yaml: "streams: main" },
      ['streams = "main" (./grandstand.yaml): must be a list of at most 1000 streams, each with name and key'],
    ],
    [
      "a stream that is a word",
      { yaml: "streams: [main]" },
      ['streams[0] = "main" (./grandstand.yaml): must be a stream with name and key'],
    ],
    [
      "a stream without a key",
      { yaml: "streams: [{ name: main }]" },
      ["streams[0].key (./grandstand.yaml): is missing"],
    ],
    [
      "a stream with a bad name",
      { yaml: "streams: [{ name: Cup Final, key: abcdefgh }]" },
      [
        'streams[0].name = "Cup Final" (./grandstand.yaml): must be 1 to 63 characters of a-z, 0-9, - and _, the first a letter or digit',
      ],
    ],
    [
      "a stream with a bad key",
      { yaml: "streams: [{ name: a, key: a/b }]" },
      [
        'streams[0].key = (hidden) (./grandstand.yaml): must be 8 to 128 characters of a-z, A-Z, 0-9, ".", "_", "~" and "-"',
      ],
    ],
    [
      "a key that YAML takes for a number",
      { yaml: "streams: [{ name: a, key: 0123456789 }]" },
      [
        'streams[0].key = (hidden) (./grandstand.yaml): must be 8 to 128 characters of a-z, A-Z, 0-9, ".", "_", "~" and "-"; put it in quotes',
      ],
    ],
    [
      "a stream with a ladder that is none",
      { yaml: "streams: [{ name: a, key: 0123456789abcdef, ladder: '720:x' }]" },
      [
        'streams[0].ladder = "720:x" (./grandstand.yaml): must be off, default, or up to 8 heights with or without bitrates, such as 720:2500k,480,360:700k',
      ],
    ],
    [
      "a stream with one rung that YAML takes for a number",
      { yaml: "streams: [{ name: a, key: 0123456789abcdef, ladder: 480 }]" },
      [
        "streams[0].ladder = 480 (./grandstand.yaml): must be off, default, or up to 8 heights with or without bitrates, such as 720:2500k,480,360:700k; put it in quotes",
      ],
    ],
    [
      "a stream with an unknown key",
      { yaml: "streams: [{ name: a, key: 0123456789abcdef, tittle: x }]" },
      ["streams[0].tittle (./grandstand.yaml): there is no such key; did you mean title?"],
    ],
    [
      "two streams of one name",
      { yaml: "streams: [{ name: a, key: aaaaaaaa }, { name: a, key: bbbbbbbb }]" },
      ["streams: two streams have the name a"],
    ],
    [
      "hooks that are no list",
      { yaml: "hooks: { url: 'https://a.example' }" },
      [
        'hooks = {"url":"https://a.example"} (./grandstand.yaml): must be a list of at most 8 hooks, each with url, secret and events',
      ],
    ],
    [
      "a hook with nothing",
      { yaml: "hooks: [{}, x]" },
      [
        "hooks[0].url (./grandstand.yaml): is missing",
        "hooks[0].secret (./grandstand.yaml): is missing",
        "hooks[0].events (./grandstand.yaml): is missing",
        'hooks[1] = "x" (./grandstand.yaml): must be a hook with url, secret and events',
      ],
    ],
    [
      "a hook whose address and secret are wrong, without showing them",
      { yaml: "hooks: [{ url: 'https://me:pass@a.example', secret: hunter2hunter2, events: [stream.live] }]" },
      [
        "hooks[0].url = (hidden) (./grandstand.yaml): must be a URL that begins with https:// or http:// and holds no user and password",
        "hooks[0].secret = (hidden) (./grandstand.yaml): must be whsec_ and 24 to 64 random bytes in base64, such as `openssl rand -base64 32` prints",
      ],
    ],
    [
      "a hook with an unknown event, a wrong policy, too little time and a slip of the pen",
      {
        yaml: `hooks: [{ url: 'http://a.example', secret: ${HOOK_SECRET}, events: [stream.lives], onFailure: maybe, timeoutMs: 1, evnts: [] }]`,
      },
      [
        'hooks[0].events = ["stream.lives"] (./grandstand.yaml): must be a list of stream.publish-requested, stream.live, stream.interrupted, stream.resumed, stream.switched, stream.slate, stream.ended',
        "hooks[0].timeoutMs = 1 (./grandstand.yaml): must be a whole number from 100 to 10000",
        'hooks[0].onFailure = "maybe" (./grandstand.yaml): must be one of refuse, allow',
        "hooks[0].evnts (./grandstand.yaml): there is no such key; did you mean events?",
      ],
    ],
    [
      "one port for two things",
      { flags: ["--rtmp-port", "8080"] },
      ["rtmpPort = 8080: httpPort uses that port already"],
    ],
    [
      "a certificate without its key",
      { flags: ["--tls-cert", "c.pem"] },
      ["tls.key is missing: tls.cert is set, and one is of no use without the other"],
    ],
    [
      "HTTP/3 without a certificate",
      { flags: ["--tls-http3"] },
      ["tls.http3 = true: HTTP/3 needs tls.cert and tls.key"],
    ],
    [
      "a window of two segments",
      { flags: ["--segment-seconds", "10", "--window-seconds", "20"] },
      ["windowSeconds = 20: must be at least three segments, 30 with segmentSeconds = 10"],
    ],
    [
      "a part longer than a segment",
      { flags: ["--segment-seconds", "1", "--part-ms", "1500"] },
      ["partMs = 1500: must not be longer than a segment (1000 ms)"],
    ],
    [
      "a file that is not there",
      { flags: ["--config", join(folder, "none.yaml")] },
      ["CONFIG_UNREADABLE the configuration file ./none.yaml cannot be read: there is no such file"],
    ],
    [
      "a file that is a folder",
      { flags: ["--config", folder] },
      ["CONFIG_UNREADABLE the configuration file . cannot be read: it is a folder"],
    ],
    [
      "a file that is a list",
      { yaml: "- 1" },
      ['CONFIG_UNREADABLE ./grandstand.yaml: the file must hold keys and values, such as "httpPort: 8080"'],
    ],
    [
      "a key written twice",
      { yaml: "httpPort: 1\nhttpPort: 2" },
      ["CONFIG_UNREADABLE ./grandstand.yaml, line 2, column 1: Map keys must be unique"],
    ],
  ];
  for (const [name, given, expected] of cases) {
    test(name, () => expect(problems(given)).toEqual(expected));
  }

  test("all problems together: file, variables, flags, values", () => {
    const given = {
      yaml: "htpPort: 1\nrtmpPort: many",
      environment: { GRANDSTAND_LATENCY: "no" },
      flags: ["--host", "", "--nope"],
    };
    expect(problems(given)).toEqual([
      "htpPort (./grandstand.yaml): there is no such key; did you mean httpPort?",
      "--nope: there is no such flag",
      'host = "" (--host): must be an IP address or host name of this machine',
      'rtmpPort = "many" (./grandstand.yaml): must be a whole number from 1 to 65535',
      'latency = "no" (GRANDSTAND_LATENCY): must be one of lowest, low, normal',
    ]);
  });

  test("no text of a file can do more than be refused", () => {
    assert(
      property(string({ maxLength: 200 }), (yaml) => {
        expect(problems({ yaml: `x: ${yaml}\n${yaml}` }).length).toBeGreaterThan(0);
      }),
      { numRuns: 300, interruptAfterTimeLimit: 2000 },
    );
  });
});

describe("the reference", () => {
  test("is what the schema says: run `grandstand config reference > docs/operate/configuration.md` when this fails", () => {
    const page = readFileSync(join(import.meta.dir, "..", "..", "docs", "operate", "configuration.md"), "utf8");
    expect(page).toBe(referencePage());
  });

  test("and --help name every key", () => {
    const help = helpText();
    for (const key of CONFIG_KEYS) {
      expect(referencePage()).toContain(`\`${key.name}\``);
      if (key.facts.kind !== "list") expect(help).toContain(`${key.flag} `.trimEnd());
    }
    for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });

  test("shows an example that is valid", () => {
    const yaml = /```yaml\n(.*?)```/s.exec(referencePage())?.[1] ?? "";
    expect(Object.keys(parse(yaml) as object)).toContain("streams");
    expect(problems({ yaml })).toEqual([]);
  });

  test("as JSON Schema refuses unknown keys and knows every top-level key", () => {
    const schema = JSON.parse(jsonSchema()) as { additionalProperties: boolean; properties: Record<string, unknown> };
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties).sort()).toEqual(
      [...new Set(CONFIG_KEYS.map((key) => key.path[0] ?? ""))].sort(),
    );
  });
});
