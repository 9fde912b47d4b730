import { mkdtempSync, rmSync } from "node:fs";
import { eventually } from "#test/e2e/deadline.ts";
import { fetchPlaylist } from "#test/e2e/media-playlist.ts";
import { freePort, MAIN_KEY, startPlatform, type Platform } from "#test/e2e/platform.ts";
import { makeClipFile, replay } from "./clip.ts";
import { makeCertificate, median, runWrk, SERVER_CORE, treeCpuSeconds } from "./measure.ts";
import { type Peer, startNginx, startVarnish } from "./peers.ts";
import type { Row } from "./table.ts";

/** Every server in turn, so often; the middle of the ratios counts. */
const ROUNDS = 9;
const SECONDS = 2;
const CONNECTIONS = 64;
const IDLE_MS = 4000;
const BIG_KEY = "big-key-0123456789abcdefghijkl";

interface Target {
  readonly name: string;
  readonly base: string;
  readonly pid: number;
  /** Share of a core it uses without any request: taking in the two streams is not serving. */
  readonly idleShare: number;
}

interface Case {
  readonly name: string;
  readonly reach: number;
  readonly headers: readonly string[];
  readonly tls: boolean;
  /** Path to load, chosen anew before each round because the live window moves on. */
  path(): Promise<string>;
}

async function newestPart(platform: Platform, aimBytes: number): Promise<string> {
  return eventually(20_000, "a part of the wanted size", async () => {
    const text = await (await fetch(`${platform.http}/live/main/source/index.m3u8`)).text();
    const uris = [...text.matchAll(/#EXT-X-PART:[^\n]*URI="([^"]+)"/g)].map((match) => match[1] ?? "");
    for (const uri of uris.reverse()) {
      const path = `/live/main/source/${uri}`;
      const { byteLength } = await (await fetch(platform.http + path)).arrayBuffer();
      if (Math.abs(byteLength - aimBytes) < aimBytes * 0.15) return path;
    }
    return undefined;
  });
}

async function newestSegment(platform: Platform): Promise<string> {
  const facts = await eventually(20_000, "segments", () =>
    fetchPlaylist(`${platform.http}/live/big/source/index.m3u8`),
  );
  return `/live/big/source/${facts.segments.at(-1)?.uri ?? ""}`;
}

/** CPU seconds per second a process uses while nobody asks it for anything. */
async function idleShareOf(pid: number): Promise<number> {
  const [startedMs, before] = [performance.now(), treeCpuSeconds(pid)];
  await eventually(IDLE_MS * 2, "the idle time", () => (performance.now() - startedMs > IDLE_MS ? true : undefined));
  return (treeCpuSeconds(pid) - before) / ((performance.now() - startedMs) / 1000);
}

async function perCpuSecond(target: Target, path: string, headers: readonly string[]): Promise<number> {
  const url = target.base + path;
  await fetch(url, { tls: { rejectUnauthorized: false }, headers: { "accept-encoding": "gzip" } });
  const before = treeCpuSeconds(target.pid);
  const result = await runWrk({ url, seconds: SECONDS, connections: CONNECTIONS, headers });
  const cpu = treeCpuSeconds(target.pid) - before - target.idleShare * result.seconds;
  if (result.errors > 0) throw new Error(`${target.name} ${path}: ${result.errors} errors`);
  return result.requests / cpu;
}

async function compare(each: Case, ours: Target, peers: readonly Target[]): Promise<Row[]> {
  const figures = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    const path = await each.path();
    for (const target of [ours, ...peers]) {
      figures.set(target.name, [...(figures.get(target.name) ?? []), await perCpuSecond(target, path, each.headers)]);
    }
  }
  const our = figures.get(ours.name) ?? [];
  return peers.map((peer) => {
    const their = figures.get(peer.name) ?? [];
    const ratio = median(our.map((value, i) => value / (their[i] ?? Number.NaN)));
    return {
      what: `edge: ${each.name}, requests per CPU-second against ${peer.name}`,
      figure: `${ratio.toFixed(2)}× (${Math.round(median(our))} / ${Math.round(median(their))})`,
      reach: peer.name === "nginx" ? `≥ ${each.reach}×` : "",
      ok: peer.name === "nginx" ? ratio >= each.reach : undefined,
    };
  });
}

/** Compares the edge with nginx and Varnish on the same objects, each pinned to the same core in turn. */
export async function benchEdge(): Promise<Row[]> {
  const folder = mkdtempSync("/dev/shm/grandstand-bench-");
  const { cert, key } = makeCertificate(folder);
  const [httpsPort, rtmpsPort] = [await freePort(), await freePort()];
  const tls = `tls: { cert: ${cert}, key: ${key}, httpsPort: ${httpsPort}, rtmpsPort: ${rtmpsPort} }`;
  await using platform = await startPlatform({
    streams: { big: BIG_KEY },
    config: tls,
    prefix: ["taskset", "-c", SERVER_CORE],
  });
  using small = makeClipFile({ videoBitrate: 960_000, seconds: 20, audio: true });
  using large = makeClipFile({ videoBitrate: 4_150_000, seconds: 20, audio: true });
  await using _main = replay(`${platform.rtmp}/${MAIN_KEY}`, small.path);
  await using _big = replay(`${platform.rtmp}/${BIG_KEY}`, large.path);
  await newestPart(platform, 60_000);
  await newestSegment(platform);
  await using nginx = await startNginx({ origin: platform.http, cert, key });
  await using varnish = await startVarnish({ origin: platform.http });
  const pid = await platform.nodePid();
  const idleShare = await idleShareOf(pid);
  const plain: Target = { name: "grandstand", base: platform.http, pid, idleShare };
  const secure: Target = { name: "grandstand", base: `https://127.0.0.1:${httpsPort}`, pid, idleShare };
  const asTarget = (peer: Peer, base: string): Target => ({ name: peer.name, base, pid: peer.pid, idleShare: 0 });
  const gzip = ["Accept-Encoding: gzip"];
  const cases: Case[] = [
    {
      name: "LL-HLS playlist",
      reach: 1.5,
      headers: gzip,
      tls: false,
      path: async () => "/live/main/source/index.m3u8",
    },
    { name: "60 kB part", reach: 1.2, headers: [], tls: false, path: () => newestPart(platform, 60_000) },
    { name: "1 MB segment", reach: 0.9, headers: [], tls: false, path: () => newestSegment(platform) },
    { name: "60 kB part over TLS", reach: 2, headers: [], tls: true, path: () => newestPart(platform, 60_000) },
  ];
  const rows: Row[] = [];
  for (const each of cases) {
    const peers = each.tls
      ? [asTarget(nginx, nginx.https ?? "")]
      : [asTarget(nginx, nginx.http), asTarget(varnish, varnish.http)];
    rows.push(...(await compare(each, each.tls ? secure : plain, peers)));
  }
  rmSync(folder, { recursive: true, force: true });
  return rows;
}
