import { join } from "node:path";
import { eventually } from "#test/e2e/deadline.ts";
import { startPlatform, startTool } from "#test/e2e/platform.ts";
import { makeClipFile } from "./clip.ts";
import { cpuSecondsOf, LOAD_CORE, median, quantile, residentBytesOf, SERVER_CORE, treeCpuSeconds } from "./measure.ts";
import { startNginxRtmp } from "./peers.ts";
import type { Row } from "./table.ts";

const STREAMS = 100;
/** With 128 kbit/s of sound and what FLV adds: 2.5 Mbit/s. */
const VIDEO_BITRATE = 2_340_000;
/** A window of 60 s and its retention are full then. */
const FILL_MS = 80_000;
const MEASURE_MS = 60_000;
const PEER_WARM_MS = 10_000;
const PEER_MEASURE_MS = 30_000;
const SAMPLE_MS = 2000;
const CPU_REACH_PERCENT = 0.33;
const MEMORY_REACH = 1.3;

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function metric(http: string, token: string, name: string): Promise<number> {
  const answer = await fetch(`${http}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const values = [...(await answer.text()).matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, "gm"))];
  return values.reduce((sum, match) => sum + Number(match[1]), 0);
}

/** CPU of nginx-rtmp, percent of a core per stream, under the same load. */
async function benchPeer(clip: string): Promise<number> {
  await using peer = await startNginxRtmp();
  const script = join(import.meta.dir, "load-publisher.ts");
  await using publisher = startTool("taskset", [
    "-c",
    LOAD_CORE,
    process.execPath,
    script,
    peer.http,
    String(STREAMS),
    clip,
  ]);
  await passed(PEER_WARM_MS);
  const before = treeCpuSeconds(peer.pid);
  const startedMs = performance.now();
  await passed(PEER_MEASURE_MS);
  if (publisher.process.exitCode !== null) throw new Error(publisher.output());
  return ((treeCpuSeconds(peer.pid) - before) / ((performance.now() - startedMs) / 1000) / STREAMS) * 100;
}

/** CPU and memory of 100 streams of 2.5 Mbit/s, RTMP in and LL-HLS packaged, nobody watching. */
export async function benchIngest(): Promise<Row[]> {
  const keys = Object.fromEntries(
    Array.from({ length: STREAMS }, (_, i) => [`load-${i}`, `load-key-${i}-0123456789abcdef`]),
  );
  await using platform = await startPlatform({ prefix: ["taskset", "-c", SERVER_CORE], streams: keys });
  const pid = await platform.nodePid();
  const idleBytes = residentBytesOf(pid);
  const script = join(import.meta.dir, "load-publisher.ts");
  using clip = makeClipFile({ videoBitrate: VIDEO_BITRATE, seconds: 20, audio: true });
  const args = ["-c", LOAD_CORE, process.execPath, script, platform.rtmp, String(STREAMS), clip.path];
  await using publisher = startTool("taskset", args);
  const onAir = async (): Promise<number> =>
    ((await (await fetch(`${platform.http}/api/v1/live`)).json()) as { streams: unknown[] }).streams.length;
  await eventually(60_000, `${STREAMS} streams on air`, async () => {
    if (publisher.process.exitCode !== null) throw new Error(publisher.output());
    return (await onAir()) === STREAMS ? true : undefined;
  });
  await passed(FILL_MS);
  const cpuBefore = cpuSecondsOf(pid);
  const startedMs = performance.now();
  const residents: number[] = [];
  while (performance.now() - startedMs < MEASURE_MS) {
    await passed(SAMPLE_MS);
    residents.push(residentBytesOf(pid));
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const percent = ((cpuSecondsOf(pid) - cpuBefore) / seconds / STREAMS) * 100;
  const ringBytes = await metric(platform.http, platform.adminToken, "grandstand_origin_window_bytes");
  const ratio = (median(residents) - idleBytes) / ringBytes;
  const worst = (quantile(residents, 1) - idleBytes) / ringBytes;
  await publisher[Symbol.asyncDispose]();
  await platform.stop();
  const peerPercent = await benchPeer(clip.path);
  return [
    {
      what: `CPU per 2.5 Mbit/s stream at ${STREAMS} streams, RTMP in and LL-HLS packaged`,
      figure: `${percent.toFixed(3)} % of a core`,
      reach: `≤ ${CPU_REACH_PERCENT} %`,
      ok: percent <= CPU_REACH_PERCENT,
    },
    {
      what: "the same streams into nginx-rtmp with plain HLS, for comparison",
      figure: `${peerPercent.toFixed(3)} % of a core`,
      reach: "",
      ok: undefined,
    },
    {
      what: "memory per such stream, as a multiple of the bytes in its window",
      figure: `${ratio.toFixed(2)}×, at worst ${worst.toFixed(2)}× (window ${(ringBytes / STREAMS / 1e6).toFixed(1)} MB)`,
      reach: `≤ ${MEMORY_REACH}×`,
      ok: ratio <= MEMORY_REACH,
    },
  ];
}
