import type { JSX } from "preact";

const WIDTH = 120;
const HEIGHT = 32;

/** A trend without axes: the last values as a line, from zero up to the highest. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }): JSX.Element | null {
  if (values.length < 2) return null;
  const top = Math.max(...values, 1);
  const step = WIDTH / (values.length - 1);
  const points = values.map(
    (value, i) => `${(i * step).toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`,
  );
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} class="sparkline-area" />
      <polyline points={points.join(" ")} class="sparkline-line" />
    </svg>
  );
}
