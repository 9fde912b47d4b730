import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { decimalSeconds } from "./decimal-seconds.ts";

/** `EXT-X-PART-INF` with the part target. RFC 8216bis §4.4.3.7. */
export function renderPartInformation(partTargetMicros: number): string {
  return `#EXT-X-PART-INF:PART-TARGET=${decimalSeconds(partTargetMicros, MICROS_PER_SECOND)}\n`;
}
