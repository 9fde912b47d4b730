import type { AudioConfig, Track } from "#media/track.ts";
import { type Bandwidth, declaredBandwidth } from "#packaging/bandwidth.ts";
import { measuredFrameRate } from "#packaging/frame-rate.ts";
import { listedSegments, listsMedia } from "#packaging/listed-segments.ts";
import { endMicros } from "#packaging/segment-time.ts";
import type { WindowSnapshot, WindowTrack } from "#packaging/window.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { renderAudioRendition } from "./media-rendition.ts";
import { renderVariantStream } from "./variant-stream.ts";

/** `EXT-X-MEDIA` is understood from version 4 on; nothing here needs more. RFC 8216bis §8. */
const VERSION = 4;

/** Audio tracks of one codec: what a variant's `AUDIO` names. */
interface AudioGroup {
  readonly id: string;
  readonly members: readonly WindowTrack[];
  readonly codecs: readonly string[];
  readonly bandwidth: Bandwidth;
}

function worst(bandwidths: readonly Bandwidth[]): Bandwidth {
  return {
    peak: Math.max(0, ...bandwidths.map((b) => b.peak)),
    average: Math.max(0, ...bandwidths.map((b) => b.average)),
  };
}

/** One group per codec, in the order of the tracks, so that a player that lacks a codec finds a variant without it. */
function audioGroups(audio: readonly WindowTrack[], targetDurationSeconds: number): AudioGroup[] {
  const byCodec = new Map<string, WindowTrack[]>();
  for (const track of audio) {
    const codec = (track.track.config as AudioConfig).codec;
    byCodec.set(codec, [...(byCodec.get(codec) ?? []), track]);
  }
  return [...byCodec].map(([codec, members]) => ({
    id: byCodec.size === 1 ? "audio" : `audio-${codec}`,
    members,
    codecs: members.map((member) => member.track.config.codecs),
    bandwidth: worst(members.map((member) => declaredBandwidth(listedSegments(member), targetDurationSeconds))),
  }));
}

function hasPicture(track: WindowTrack): boolean {
  return track.track.config.kind === "video";
}

/** Tracks whose frames never came are left out: players would wait for them. Where nothing came yet, all are there. */
function offeredTracks(window: WindowSnapshot): readonly WindowTrack[] {
  const withMedia = window.tracks.filter(listsMedia);
  return withMedia.length > 0 ? withMedia : window.tracks;
}

/** Target durations from the end that players begin and switch in. */
const JOINED_TARGETS = 3;

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

function renderGroup(group: AudioGroup): string {
  return group.members
    .map((member, index) =>
      renderAudioRendition({
        groupId: group.id,
        track: member.track as Track & { config: AudioConfig },
        isDefault: index === 0,
      }),
    )
    .join("");
}

function renderVideoVariant(track: WindowTrack, group: AudioGroup | undefined, targetDurationSeconds: number): string {
  const { config, name } = track.track;
  if (config.kind !== "video") return "";
  const listed = listedSegments(track);
  const own = declaredBandwidth(listed, targetDurationSeconds);
  const frameRate = measuredFrameRate(listed);
  return renderVariantStream({
    trackName: name,
    bandwidth: own.peak + (group?.bandwidth.peak ?? 0),
    averageBandwidth: own.average + (group?.bandwidth.average ?? 0),
    codecs: [config.codecs, ...(group?.codecs ?? [])],
    video: config,
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(group === undefined ? {} : { audioGroup: group.id }),
  });
}

function renderAudioOnlyVariant(group: AudioGroup): string {
  const [first] = group.members;
  if (first === undefined) return "";
  return renderVariantStream({
    trackName: first.track.name,
    bandwidth: group.bandwidth.peak,
    averageBandwidth: group.bandwidth.average,
    codecs: group.codecs,
    ...(group.members.length > 1 ? { audioGroup: group.id } : {}),
  });
}

/**
 * The multivariant playlist: video variants in the order of the tracks, each with every audio group; audio alone where there is no video.
 * `BANDWIDTH` is the peak of what plays together at worst, measured from the listed segments with headroom. RFC 8216bis §4.4.6.
 */
export function renderMultivariantPlaylist(window: WindowSnapshot): string {
  const { targetDurationSeconds } = window.parameters;
  const tracks = offeredTracks(window);
  const video = offeredVideo(tracks.filter(hasPicture), targetDurationSeconds);
  const groups = audioGroups(
    tracks.filter((track) => !hasPicture(track)),
    targetDurationSeconds,
  );
  let text = `#EXTM3U\n#EXT-X-VERSION:${VERSION}\n`;
  // Players read this once: only what can never turn false may be claimed, and a picture's next segment may need the one before.
  if (!tracks.some(hasPicture)) text += "#EXT-X-INDEPENDENT-SEGMENTS\n";
  for (const group of groups) {
    if (video.length > 0 || group.members.length > 1) text += renderGroup(group);
  }
  if (video.length === 0) return text + groups.map(renderAudioOnlyVariant).join("");
  const perVariant: readonly (AudioGroup | undefined)[] = groups.length > 0 ? groups : [undefined];
  for (const track of video) {
    for (const group of perVariant) text += renderVideoVariant(track, group, targetDurationSeconds);
  }
  return text;
}
