import type { WindowParameters } from "#packaging/window.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { decimalSeconds } from "./decimal-seconds.ts";

/** What the server offers for a media playlist; the same in all playlists of a broadcast (RFC 8216bis §4.4.3.8, §6.2.4). Microseconds. */
export interface ServerControl {
  readonly canBlockReload: boolean;
  /** Skip boundary; 0 where delta updates are not offered. */
  readonly canSkipUntilMicros: number;
  readonly holdBackMicros: number;
  /** 0 where the stream has no parts. */
  readonly partHoldBackMicros: number;
}

/** Target durations a skip boundary must have, and distances from the end of the playlist. RFC 8216bis §4.4.3.8. */
const SKIP_TARGETS = 6;
const HOLD_BACK_TARGETS = 3;
const PART_HOLD_BACK_TARGETS = 3;

/** The one offer of a broadcast. Delta updates are offered when the window holds anything beyond the skip boundary. */
export function serverControl(parameters: WindowParameters): ServerControl {
  const targetMicros = parameters.targetDurationSeconds * MICROS_PER_SECOND;
  const skipMicros = SKIP_TARGETS * targetMicros;
  return {
    canBlockReload: parameters.partTargetMicros > 0,
    canSkipUntilMicros: parameters.windowMicros > skipMicros ? skipMicros : 0,
    holdBackMicros: HOLD_BACK_TARGETS * targetMicros,
    partHoldBackMicros: PART_HOLD_BACK_TARGETS * parameters.partTargetMicros,
  };
}

/** `EXT-X-SERVER-CONTROL`. RFC 8216bis §4.4.3.8. */
export function renderServerControl(control: ServerControl): string {
  const attributes: string[] = [];
  if (control.canBlockReload) attributes.push("CAN-BLOCK-RELOAD=YES");
  if (control.canSkipUntilMicros > 0) {
    attributes.push(`CAN-SKIP-UNTIL=${decimalSeconds(control.canSkipUntilMicros, MICROS_PER_SECOND)}`);
  }
  attributes.push(`HOLD-BACK=${decimalSeconds(control.holdBackMicros, MICROS_PER_SECOND)}`);
  if (control.partHoldBackMicros > 0) {
    attributes.push(`PART-HOLD-BACK=${decimalSeconds(control.partHoldBackMicros, MICROS_PER_SECOND)}`);
  }
  return `#EXT-X-SERVER-CONTROL:${attributes.join(",")}\n`;
}
