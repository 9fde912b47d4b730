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
  const cpuSeconds = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const gauges: [string, string, () => number][] = [
    ["process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()],
    ["process_cpu_seconds", "CPU time since the start, user and system.", cpuSeconds],
    ["grandstand_heap_used_bytes", "Used JavaScript heap.", () => process.memoryUsage().heapUsed],
    [
      "grandstand_external_memory_bytes",
      "Memory of media and other byte arrays.",
      () => process.memoryUsage().external,
    ],
    ["grandstand_event_loop_lag_ms", "Largest delay of the event loop in the last 15 s.", () => Math.max(...lags)],
    ["grandstand_uptime_seconds", "Time since the node started.", () => (clock.nowMs() - startMs) / 1000],
  ];
  const removals = gauges.map(([name, help, read]) => metrics.gauge(name, help, read));
  return () => {
    clearInterval(timer);
    for (const remove of removals) remove();
  };
}
