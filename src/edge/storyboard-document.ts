import { isoDateTime } from "#packaging/date-time.ts";
import type { StoryboardSnapshot } from "./ports.ts";
import { stillName } from "./request-path.ts";

/** The newest still stands for this long, milliseconds: a keyframe that comes later than that is an encoder's mistake. */
const NEWEST_MS = 30_000;

/** `hh:mm:ss.ttt`, hours with more digits where needed (WebVTT §4.1, "WebVTT timestamp"). */
function timestamp(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const fraction = String(ms % 1000).padStart(3, "0");
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${fraction}`;
}

const msOf = (micros: number): number => Math.round(micros / 1000);

/**
 * The stills as WebVTT: the address of each, as long as it stands for what is seen. Cue times count from the timeline's origin, as the
 * presentation times of the broadcast's DASH manifest do; a note says which date that is, for players that go by `EXT-X-PROGRAM-DATE-TIME`.
 */
export function storyboardVtt({ originMicros, stills }: StoryboardSnapshot): string {
  const originMs = msOf(originMicros);
  const cues = stills.map(({ version, atMicros }, index) => {
    const startMs = msOf(atMicros) - originMs;
    const next = stills[index + 1];
    const endMs = next === undefined ? startMs + NEWEST_MS : msOf(next.atMicros) - originMs;
    return `${timestamp(startMs)} --> ${timestamp(endMs)}\n${stillName(version)}\n`;
  });
  return `WEBVTT\n\nNOTE PROGRAM-DATE-TIME=${isoDateTime(originMs)}\n\n${cues.join("\n")}`;
}

/** The stills with the absolute times of what they show, milliseconds since the Unix epoch: what `EXT-X-PROGRAM-DATE-TIME` counts in. */
export function storyboardJson({ timelineId, originMicros, stills }: StoryboardSnapshot): string {
  return JSON.stringify({
    timelineId,
    originMs: msOf(originMicros),
    stills: stills.map(({ version, atMicros, width, height }) => ({
      timeMs: msOf(atMicros),
      width,
      height,
      url: stillName(version),
    })),
  });
}
