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

/** What viewers see while no encoder delivers. */
export const CONTINUITY_WORDS: Readonly<Record<EffectiveSettings["continuity"], string>> = {
  slate: "A slate: a prepared picture",
  hold: "The last picture, held",
  end: "The end of the broadcast",
};

/** What becomes of an encoder that comes while another one is there. */
export const BUSY_WORDS: Readonly<Record<EffectiveSettings["whenBusy"], string>> = {
  backup: "Stands by and steps in",
  replace: "Takes over",
  refuse: "Is turned away",
};

/** What a backup does when the primary encoder is back. */
export const RETURN_WORDS: Readonly<Record<EffectiveSettings["switchBack"], string>> = {
  sticky: "Stays on air",
  "prefer-primary": "Makes room after ten steady seconds",
};

/** A duration in seconds: `1.5 s`. */
function secondsOf(ms: number): string {
  return `${ms / 1000} s`;
}

/** What viewers see while no encoder delivers, and when, in a sentence's place. */
export function continuityText(effective: EffectiveSettings): string {
  const after = `after ${secondsOf(effective.slateAfterMs)}`;
  if (effective.continuity === "hold") return CONTINUITY_WORDS.hold;
  if (effective.continuity === "end") return `${CONTINUITY_WORDS.end} ${after}`;
  return `A slate ${after}: “${effective.slateWords}”`;
}
