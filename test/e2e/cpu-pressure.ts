import { readFileSync } from "node:fs";

/** Share of the time in which something here could have run but had no processor, from which real-time rules prove nothing. */
export const PRESSURE_MAX = 0.25;

function stalledMicros(): number | undefined {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync("/proc/pressure/cpu", "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

/** Starts to measure; the answer gives the share of time since then that processors were wanting, 0 to 1, 0 where the kernel does not say. */
export function measureCpuPressure(): () => number {
  const [startMicros, startMs] = [stalledMicros(), performance.now()];
  return () => {
    const now = stalledMicros();
    const wallMicros = (performance.now() - startMs) * 1000;
    return now === undefined || startMicros === undefined ? 0 : (now - startMicros) / wallMicros;
  };
}
