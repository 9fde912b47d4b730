import type { Segment, WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { microsToTicks, ticksToMicros } from "#time/ticks.ts";

/*
 * How long the segment that grows will be, as the manifest has to announce it:
 *
 *   leading track   as long as the two segments before it, if they were equal; else the nominal duration
 *   other tracks    the whole frames that start before the next cut, which is where the leading track's segment is expected to end
 *
 * Exact while the encoder's keyframes are regular. The track that leads is the one whose keyframes make the cuts.
 */

/** The track whose keyframes make the cuts: the first with picture, else the first. */
function leadingTrack(window: WindowSnapshot): WindowTrack | undefined {
  return window.tracks.find(({ track }) => track.config.kind === "video") ?? window.tracks[0];
}

function at(track: WindowTrack, number: number): Segment | undefined {
  const first = track.segments[0];
  return first === undefined ? undefined : track.segments[number - first.number];
}

/** Length of a segment of the leading track, or of another picture's track, in ticks. */
function regularTicks(track: WindowTrack, number: number, nominalMicros: number): number {
  const [before, earlier] = [at(track, number - 1), at(track, number - 2)];
  const regular = before !== undefined && earlier !== undefined && !before.gap && before.duration === earlier.duration;
  return regular ? before.duration : microsToTicks(nominalMicros, track.track.timescale);
}

/** Where segment `number` ends in the broadcast, microseconds; `undefined` while the leading track has nothing of it. */
function expectedCutMicros(window: WindowSnapshot, number: number): number | undefined {
  const leader = leadingTrack(window);
  if (leader === undefined) return undefined;
  const { timescale } = leader.track;
  const next = at(leader, number + 1);
  if (next !== undefined) return ticksToMicros(next.startDts, timescale);
  const segment = at(leader, number);
  if (segment === undefined) return undefined;
  const ticks = segment.sealed
    ? segment.duration
    : Math.max(segment.duration, regularTicks(leader, number, window.parameters.segmentDurationMicros));
  return ticksToMicros(segment.startDts + ticks, timescale);
}

/** Length that a track's growing segment is expected to have, in ticks of the track; never less than what it has. */
export function expectedTicks(window: WindowSnapshot, track: WindowTrack, segment: Segment): number {
  const { config, timescale } = track.track;
  const nominalMicros = window.parameters.segmentDurationMicros;
  const follows = config.kind === "audio" && leadingTrack(window) !== track;
  const cut = follows ? expectedCutMicros(window, segment.number) : undefined;
  if (!follows || cut === undefined)
    return Math.max(segment.duration, regularTicks(track, segment.number, nominalMicros));
  const measured = segment.frameCount > 0 ? segment.duration / segment.frameCount : 0;
  const frameTicks = config.samplesPerFrame > 0 ? (config.samplesPerFrame * timescale) / config.sampleRate : measured;
  const spanTicks = microsToTicks(cut, timescale) - segment.startDts;
  const wholeTicks = frameTicks > 0 ? Math.round(Math.ceil(spanTicks / frameTicks) * frameTicks) : spanTicks;
  return Math.max(segment.duration, wholeTicks);
}
