import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** The core the server under test is pinned to. */
export const SERVER_CORE = "0";
/** The core everything that makes load is pinned to. */
export const LOAD_CORE = "1";

const CLOCK_TICKS_PER_SECOND = 100;

/** CPU seconds (user and system) a process and its threads have used since they began. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** Resident memory of a process in bytes. */
export function residentBytesOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Pids of a process and everything below it. */
export function processTree(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children === "" ? [] : children.split(" ").flatMap((child) => processTree(Number(child))))];
}

/** CPU seconds of a whole process tree. */
export function treeCpuSeconds(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + cpuSecondsOf(each), 0);
}

/** The middle value; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear-interpolated quantile. @throws Error for no values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new Error("no values to take a quantile of");
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

/** What a load run did. */
export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  readonly bytes: number;
}

/** Runs wrk on the load core and reads its totals. */
export async function runWrk(options: {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  readonly headers?: readonly string[];
}): Promise<LoadResult> {
  const headers = (options.headers ?? []).flatMap((header) => ["-H", header]);
  const args = ["-t1", `-c${options.connections}`, `-d${options.seconds}s`, ...headers, options.url];
  const child = spawn("taskset", ["-c", LOAD_CORE, "wrk", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.once("exit", resolve));
  const totals = /(\d+) requests in ([\d.]+)s, ([\d.]+)(\w+) read/.exec(output);
  if (totals === null) throw new Error(`wrk said: ${output}`);
  const unit = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }[totals[4] ?? "B"] ?? 1;
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(output);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const socketErrors = socket === null ? 0 : socket.slice(1).reduce((sum, n) => sum + Number(n), 0);
  return {
    requests: Number(totals[1]),
    errors: Number(bad?.[1] ?? 0) + socketErrors,
    seconds: Number(totals[2]),
    bytes: Number(totals[3]) * unit,
  };
}

/** Version line of a peer program. */
export function versionOf(command: string, args: readonly string[]): string {
  const { stdout, stderr } = Bun.spawnSync([command, ...args]);
  return `${stdout.toString()}${stderr.toString()}`.split("\n")[0]?.trim() ?? "";
}

/** Makes a self-signed certificate for localhost; paths of certificate and key. */
export function makeCertificate(folder: string): { cert: string; key: string } {
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...args, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { cert, key };
}
