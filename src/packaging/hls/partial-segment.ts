import { decimalSeconds } from "./decimal-seconds.ts";

/** A part as its playlist names it. */
export interface PartialSegment {
  readonly name: string;
  readonly durationTicks: number;
  readonly timescale: number;
  /** Part target in ticks: what the tag never exceeds, also for a single frame that lasts longer. */
  readonly targetTicks: number;
  readonly independent: boolean;
}

/** `EXT-X-PART`. RFC 8216bis §4.4.4.9: the duration is at most the part target. */
export function renderPartialSegment(part: PartialSegment): string {
  const duration = decimalSeconds(Math.min(part.durationTicks, part.targetTicks), part.timescale);
  return `#EXT-X-PART:DURATION=${duration},URI="${part.name}"${part.independent ? ",INDEPENDENT=YES" : ""}\n`;
}
