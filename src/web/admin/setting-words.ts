import type { EffectiveSettings } from "#web/wire.ts";

type Latency = EffectiveSettings["latency"];

/** What each latency is good for. */
export const LATENCY_WORDS: Readonly<Record<Latency, string>> = {
  lowest: "Lowest: closest to live",
  low: "Low: half the requests",
  normal: "Normal: whole segments only",
};

/** Duration of a part: `parts of 500 ms`; 0 is none. */
export function partsText(partMs: number): string {
  return partMs === 0 ? "no parts" : `parts of ${partMs} ms`;
}

/** One rung of a ladder: `720:2500k` is `720p at 2.5 Mbit/s`. */
function rungText(rung: string): string {
  const [, height, kilobits] = /^(\d+)p?(?::(\d+)k)?$/.exec(rung.trim()) ?? [];
  if (height === undefined) return rung.trim();
  if (kilobits === undefined) return `${height}p`;
  return Number(kilobits) < 1000
    ? `${height}p at ${kilobits} kbit/s`
    : `${height}p at ${Number(kilobits) / 1000} Mbit/s`;
}

/** A ladder in words; its own rungs one by one. */
export function ladderText(ladder: string): string {
  if (ladder === "off") return "Off: the source alone";
  if (ladder === "default") return "Default: 1080p to 240p below the source";
  return ladder.split(",").map(rungText).join(", ");
}
