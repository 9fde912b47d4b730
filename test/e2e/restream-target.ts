import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdminTarget } from "#web/wire.ts";
import { eventually } from "./deadline.ts";
import { freePort, type Platform, startTool, type Tool } from "./platform.ts";

/** Debian's nginx with the RTMP module: takes what has the right key, and records it. */
export interface NginxTarget extends AsyncDisposable {
  /** `rtmp://…/live`, without the key. */
  readonly url: string;
  /** Keys that may publish; others are refused. */
  readonly keys: Set<string>;
  readonly pid: () => number;
  /** Ends it as a crash would. */
  crash(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
  /** Files of what it took from this key, oldest first. */
  recordings(key: string): string[];
}

const CONFIG = (folder: string, port: number, checkPort: number): string => `
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
worker_processes 1;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 256; }
rtmp {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    application live {
      live on;
      on_publish http://127.0.0.1:${checkPort}/;
      record all;
      record_path ${folder};
      record_suffix -%s.flv;
    }
  }
}
`;

/** Starts one. Each recording's name has the second in which it began. */
export async function startNginxTarget(): Promise<NginxTarget> {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-target-"));
  const port = await freePort();
  const keys = new Set<string>();
  const check = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const asked = new URLSearchParams(await request.text());
      return new Response(null, { status: keys.has(asked.get("name") ?? "") ? 200 : 403 });
    },
  });
  writeFileSync(join(folder, "nginx.conf"), CONFIG(folder, port, check.port ?? 0));
  let tool: Tool;
  const start = async (): Promise<void> => {
    rmSync(join(folder, "nginx.pid"), { force: true });
    tool = startTool("nginx", ["-c", join(folder, "nginx.conf"), "-g", "daemon off; user root;"]);
    await eventually(10_000, "nginx to listen", () => {
      if (tool.process.exitCode !== null) throw new Error(`nginx ended: ${tool.output()}`);
      return existsSync(join(folder, "nginx.pid")) ? true : undefined;
    });
  };
  await start();
  const crash = async (): Promise<void> => {
    tool.kill("SIGKILL");
    await tool.exited;
  };
  return {
    url: `rtmp://127.0.0.1:${port}/live`,
    keys,
    pid: () => tool.process.pid ?? 0,
    crash,
    start,
    recordings: (key) =>
      readdirSync(folder)
        .filter((name) => name.startsWith(`${key}-`) && name.endsWith(".flv"))
        .sort()
        .map((name) => join(folder, name)),
    [Symbol.asyncDispose]: async () => {
      await crash();
      await check.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function askTargets<Answer>(platform: Platform, path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(`${platform.http}/api/v1/streams/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as Answer;
}

/** A target to be added. */
export interface WantedTarget {
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly rendition?: string;
}

/** Lets a stream go on to a target. */
export function addTarget(platform: Platform, target: WantedTarget, stream = "main"): Promise<AdminTarget> {
  return askTargets(platform, `${stream}/targets`, { method: "POST", body: JSON.stringify(target) });
}

/** Changes a target. */
export function changeTarget(
  platform: Platform,
  id: string,
  change: Partial<WantedTarget> & { readonly enabled?: boolean },
  stream = "main",
): Promise<AdminTarget> {
  return askTargets(platform, `${stream}/targets/${id}`, { method: "PATCH", body: JSON.stringify(change) });
}

/** How a target stands. */
export async function targetOf(platform: Platform, id: string, stream = "main"): Promise<AdminTarget> {
  const { targets } = await askTargets<{ targets: AdminTarget[] }>(platform, `${stream}/targets`);
  const target = targets.find((one) => one.id === id);
  if (target === undefined) throw new Error(`there is no target ${id}`);
  return target;
}

/** Waits until a target is as wanted. */
export async function untilTarget(
  platform: Platform,
  id: string,
  what: string,
  isSo: (target: AdminTarget) => boolean,
  ms = 20_000,
): Promise<AdminTarget> {
  let last: AdminTarget | undefined;
  try {
    return await eventually(ms, what, async () => {
      last = await targetOf(platform, id);
      return isSo(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; it is ${JSON.stringify(last)}`, { cause: error });
  }
}

/** What FFmpeg, as strict as it can be, has to complain about when it decodes a file: nothing, where all is well. */
export function complaintsAbout(file: string): string {
  const strict = ["-v", "warning", "-nostdin", "-xerror", "-err_detect", "explode", "-i", file];
  // Pictures keep their times: one rate would be found for all encoders.
  const asItIs = ["-fps_mode", "passthrough", "-enc_time_base:v", "1:1000", "-f", "null", "-"];
  const { stderr, status } = spawnSync("ffmpeg", [...strict, ...asItIs], { encoding: "utf8" });
  return status === 0 ? stderr : `${stderr}\nit ended with ${status}`;
}
