import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";

/** How often the event loop's delay is measured, milliseconds. */
const LAG_PROBE_MS = 250;
/** Measurements the largest delay is taken from: 15 s. */
const LAG_PROBES = 60;

/** Adds gauges of the process: memory, event loop delay, uptime. Returns what stops the measuring. */
export function measureProcess(metrics: Metrics, clock: Clock): () => void {
  const lags = new Float64Array(LAG_PROBES);
  let position = 0;
  let dueMs = clock.nowMs() + LAG_PROBE_MS;
  const timer = setInterval(() => {
    const nowMs = clock.nowMs();
    lags[position] = Math.max(0, nowMs - dueMs);
    position = (position + 1) % LAG_PROBES;
    dueMs = nowMs + LAG_PROBE_MS;
  }, LAG_PROBE_MS);
  timer.unref();
  const startMs = clock.nowMs();
  const startWallSeconds = Math.round(clock.wallMs() / 1000 - process.uptime());
  const cpuSeconds = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const gauges: [string, string, () => number][] = [
    ["process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()],
    ["process_start_time_seconds", "When the process started, since the Unix epoch.", () => startWallSeconds],
    ["grandstand_heap_used_bytes", "Used JavaScript heap.", () => process.memoryUsage().heapUsed],
    [
      "grandstand_external_memory_bytes",
      "Memory of media and other byte arrays.",
      () => process.memoryUsage().external,
    ],
    [
      "grandstand_event_loop_lag_seconds",
      "Largest delay of the event loop in the last 15 s.",
      () => Math.max(...lags) / 1000,
    ],
    ["grandstand_uptime_seconds", "Time since the node started.", () => (clock.nowMs() - startMs) / 1000],
  ];
  const removals = gauges.map(([name, help, read]) => metrics.gauge(name, help, read));
  removals.push(metrics.total("process_cpu_seconds_total", "CPU time, user and system.", cpuSeconds));
  return () => {
    clearInterval(timer);
    for (const remove of removals) remove();
  };
}
