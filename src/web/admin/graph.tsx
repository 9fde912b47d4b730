import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { bitrateText } from "./figures.ts";

const GRAPH_HEIGHT = 220;

function colour(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function optionsFor(element: HTMLElement): uPlot.Options {
  const [ink, line, accent] = [colour(element, "--ink-2"), colour(element, "--line"), colour(element, "--accent-ink")];
  const axis: uPlot.Axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
  };
  return {
    width: element.clientWidth,
    height: GRAPH_HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.15, 1)] } },
    axes: [axis, { ...axis, size: 76, values: (_plot, values) => values.map((value) => bitrateText(value)) }],
    series: [{}, { stroke: accent, width: 2, points: { show: false }, label: "Bitrate" }],
  };
}

/** Bitrate over the last minutes, one value a second, the newest at `endMs`. */
export function BitrateGraph({ values, endMs }: { values: readonly number[]; endMs: number }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const times = values.map((_, i) => Math.round(endMs / 1000) - (values.length - 1 - i));
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsFor(element), [times, [...values]], element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: GRAPH_HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData([times, [...values]]), [values]);
  const last = values.at(-1);
  const words = `Bitrate of the last ${Math.round(values.length / 60)} minutes${last === undefined ? "" : `, now ${bitrateText(last)}`}`;
  return <div class="graph" ref={box} role="img" aria-label={words} />;
}
