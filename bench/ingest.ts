import { join } from "node:path";
import { eventually } from "#test/e2e/deadline.ts";
import { startPlatform, startTool } from "#test/e2e/platform.ts";
import { cpuSecondsOf, LOAD_CORE, residentBytesOf, SERVER_CORE } from "./measure.ts";
import type { Row } from "./table.ts";

const STREAMS = 100;
const VIDEO_BITRATE = 2_500_000;
const MEASURE_MS = 60_000;
const CPU_REACH_PERCENT = 0.33;
const MEMORY_REACH = 1.3;

async function metric(http: string, token: string, name: string): Promise<number> {
  const answer = await fetch(`${http}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const values = [...(await answer.text()).matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, "gm"))];
  return values.reduce((sum, match) => sum + Number(match[1]), 0);
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
  const args = ["-c", LOAD_CORE, process.execPath, script, platform.rtmp, String(STREAMS), String(VIDEO_BITRATE)];
  await using publisher = startTool("taskset", args);
  const onAir = async (): Promise<number> =>
    ((await (await fetch(`${platform.http}/api/v1/live`)).json()) as { streams: unknown[] }).streams.length;
  await eventually(60_000, `${STREAMS} streams on air`, async () => {
    if (publisher.process.exitCode !== null) throw new Error(publisher.output());
    return (await onAir()) === STREAMS ? true : undefined;
  });
  const windowFullMs = performance.now();
  await eventually(150_000, "the windows to fill", () =>
    performance.now() - windowFullMs > 130_000 ? true : undefined,
  );
  const cpuBefore = cpuSecondsOf(pid);
  const startedMs = performance.now();
  await eventually(MEASURE_MS + 5000, "the measurement", () =>
    performance.now() - startedMs > MEASURE_MS ? true : undefined,
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const percent = ((cpuSecondsOf(pid) - cpuBefore) / seconds / STREAMS) * 100;
  const ringBytes = await metric(platform.http, platform.adminToken, "grandstand_origin_window_bytes");
  const ratio = (residentBytesOf(pid) - idleBytes) / ringBytes;
  return [
    {
      what: `CPU per 2.5 Mbit/s stream at ${STREAMS} streams, RTMP in and LL-HLS packaged`,
      figure: `${percent.toFixed(3)} % of a core`,
      reach: `≤ ${CPU_REACH_PERCENT} %`,
      ok: percent <= CPU_REACH_PERCENT,
    },
    {
      what: "memory per such stream, as a multiple of the bytes in its window",
      figure: `${ratio.toFixed(2)}× (${(ringBytes / STREAMS / 1e6).toFixed(1)} MB a stream)`,
      reach: `≤ ${MEMORY_REACH}×`,
      ok: ratio <= MEMORY_REACH,
    },
  ];
}
