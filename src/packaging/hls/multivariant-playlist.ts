import type { VideoConfig } from "#media/track.ts";
import { type Bandwidth, declaredBandwidth } from "#packaging/bandwidth.ts";
import { measuredFrameRate } from "#packaging/frame-rate.ts";
import { listedSegments, listsMedia } from "#packaging/listed-segments.ts";
import { endMicros } from "#packaging/segment-time.ts";
import type { WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { type AudioGroup, type AudioGroups, audioGroups, renderAudioGroup } from "./audio-group.ts";
import { renderVariantStream, type VariantStream } from "./variant-stream.ts";

/** `EXT-X-MEDIA` is understood from version 4 on; nothing here needs more. RFC 8216bis §8. */
const VERSION = 4;

/** A picture smaller than this in either respect takes the smaller sound: displayed lines, and bits per second. */
const SMALL_PICTURE_LINES = 360;
const SMALL_PICTURE_BITS_PER_SECOND = 1_000_000;

function hasPicture(track: WindowTrack): boolean {
  return track.track.config.kind === "video";
}

/** Target durations from the end that players begin and switch in. */
const JOINED_TARGETS = 3;

/** Whether the track has anything to play where players begin: a rung that is not made at present has gaps there. */
function isGoingOn(track: WindowTrack, targetDurationSeconds: number): boolean {
  const segments = listedSegments(track);
  const last = segments.at(-1);
  if (last === undefined) return false;
  const fromMicros = endMicros(last) - JOINED_TARGETS * targetDurationSeconds * MICROS_PER_SECOND;
  return segments.some((segment) => endMicros(segment) > fromMicros && !segment.gap);
}

/** Tracks whose frames never came, or come no more, are left out: players would wait for them. Where nothing comes, all are there. */
function offeredTracks(window: WindowSnapshot): readonly WindowTrack[] {
  const { targetDurationSeconds } = window.parameters;
  const withMedia = window.tracks.filter((track) => listsMedia(track));
  const goingOn = withMedia.filter((track) => isGoingOn(track, targetDurationSeconds));
  if (goingOn.length > 0) return goingOn;
  return withMedia.length > 0 ? withMedia : window.tracks;
}

/** Whether a player can switch to the track wherever it is likely to: an encoder that missed a keyframe a while ago is forgiven. */
function isIndependent(track: WindowTrack, targetDurationSeconds: number): boolean {
  const segments = listedSegments(track);
  const last = segments.at(-1);
  if (last === undefined) return true;
  const fromMicros = endMicros(last) - JOINED_TARGETS * targetDurationSeconds * MICROS_PER_SECOND;
  return segments.every((segment) => endMicros(segment) <= fromMicros || segment.independent);
}

/** The video tracks to offer: those whose newest segments are all independent; where none is, all of them. */
function offeredVideo(video: readonly WindowTrack[], targetDurationSeconds: number): readonly WindowTrack[] {
  const independent = video.filter((track) => isIndependent(track, targetDurationSeconds));
  return independent.length > 0 ? independent : video;
}

/** Whether the sound is a share of the variant worth saving. Of a picture that stands upright the width counts. */
function isSmall({ width, height }: VideoConfig, { peak }: Bandwidth): boolean {
  return Math.min(width, height) <= SMALL_PICTURE_LINES || peak < SMALL_PICTURE_BITS_PER_SECOND;
}

function withSound(picture: VariantStream, group: AudioGroup): VariantStream {
  return {
    ...picture,
    bandwidth: picture.bandwidth + group.bandwidth.peak,
    averageBandwidth: picture.averageBandwidth + group.bandwidth.average,
    codecs: [...picture.codecs, ...group.codecs],
    audioGroup: group.id,
  };
}

/** The variants with a picture: each with the sound that suits it, in every codec there is. What a simple player begins with has the best sound. */
function videoVariants(
  video: readonly WindowTrack[],
  groups: readonly AudioGroups[],
  targetDurationSeconds: number,
): VariantStream[] {
  return video.flatMap((track, index) => {
    const { config, name } = track.track;
    if (config.kind !== "video") return [];
    const listed = listedSegments(track);
    const own = declaredBandwidth(listed, targetDurationSeconds);
    const frameRate = measuredFrameRate(listed);
    const picture: VariantStream = {
      trackName: name,
      bandwidth: own.peak,
      averageBandwidth: own.average,
      codecs: [config.codecs],
      video: config,
      ...(frameRate === undefined ? {} : { frameRate }),
    };
    if (groups.length === 0) return [picture];
    const takesLow = index > 0 && isSmall(config, own);
    return groups.map(({ best, low }) => withSound(picture, takesLow ? (low ?? best) : best));
  });
}

/** A group's sounds as a variant without a picture: its address is the first one's. */
function soundInGroup({ id, members, bandwidth, codecs }: AudioGroup): VariantStream {
  const { peak, average } = bandwidth;
  return { trackName: members[0].track.name, bandwidth: peak, averageBandwidth: average, codecs, audioGroup: id };
}

/** The same where there are no pictures: a single sound needs no group. */
function soundAlone(group: AudioGroup): VariantStream {
  const { audioGroup, ...variant } = soundInGroup(group);
  return group.members.length > 1 && audioGroup !== undefined ? { ...variant, audioGroup } : variant;
}

/** The variants from the most to the least desirable: the picture that is listed first, others by bandwidth, sound alone. Equals stay in order. */
function byDesirability(variants: readonly VariantStream[]): VariantStream[] {
  const source = variants[0]?.trackName;
  const worth = ({ trackName, video, bandwidth }: VariantStream): number =>
    trackName === source ? Number.MAX_SAFE_INTEGER : video === undefined ? -1 : bandwidth;
  return [...variants].sort((a, b) => worth(b) - worth(a));
}

/** The groups a playlist of these variants needs: the best ones first, since simple players take the first rendition they read. */
function renderGroups(groups: readonly AudioGroups[], variants: readonly VariantStream[]): string {
  const named = new Set(variants.map(({ audioGroup }) => audioGroup));
  return [...groups.map(({ best }) => best), ...groups.flatMap(({ low }) => low ?? [])]
    .filter(({ id }) => named.has(id))
    .map(renderAudioGroup)
    .join("");
}

/**
 * The multivariant playlist: video variants in the order of the tracks, and last, where the sound is there in a small version, that one alone;
 * without video every version of the sound. `BANDWIDTH` is the peak of what plays together at worst, measured from the listed segments with
 * headroom. RFC 8216bis §4.4.6.
 */
export function renderMultivariantPlaylist(window: WindowSnapshot): string {
  const { targetDurationSeconds } = window.parameters;
  const tracks = offeredTracks(window);
  const video = offeredVideo(tracks.filter(hasPicture), targetDurationSeconds);
  const audio = tracks.filter((track) => !hasPicture(track));
  const groups = audioGroups(audio, window.tracks, targetDurationSeconds);
  let text = `#EXTM3U\n#EXT-X-VERSION:${VERSION}\n`;
  // Players read this once: only what can never turn false may be claimed, and a picture's next segment may need the one before.
  if (!tracks.some(hasPicture)) text += "#EXT-X-INDEPENDENT-SEGMENTS\n";
  const low = groups.flatMap((pair) => pair.low ?? []);
  const variants =
    video.length > 0
      ? [...videoVariants(video, groups, targetDurationSeconds), ...low.slice(0, 1).map(soundInGroup)]
      : groups.flatMap((pair) => (pair.low === undefined ? [pair.best] : [pair.best, pair.low])).map(soundAlone);
  const desirable = byDesirability(variants);
  const scoreOf = (variant: VariantStream): number => variants.length - desirable.indexOf(variant);
  text += renderGroups(groups, variants);
  return text + variants.map((variant) => renderVariantStream(variant, scoreOf(variant))).join("");
}
