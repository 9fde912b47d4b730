import { SYNTHETIC_SIZE, type SyntheticTrack } from "./synthetic-media.ts";
import {
  SYNTHETIC_PART_MS,
  SYNTHETIC_PARTS_PER_SEGMENT,
  SYNTHETIC_TRACKS,
  type SyntheticPresentation,
} from "./synthetic-presentation.ts";

const SEGMENT_MS = SYNTHETIC_PART_MS * SYNTHETIC_PARTS_PER_SEGMENT;

function representation(name: string, track: SyntheticTrack): string {
  const { width, height } = SYNTHETIC_SIZE;
  const shape = track.kind === "video" ? ` width="${width}" height="${height}" codecs="avc1.4d401f"` : ` codecs="opus"`;
  return `<Representation id="${name}" bandwidth="100000"${shape}/>`;
}

/** The DASH manifest of a synthetic presentation: one Period, whole segments in a timeline whose numbers are those of the playlists. */
export function syntheticManifest(presentation: SyntheticPresentation, count: number): string {
  const { faults } = presentation;
  const first = presentation.firstMsn(count);
  const last = presentation.edge(count).lastMsn + (faults.dashAnnouncesTooEarly ? 2 : 0);
  const sets = [...SYNTHETIC_TRACKS].map(([name, track]) => {
    const lines: string[] = [];
    for (let msn = first; msn <= last; msn++) {
      const part = presentation.firstPart(msn);
      const lie = presentation.reached(faults.dashTimelineLies, part) ? track.frameDuration : 0;
      const start = Math.round((presentation.dateMs(part) * track.timescale) / 1000) + lie;
      lines.push(`<S t="${start}" d="${(SEGMENT_MS * track.timescale) / 1000}"/>`);
    }
    return (
      `<AdaptationSet contentType="${track.kind}" mimeType="${track.kind}/mp4">` +
      `<SegmentTemplate timescale="${track.timescale}" startNumber="${first}" initialization="${name}/init.mp4" ` +
      `media="${name}/$Number$.m4s"><SegmentTimeline>${lines.join("")}</SegmentTimeline></SegmentTemplate>` +
      `${representation(name, track)}</AdaptationSet>`
    );
  });
  const clock = '<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="time"/>';
  const published = new Date(presentation.dateMs(count)).toISOString();
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" profiles="urn:mpeg:dash:profile:isoff-live:2011" ' +
    `availabilityStartTime="1970-01-01T00:00:00Z" publishTime="${published}" minimumUpdatePeriod="PT0.5S" ` +
    `minBufferTime="PT1S" timeShiftBufferDepth="PT10S" suggestedPresentationDelay="PT3S">` +
    `<Period id="0" start="PT0S">${sets.join("")}</Period>${faults.dashWithoutClock ? "" : clock}</MPD>`
  );
}
