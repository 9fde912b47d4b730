import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePorts, runCli, startCli } from "./cli-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function dataDir(): string {
  return mkdtempSync(join(folder, "data-"));
}

async function portFlags(): Promise<{ flags: string[]; http: string }> {
  const [http = 0, rtmp = 0] = await freePorts(2);
  return {
    flags: ["--host", "127.0.0.1", "--http-port", String(http), "--rtmp-port", String(rtmp)],
    http: `http://127.0.0.1:${http}`,
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("grandstand start", () => {
  test("says where to push, with which key, where to watch, and listens; at the next start the same", async () => {
    const data = dataDir();
    const { flags, http } = await portFlags();
    const seen: string[] = [];
    for (let start = 0; start < 2; start++) {
      await using cli = startCli(["--data-dir", data, ...flags]);
      await cli.says("Listening.");
      const text = cli.stdout();
      expect(text).not.toContain("\u001b[");
      expect(text).toMatch(/Push to +rtmp:\/\/127\.0\.0\.1:\d+\/live\n/);
      const key = /Stream key +([0-9a-z]{32})\n/.exec(text)?.[1] ?? "";
      const token = /Admin token +([0-9a-z]{32})\n/.exec(text)?.[1] ?? "";
      expect(text).toContain(`Watch        ${http}/watch/main`);
      expect(text).toContain(`Admin page   ${http}/admin`);
      expect((await fetch(`${http}/readyz`)).status).toBe(200);
      const headers = { authorization: `Bearer ${token}` };
      expect((await fetch(`${http}/api/v1/streams`, { headers })).status).toBe(200);
      expect((await fetch(`${http}/api/v1/streams`, { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
      seen.push(`${key} ${token}`);
      cli.kill("SIGTERM");
      expect(await cli.exited).toBe(0);
      expect(existsSync(join(data, "node.json"))).toBe(false);
    }
    expect(seen[1]).toBe(seen[0] ?? "");
    expect(statSync(data).mode & 0o077).toBe(0);
  }, 20_000);

  test("listens again within a second after each kill -9", async () => {
    const { flags, http } = await portFlags();
    await using cli = startCli(["start", "--data-dir", dataDir(), ...flags]);
    await cli.says("Listening.");
    const downMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const [node = 0] = await childrenOf(cli.pid);
      process.kill(node, "SIGKILL");
      const fromMs = performance.now();
      await eventually(5000, "the node to listen", async () => {
        const [now] = await childrenOf(cli.pid);
        return now !== undefined && now !== node && (await fetch(`${http}/healthz`)).ok ? true : undefined;
      });
      downMs.push(performance.now() - fromMs);
      // The next kill comes when the spare process is loading or loaded, as it happens.
      await eventually(5000, "the node to be ready", async () =>
        (await fetch(`${http}/readyz`)).ok ? true : undefined,
      );
    }
    console.log(`listening again after ${downMs.map((ms) => Math.round(ms)).join(", ")} ms`);
    expect(Math.max(...downMs)).toBeLessThan(1000);
    cli.kill("SIGTERM");
    expect(await cli.exited).toBe(0);
  }, 30_000);

  test("leaves no process behind when the supervisor is killed", async () => {
    const { flags, http } = await portFlags();
    await using cli = startCli(["start", "--data-dir", dataDir(), ...flags]);
    await cli.says("Listening.");
    const children = await childrenOf(cli.pid);
    expect(children.length).toBeGreaterThan(0);
    cli.kill("SIGKILL");
    await cli.exited;
    await eventually(3000, "the node to end", () => (children.some(isAlive) ? undefined : true));
    expect(await fetch(`${http}/healthz`).catch(() => "gone")).toBe("gone");
  }, 20_000);

  test("ends at a signal even while it is killed again and again", async () => {
    const { flags } = await portFlags();
    await using cli = startCli(["start", "--data-dir", dataDir(), ...flags]);
    await cli.says("Listening.");
    const [node = 0] = await childrenOf(cli.pid);
    process.kill(node, "SIGKILL");
    cli.kill("SIGINT");
    expect(await cli.exited).toBe(0);
  }, 20_000);
});

describe("what stands in the way of a start is one clear line and exit code 1", () => {
  test("a port in use", async () => {
    const [http = 0, rtmp = 0] = await freePorts(2);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(rtmp, "127.0.0.1", resolve));
    const data = join(folder, "never-made");
    const ports = ["--host", "127.0.0.1", "--http-port", String(http), "--rtmp-port", String(rtmp)];
    const { code, stdout, stderr } = await runCli(["--data-dir", data, ...ports]);
    server.close();
    expect(stdout).toBe("");
    expect(stderr).toBe(
      `error: RTMP port ${rtmp} is in use by another program. Stop the other program or choose another port with --rtmp-port. [PORT_IN_USE]\n`,
    );
    expect(code).toBe(1);
    expect(existsSync(data)).toBe(false);
  });

  test("an address of another machine", async () => {
    const { code, stderr } = await runCli(["--data-dir", dataDir(), "--host", "192.0.2.254"]);
    expect(stderr).toBe(
      'error: host = "192.0.2.254": is not an address of this machine. Set it to 0.0.0.0 (everywhere), 127.0.0.1 (this machine only) or an address of this machine. [CONFIG_INVALID]\n',
    );
    expect(code).toBe(1);
  });

  test("a data folder that cannot be made", async () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    const { flags } = await portFlags();
    const { code, stderr } = await runCli(["--data-dir", join(file, "data"), ...flags]);
    expect(stderr).toStartWith(`error: the data folder ${join(file, "data")} cannot be made: `);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain("[DATA_DIR_UNUSABLE]");
    expect(code).toBe(1);
  });

  test("a data folder of another node", async () => {
    const data = dataDir();
    const first = await portFlags();
    await using cli = startCli(["--data-dir", data, ...first.flags]);
    await cli.says("Listening.");
    const second = await portFlags();
    const { code, stderr } = await runCli(["--data-dir", data, ...second.flags]);
    expect(stderr).toBe(
      `error: the data folder ${data} is in use by another Grandstand. Stop the other one, or name another folder with --data-dir. [DATA_DIR_BUSY]\n`,
    );
    expect(code).toBe(1);
  }, 20_000);

  test("a damaged database", async () => {
    const data = dataDir();
    writeFileSync(join(data, "grandstand.db"), "no database at all, and long enough to be looked at".repeat(100));
    const { flags } = await portFlags();
    const { code, stderr } = await runCli(["--data-dir", data, ...flags]);
    expect(stderr).toBe(
      `error: the database ${join(data, "grandstand.db")} is damaged. Restore the file from a backup, or move it away to start with an empty one (stream keys are lost). [STORE_FAILED]\n`,
    );
    expect(code).toBe(1);
  });

  test("a certificate that is not there, and a key that is none", async () => {
    const { flags } = await portFlags();
    const missing = await runCli([
      "--data-dir",
      dataDir(),
      ...flags,
      "--tls-cert",
      "/none.pem",
      "--tls-key",
      "/none.key",
    ]);
    expect(missing.stderr).toContain("the certificate /none.pem cannot be read");
    expect(missing.stderr).toContain("[TLS_UNUSABLE]");
    const pem = join(folder, "bad.pem");
    writeFileSync(pem, "not a certificate");
    const [https = 0, rtmps = 0] = await freePorts(2);
    const tls = [
      "--tls-cert",
      pem,
      "--tls-key",
      pem,
      "--tls-https-port",
      String(https),
      "--tls-rtmps-port",
      String(rtmps),
    ];
    const bad = await runCli(["--data-dir", dataDir(), ...flags, ...tls]);
    expect(bad.stderr).toContain("[TLS_UNUSABLE]");
    expect([missing.code, bad.code]).toEqual([1, 1]);
  });

  test("several wrong values, all of them at once", async () => {
    const { code, stderr } = await runCli(["--http-port", "0", "--latency", "fast", "--htp"]);
    expect(stderr).toBe(
      [
        "error: 3 problems:",
        "  --htp: there is no such flag",
        "  httpPort = 0 (--http-port): must be a whole number from 1 to 65535",
        '  latency = "fast" (--latency): must be one of lowest, low, normal',
        "  See grandstand --help for every key. [CONFIG_INVALID]",
        "",
      ].join("\n"),
    );
    expect(code).toBe(1);
  });

  test("a command that does not exist", async () => {
    const { code, stderr } = await runCli(["strat"]);
    expect(stderr).toStartWith('error: there is no command "strat". There are start, demo, ');
    expect(code).toBe(1);
  });
});

describe("a log for programs", () => {
  test("is JSON in every line, and holds no secret", async () => {
    const data = dataDir();
    const { flags } = await portFlags();
    await using cli = startCli(["--data-dir", data, ...flags, "--log-format", "json"]);
    await cli.says("node.listening");
    cli.kill("SIGTERM");
    await cli.exited;
    const lines = cli.stdout().trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as { event: string; level: string; time: string });
    expect(events.map((event) => event.event)).toContain("node.stopped");
    for (const secret of ["admin-token", "key-main"]) {
      expect(cli.stdout()).not.toContain(readFileSync(join(data, secret), "utf8").trim());
    }
  }, 20_000);
});

describe("grandstand streams", () => {
  test("works without a node, with a node, and the other one sees it", async () => {
    const data = dataDir();
    const at = ["--data-dir", data];
    const add = await runCli(["streams", "add", "final", "--title", "Cup final", "--json", ...at]);
    const { key } = JSON.parse(add.stdout) as { key: string };
    expect(key).toMatch(/^[0-9a-z]{32}$/);
    const { flags } = await portFlags();
    await using cli = startCli([...at, ...flags]);
    await cli.says("Listening.");
    const listed = await runCli(["streams", "list", ...at]);
    expect(listed.stdout).toMatch(/^final +Cup final +here/m);
    const added = await runCli(["streams", "add", "side", ...at]);
    expect(added.stdout).toContain("The stream side is there. Its key, shown this once:");
    const rotated = await runCli(["streams", "rotate-key", "final", "--json", ...at]);
    expect((JSON.parse(rotated.stdout) as { key: string }).key).not.toBe(key);
    const again = await runCli(["streams", "add", "side", ...at]);
    expect(again.stderr).toBe("error: there is already a stream side. Choose another name. [STORE_CONFLICT]\n");
    expect((await runCli(["streams", "remove", "side", ...at])).code).toBe(0);
    cli.kill("SIGTERM");
    await cli.exited;
    const offline = await runCli(["streams", "list", "--json", ...at]);
    const { streams } = JSON.parse(offline.stdout) as { streams: { name: string; keys: { id: string }[] }[] };
    expect(streams.map((stream) => stream.name)).toEqual(["final"]);
    const revoked = await runCli(["streams", "revoke-key", "final", streams[0]?.keys[0]?.id ?? "", ...at]);
    expect(revoked.stdout).toContain("has ended");
  }, 30_000);
});

describe("help and small commands", () => {
  test("--help names every command, and every command has its own", async () => {
    const { stdout, code } = await runCli(["--help"]);
    expect(code).toBe(0);
    const names = ["start", "demo", "streams", "publish", "probe", "bench", "doctor", "config", "version"];
    for (const name of names) {
      expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
      const help = await runCli([name, "--help"]);
      expect(help.stdout).toStartWith(`grandstand ${name}: `);
      expect(help.code).toBe(0);
    }
    expect(stdout).toContain("--http-port PORT");
  }, 20_000);

  test("version is package.json's", async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dir, "..", "..", "package.json"), "utf8")) as {
      version: string;
    };
    for (const words of [["version"], ["--version"]])
      expect((await runCli(words)).stdout).toBe(`${manifest.version}\n`);
  });

  test("doctor finds what stands in the way", async () => {
    const [port = 0, other = 0] = await freePorts(2);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const at = ["--host", "127.0.0.1", "--rtmp-port", String(other), "--data-dir", dataDir()];
    const bad = await runCli(["doctor", ...at, "--http-port", String(port)]);
    server.close();
    expect(bad.stdout).toContain(`BAD   HTTP port ${port} is in use by another program`);
    expect(bad.code).toBe(1);
    const good = await runCli(["doctor", ...at, "--slate-file", "absent.png"]);
    expect(good.stdout).toContain(`ok    RTMP port ${other} is free`);
    expect(good.stdout).toMatch(
      /note {2}no slate can be made of .*absent\.png: there is no such file; the card is shown/,
    );
  });

  test("config check looks without starting", async () => {
    expect((await runCli(["config", "check", "--http-port", "81"])).stdout).toBe("The configuration is valid.\n");
    expect((await runCli(["config", "check", "--http-port", "x"])).code).toBe(1);
    expect(JSON.parse((await runCli(["config", "schema"])).stdout)).toHaveProperty("properties.httpPort");
  });

  test("a folder that cannot be written is told, even to root", async () => {
    const locked = join(folder, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    // Root may write anywhere but below /proc.
    const data = process.getuid?.() === 0 ? "/proc/grandstand" : join(locked, "data");
    const { flags } = await portFlags();
    const { code, stderr } = await runCli(["--data-dir", data, ...flags]);
    expect(stderr).toContain("[DATA_DIR_UNUSABLE]");
    expect(code).toBe(1);
  });
});
