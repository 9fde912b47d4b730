import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, within } from "./deadline.ts";

const ROOT = join(import.meta.dir, "..", "..");

/** The key of stream `main` in tests. */
export const MAIN_KEY = "main-key-0123456789abcdefghijkl";

/** A TCP port below the ephemeral range that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error("no free port");
}

/** A running platform, as an operator would run it: supervisor and node in processes of their own. */
export interface Platform extends AsyncDisposable {
  readonly http: string;
  readonly rtmp: string;
  readonly httpPort: number;
  readonly rtmpPort: number;
  readonly dataDir: string;
  readonly adminToken: string;
  readonly process: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  /** Pid of the node process below the supervisor. */
  nodePid(): Promise<number>;
  stop(): Promise<void>;
}

/** Options of {@link startPlatform}. */
export interface PlatformOptions {
  /** Streams beside `main`, name → key. */
  readonly streams?: Readonly<Record<string, string>>;
  /** Further entries of `streams` in the configuration file, each as YAML. */
  readonly entries?: readonly string[];
  /** Lines added to the configuration file. */
  readonly config?: string;
  readonly flags?: readonly string[];
  /** An existing folder for its data; else a new one, which is removed at the end. */
  readonly dataDir?: string;
  /** Command that runs the platform, such as `taskset -c 0`; it must replace itself (exec). */
  readonly prefix?: readonly string[];
}

async function childPid(pid: number): Promise<number | undefined> {
  const text = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
  const first = text.trim().split(" ")[0];
  return first === undefined || first === "" ? undefined : Number(first);
}

/** Starts the platform on free ports with a data folder of its own and waits until it is ready. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const [httpPort, rtmpPort] = [await freePort(), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), "grandstand-e2e-"));
  const dataDir = options.dataDir ?? folder;
  const adminToken = "e2e-admin-token-0123456789";
  const streams = { main: MAIN_KEY, ...options.streams };
  const yaml = [
    "streams:",
    ...Object.entries(streams).map(([name, key]) => `  - { name: ${name}, key: ${key} }`),
    ...(options.entries ?? []).map((entry) => `  - ${entry}`),
    `adminToken: ${adminToken}`,
    options.config ?? "",
  ].join("\n");
  const configPath = join(folder, "grandstand.yaml");
  await writeFile(configPath, yaml);
  const flags = ["--http-port", String(httpPort), "--rtmp-port", String(rtmpPort), "--host", "127.0.0.1"];
  const args = [
    "src/cli/main.ts",
    "start",
    ...flags,
    "--data-dir",
    dataDir,
    "--config",
    configPath,
    "--log-format",
    "json",
  ];
  const [command = process.execPath, ...rest] = [
    ...(options.prefix ?? []),
    process.execPath,
    ...args,
    ...(options.flags ?? []),
  ];
  const child = spawn(command, rest, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const http = `http://127.0.0.1:${httpPort}`;
  try {
    await eventually(20_000, "the platform to be ready", async () => {
      if (child.exitCode !== null) throw new Error(`it ended:\n${output}`);
      return (await fetch(`${http}/readyz`)).ok ? true : undefined;
    });
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`the platform did not start: ${output}`, { cause: error });
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await within(15_000, "the platform to stop", ended).catch(() => child.kill("SIGKILL"));
    }
    await rm(folder, { recursive: true, force: true });
  };
  return {
    http,
    rtmp: `rtmp://127.0.0.1:${rtmpPort}/live`,
    httpPort,
    rtmpPort,
    dataDir,
    adminToken,
    process: child,
    output: () => output,
    nodePid: () => eventually(5000, "the node process", () => childPid(child.pid ?? 0)),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A child process that is an encoder or a player, ended with the scope that uses it. */
export interface Tool extends AsyncDisposable {
  readonly process: ChildProcess;
  output(): string;
  readonly exited: Promise<number | null>;
  kill(signal?: NodeJS.Signals): void;
}

/** Starts a program found on PATH. */
export function startTool(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Tool {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-200_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.once("error", () => resolve(127));
  });
  const kill = (signal: NodeJS.Signals = "SIGKILL"): void => {
    if (child.exitCode === null) child.kill(signal);
  };
  return {
    process: child,
    output: () => output,
    exited,
    kill,
    [Symbol.asyncDispose]: async () => {
      kill();
      await exited;
    },
  };
}

/** What ffmpeg shall encode in real time. */
export interface EncoderOptions {
  readonly url: string;
  readonly size?: string;
  readonly rate?: string;
  readonly gop?: number;
  /** Further output options, for instance `["-bf", "2"]`. */
  readonly video?: readonly string[] | null;
  readonly audio?: readonly string[] | null;
  readonly seconds?: number;
  /** Command that runs ffmpeg, such as `taskset -c 1`. */
  readonly prefix?: readonly string[];
}

/** Debian's ffmpeg as the encoder: test picture and tone, H.264 and AAC, in real time. */
export function startEncoder(options: EncoderOptions): Tool {
  const { url, size = "640x360", rate = "30", gop = 60, video = [], audio = [], seconds } = options;
  const args = ["-hide_banner", "-loglevel", "warning", "-nostdin"];
  if (video !== null) args.push("-re", "-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${rate}`);
  if (audio !== null) args.push("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000");
  if (video !== null) {
    const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"];
    args.push(...x264, "-b:v", "1500k", "-g", String(gop), "-keyint_min", String(gop), "-sc_threshold", "0", ...video);
  }
  if (audio !== null) args.push("-c:a", "aac", "-b:a", "96k", ...audio);
  if (seconds !== undefined) args.push("-t", String(seconds));
  args.push("-f", "flv", url);
  const [command = "ffmpeg", ...rest] = [...(options.prefix ?? []), "ffmpeg", ...args];
  return startTool(command, rest);
}

/** Waits until the stream's multivariant playlist is served. */
export async function untilOnAir(platform: Platform, stream = "main", ms = 15_000): Promise<string> {
  return eventually(ms, `${stream} to be on air`, async () => {
    const answer = await fetch(`${platform.http}/live/${stream}/index.m3u8`);
    const text = await answer.text();
    return answer.ok ? text : undefined;
  });
}
