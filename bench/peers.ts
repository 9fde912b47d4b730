import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { eventually } from "#test/e2e/deadline.ts";
import { freePort, startTool, type Tool } from "#test/e2e/platform.ts";
import { SERVER_CORE } from "./measure.ts";

/** A caching proxy in front of the same objects. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly http: string;
  readonly https: string | undefined;
  readonly pid: number;
}

function nginxConfig(options: {
  origin: string;
  folder: string;
  http: number;
  https: number;
  cert: string;
  key: string;
}): string {
  return `
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${options.folder}/nginx.pid;
error_log ${options.folder}/error.log warn;
events { worker_connections 16384; multi_accept on; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 600;
  keepalive_requests 100000000;
  open_file_cache max=10000 inactive=600s;
  proxy_temp_path ${options.folder}/proxy_temp;
  client_body_temp_path ${options.folder}/body_temp;
  fastcgi_temp_path ${options.folder}/f_temp; uwsgi_temp_path ${options.folder}/u_temp; scgi_temp_path ${options.folder}/s_temp;
  proxy_cache_path ${options.folder}/cache levels=1:2 keys_zone=media:64m max_size=2g inactive=10m use_temp_path=off;
  server {
    listen 127.0.0.1:${options.http};
    listen 127.0.0.1:${options.https} ssl;
    ssl_certificate ${options.cert};
    ssl_certificate_key ${options.key};
    ssl_protocols TLSv1.3;
    # The cipher the runtime chooses too: nginx alone would take the dearer AES-256.
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    location / {
      proxy_pass ${options.origin};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache media;
      proxy_cache_lock on;
      proxy_cache_use_stale updating;
      proxy_cache_background_update on;
    }
  }
}
`;
}

async function untilAnswers(url: string, tool: Tool, name: string): Promise<void> {
  await eventually(10_000, `${name} to listen`, async () => {
    if (tool.process.exitCode !== null) throw new Error(`${name} ended: ${tool.output()}`);
    await fetch(url);
    return true;
  });
}

/** Debian's nginx with `proxy_cache` in a memory file system, one worker, pinned to the server core. */
export async function startNginx(options: { origin: string; cert: string; key: string }): Promise<Peer> {
  const folder = mkdtempSync("/dev/shm/grandstand-nginx-");
  const [http, https] = [await freePort(), await freePort()];
  writeFileSync(`${folder}/nginx.conf`, nginxConfig({ ...options, folder, http, https }));
  const args = ["-c", SERVER_CORE, "nginx", "-c", `${folder}/nginx.conf`, "-g", "daemon off; user root;"];
  const tool = startTool("taskset", args);
  await untilAnswers(`http://127.0.0.1:${http}/healthz`, tool, "nginx");
  const pid = tool.process.pid ?? 0;
  return {
    name: "nginx",
    http: `http://127.0.0.1:${http}`,
    https: `https://127.0.0.1:${https}`,
    pid,
    [Symbol.asyncDispose]: async () => {
      tool.kill("SIGTERM");
      await tool.exited;
      Bun.spawnSync(["rm", "-rf", folder]);
    },
  };
}

/** Debian's Varnish with objects in memory, pinned to the server core. It speaks no TLS. */
export async function startVarnish(options: { origin: string }): Promise<Peer> {
  const folder = mkdtempSync("/dev/shm/grandstand-varnish-");
  const http = await freePort();
  const backend = options.origin.replace("http://", "");
  const args = [
    "-c",
    SERVER_CORE,
    "varnishd",
    "-F",
    // The folder is ours alone, so the usual change of user would lock varnishd out of it.
    "-j",
    "none",
    "-n",
    folder,
    "-a",
    `127.0.0.1:${http}`,
    "-b",
    backend,
    "-s",
    "malloc,512m",
  ];
  const tool = startTool("taskset", args);
  await untilAnswers(`http://127.0.0.1:${http}/healthz`, tool, "varnish");
  return {
    name: "varnish",
    http: `http://127.0.0.1:${http}`,
    https: undefined,
    pid: tool.process.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      tool.kill("SIGTERM");
      await tool.exited;
      Bun.spawnSync(["rm", "-rf", folder]);
    },
  };
}

/** Debian's nginx with the RTMP module, plain HLS of 2 s segments in a memory file system, pinned to the server core; `http` is its RTMP base URL. */
export async function startNginxRtmp(): Promise<Peer> {
  const folder = mkdtempSync("/dev/shm/grandstand-nginx-rtmp-");
  const port = await freePort();
  const config = `
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 16384; multi_accept on; }
rtmp {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    application live {
      live on;
      hls on;
      hls_path ${folder}/hls;
      hls_fragment 2s;
      hls_playlist_length 60s;
    }
  }
}
`;
  writeFileSync(`${folder}/nginx.conf`, config);
  const args = ["-c", SERVER_CORE, "nginx", "-c", `${folder}/nginx.conf`, "-g", "daemon off; user root;"];
  const tool = startTool("taskset", args);
  await eventually(10_000, "nginx-rtmp to listen", () => {
    if (tool.process.exitCode !== null) throw new Error(`nginx-rtmp ended: ${tool.output()}`);
    return existsSync(`${folder}/nginx.pid`) ? true : undefined;
  });
  return {
    name: "nginx-rtmp",
    http: `rtmp://127.0.0.1:${port}/live`,
    https: undefined,
    pid: tool.process.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      tool.kill("SIGTERM");
      await tool.exited;
      Bun.spawnSync(["rm", "-rf", folder]);
    },
  };
}
