import { isoDateTime } from "#packaging/date-time.ts";
import type { WindowParameters, WindowSnapshot } from "#packaging/window.ts";
import { endMicros } from "#packaging/segment-time.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { xmlAttributes, xsDuration } from "./attribute.ts";
import { renderPeriods } from "./period.ts";

/**
 * Where players read the server's clock, relative to the manifest (`/live/{stream}/manifest.mpd`): a body of ISO 8601 text in UTC.
 */
export const CLOCK_ADDRESS = "../../time";

/** How often a player of a stream with parts asks for the manifest: the growing segment must be known soon after its first part. */
const UPDATE_PERIOD_WITH_PARTS_MICROS = 1_000_000;
/** Playback rates a player may use to hold its latency. */
const PLAYBACK_RATE_MIN = 0.96;
const PLAYBACK_RATE_MAX = 1.04;

/** How far behind the live edge players should be: three parts and the segment that may be growing, or three segments. */
function presentationDelayMicros(parameters: WindowParameters): number {
  const targetMicros = parameters.targetDurationSeconds * MICROS_PER_SECOND;
  return parameters.partTargetMicros > 0 ? targetMicros + 3 * parameters.partTargetMicros : 3 * targetMicros;
}

/** End of the newest whole part of all tracks, microseconds of stream time. */
function newestMicros(window: WindowSnapshot): number {
  let end = 0;
  for (const { segments } of window.tracks) {
    const last = segments.at(-1);
    if (last !== undefined) end = Math.max(end, endMicros(last));
  }
  return end;
}

function renderServiceDescription(delayMicros: number): string {
  const delayMs = delayMicros / 1000;
  return (
    '<ServiceDescription id="0">' +
    `<Latency${xmlAttributes({ target: delayMs, min: delayMs / 2, max: delayMs * 2 })}/>` +
    `<PlaybackRate${xmlAttributes({ min: PLAYBACK_RATE_MIN, max: PLAYBACK_RATE_MAX })}/>` +
    "</ServiceDescription>"
  );
}

/**
 * The DASH manifest over the same CMAF objects as HLS: dynamic, `availabilityStartTime` at the timeline's origin; when the broadcast is over, with its duration and no more updates. A function of the window's contents alone. ISO/IEC 23009-1 §5.3.1.
 */
export function renderManifest(window: WindowSnapshot): string {
  const { parameters } = window;
  const delayMicros = presentationDelayMicros(parameters);
  const end = newestMicros(window);
  const over = window.ended !== undefined;
  const updateMicros =
    parameters.partTargetMicros > 0 ? UPDATE_PERIOD_WITH_PARTS_MICROS : parameters.segmentDurationMicros;
  const attributes = xmlAttributes({
    xmlns: "urn:mpeg:dash:schema:mpd:2011",
    profiles: "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019",
    type: "dynamic",
    availabilityStartTime: isoDateTime(parameters.originMicros / 1000),
    publishTime: isoDateTime(Math.floor(end / 1000)),
    minimumUpdatePeriod: over ? undefined : xsDuration(updateMicros),
    mediaPresentationDuration: over ? xsDuration(end - parameters.originMicros) : undefined,
    timeShiftBufferDepth: xsDuration(parameters.windowMicros),
    suggestedPresentationDelay: xsDuration(delayMicros),
    minBufferTime: xsDuration(parameters.segmentDurationMicros),
    maxSegmentDuration: xsDuration(parameters.targetDurationSeconds * MICROS_PER_SECOND),
  });
  const clock = xmlAttributes({ schemeIdUri: "urn:mpeg:dash:utc:http-xsdate:2014", value: CLOCK_ADDRESS });
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<MPD${attributes}>` +
    renderServiceDescription(delayMicros) +
    `${renderPeriods(window)}<UTCTiming${clock}/></MPD>\n`
  );
}
