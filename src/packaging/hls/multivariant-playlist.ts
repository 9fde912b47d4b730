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
const HEAD = "#EXTM3U\n#EXT-X-VERSION:4\n";

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
function offeredTracks(tracks: readonly WindowTrack[], targetDurationSeconds: number): readonly WindowTrack[] {
  const withMedia = tracks.filter(listsMedia);
  const goingOn = withMedia.filter((track) => isGoingOn(track, targetDurationSeconds));
  if (goingOn.length > 0) return goingOn;
  return withMedia.length > 0 ? withMedia : tracks;
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

/** A group's sounds as a variant: its address is the first one's; a single sound needs no group. */
function soundVariant({ id, members, bandwidth, codecs }: AudioGroup): VariantStream {
  return {
    trackName: members[0].track.name,
    bandwidth: bandwidth.peak,
    averageBandwidth: bandwidth.average,
    codecs,
    ...(members.length > 1 ? { audioGroup: id } : {}),
  };
}

/** The variants from the most to the least desirable: what is listed first, then by bandwidth. Equals stay in order. */
function byDesirability(variants: readonly VariantStream[]): VariantStream[] {
  const source = variants[0]?.trackName;
  const worth = ({ trackName, bandwidth }: VariantStream): number =>
    trackName === source ? Number.MAX_SAFE_INTEGER : bandwidth;
  return [...variants].sort((a, b) => worth(b) - worth(a));
}

/** The groups that variants name. The best ones are first, since ffmpeg begins with the rendition it reads first. */
function renderGroups(groups: readonly AudioGroups[], variants: readonly VariantStream[]): string {
  const named = new Set(variants.map(({ audioGroup }) => audioGroup));
  return [...groups.map(({ best }) => best), ...groups.flatMap(({ low }) => low ?? [])]
    .filter(({ id }) => named.has(id))
    .map(renderAudioGroup)
    .join("");
}

function renderVariants(variants: readonly VariantStream[]): string {
  const desirable = byDesirability(variants);
  return variants.map((variant) => renderVariantStream(variant, variants.length - desirable.indexOf(variant))).join("");
}

/**
 * The multivariant playlist: video variants in the order of the tracks, sound alone where there is no video. `BANDWIDTH` is the peak of what plays
 * together at worst, measured from the listed segments with headroom. RFC 8216bis §4.4.6.
 */
export function renderMultivariantPlaylist(window: WindowSnapshot): string {
  const { targetDurationSeconds } = window.parameters;
  const tracks = offeredTracks(window.tracks, targetDurationSeconds);
  const video = offeredVideo(tracks.filter(hasPicture), targetDurationSeconds);
  if (video.length === 0) return renderSoundPlaylist(window);
  const audio = tracks.filter((track) => !hasPicture(track));
  const groups = audioGroups(audio, window.tracks, targetDurationSeconds);
  const variants = videoVariants(video, groups, targetDurationSeconds);
  return `${HEAD}${renderGroups(groups, variants)}${renderVariants(variants)}`;
}

/**
 * The multivariant playlist of the sound alone, every version a variant. A variant without a picture is not among the others, since there are players
 * (VLC 3) that begin with the smallest variant and stay with it.
 */
export function renderSoundPlaylist(window: WindowSnapshot): string {
  const { targetDurationSeconds } = window.parameters;
  const sounds = window.tracks.filter((track) => !hasPicture(track));
  const groups = audioGroups(offeredTracks(sounds, targetDurationSeconds), window.tracks, targetDurationSeconds);
  const variants = groups.flatMap(({ best, low }) => (low === undefined ? [best] : [best, low])).map(soundVariant);
  // Players read this once: only what can never turn false may be claimed, and a picture's next segment may need the one before.
  return `${HEAD}#EXT-X-INDEPENDENT-SEGMENTS\n${renderGroups(groups, variants)}${renderVariants(variants)}`;
}
