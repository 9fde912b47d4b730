import { declaredBandwidth } from "#packaging/bandwidth.ts";
import { measuredFrameRate } from "#packaging/frame-rate.ts";
import { announcedTicks } from "#packaging/expected-end.ts";
import type { Segment, WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import type { Track } from "#media/track.ts";
import { MICROS_PER_SECOND, microsToTicks } from "#time/ticks.ts";
import { xmlAttributes } from "./attribute.ts";
import { renderSegmentTimeline, timelineEntries } from "./segment-timeline.ts";

/** One track's listed segments of one period. */
export interface PeriodTrack {
  readonly track: WindowTrack;
  /** The track with the parameters these segments were made with. */
  readonly made: Track;
  readonly segments: readonly Segment[];
  /** Stream time at which the period starts, microseconds. */
  readonly periodStartMicros: number;
}

/**
 * `SegmentTemplate` over the same objects as HLS: `{timelineId}-$Number$.m4s`, times in stream time. With parts, the growing segment is listed
 * from its first part on if its length is certain, and may be read while it grows. ISO/IEC 23009-1 §5.3.9.4.
 */
function renderSegmentTemplate(part: PeriodTrack, window: WindowSnapshot): string {
  const { parameters } = window;
  const { name, timescale } = part.made;
  const first = part.segments[0];
  const initName = part.segments.find((segment) => !segment.gap)?.initName ?? part.track.init.name;
  const lowLatency = parameters.partTargetMicros > 0;
  const offsetMicros = parameters.segmentDurationMicros - parameters.partTargetMicros;
  return (
    `<SegmentTemplate${xmlAttributes({
      timescale,
      presentationTimeOffset: microsToTicks(part.periodStartMicros, timescale),
      initialization: `${name}/${initName}`,
      media: `${name}/${parameters.timelineId}-$Number$.m4s`,
      startNumber: first?.number,
      availabilityTimeOffset: lowLatency ? offsetMicros / MICROS_PER_SECOND : undefined,
      availabilityTimeComplete: lowLatency ? "false" : undefined,
    })}>` +
    renderSegmentTimeline(
      timelineEntries(part.segments, (growing) => announcedTicks(window, part.track, growing) ?? growing.duration),
    ) +
    "</SegmentTemplate>"
  );
}

function frameRateText(segments: readonly Segment[]): string | undefined {
  const rate = measuredFrameRate(segments);
  if (rate === undefined) return undefined;
  return rate.den === 1 ? String(rate.num) : `${rate.num}/${rate.den}`;
}

/** `Representation` of a track, named like it. ISO/IEC 23009-1 §5.3.5. */
export function renderRepresentation(part: PeriodTrack, window: WindowSnapshot): string {
  const { config, name } = part.made;
  const bandwidth = declaredBandwidth(part.segments, window.parameters.targetDurationSeconds).peak;
  const template = renderSegmentTemplate(part, window);
  if (config.kind === "video") {
    const { num, den } = config.pixelAspect;
    return `<Representation${xmlAttributes({
      id: name,
      bandwidth,
      codecs: config.codecs,
      width: config.width,
      height: config.height,
      frameRate: frameRateText(part.segments),
      sar: `${num}:${den}`,
    })}>${template}</Representation>`;
  }
  const channels = xmlAttributes({
    schemeIdUri: "urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
    value: config.channels,
  });
  const attributes = xmlAttributes({
    id: name,
    bandwidth,
    codecs: config.codecs,
    audioSamplingRate: config.sampleRate,
  });
  return `<Representation${attributes}><AudioChannelConfiguration${channels}/>${template}</Representation>`;
}
