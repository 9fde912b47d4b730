/** Digits after the point: 10 µs, finer than a tick of 90 kHz. Rounding is monotone, so a part never looks longer than its target. */
const UNITS_PER_SECOND = 100_000;

/** A duration in ticks as decimal seconds with at most five digits after the point: `2`, `0.5`, `0.46713`. */
export function decimalSeconds(ticks: number, timescale: number): string {
  const units = Math.round((ticks * UNITS_PER_SECOND) / timescale);
  const whole = Math.floor(units / UNITS_PER_SECOND);
  const rest = units - whole * UNITS_PER_SECOND;
  if (rest === 0) return String(whole);
  let digits = String(rest + UNITS_PER_SECOND).slice(1);
  while (digits.endsWith("0")) digits = digits.slice(0, -1);
  return `${whole}.${digits}`;
}
