import type { AudioConfig, Track } from "#media/track.ts";
import { type Bandwidth, measuredBandwidth } from "#packaging/bandwidth.ts";
import { measuredFrameRate } from "#packaging/frame-rate.ts";
import type { WindowSnapshot, WindowTrack } from "#packaging/window.ts";
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
    bandwidth: worst(members.map((member) => measuredBandwidth(member, targetDurationSeconds))),
  }));
}

function isIndependent(track: WindowTrack): boolean {
  return track.segments.every((segment) => segment.number < track.firstListedSegment || segment.independent);
}

/**
 * The video tracks to offer: those whose listed segments are all independent. Where none is, all of them; `EXT-X-INDEPENDENT-SEGMENTS` is
 * then not claimed.
 */
function offeredVideo(video: readonly WindowTrack[]): { tracks: readonly WindowTrack[]; independent: boolean } {
  const independent = video.filter(isIndependent);
  if (independent.length > 0 || video.length === 0) return { tracks: independent, independent: true };
  return { tracks: video, independent: false };
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
  const own = measuredBandwidth(track, targetDurationSeconds);
  const frameRate = measuredFrameRate(track);
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
 * `BANDWIDTH` is the peak of what plays together at worst, measured from the listed segments. RFC 8216bis §4.4.6.
 */
export function renderMultivariantPlaylist(window: WindowSnapshot): string {
  const { targetDurationSeconds } = window.parameters;
  const video = offeredVideo(window.tracks.filter((track) => track.track.config.kind === "video"));
  const groups = audioGroups(
    window.tracks.filter((track) => track.track.config.kind === "audio"),
    targetDurationSeconds,
  );
  let text = `#EXTM3U\n#EXT-X-VERSION:${VERSION}\n`;
  if (video.independent) text += "#EXT-X-INDEPENDENT-SEGMENTS\n";
  for (const group of groups) {
    if (video.tracks.length > 0 || group.members.length > 1) text += renderGroup(group);
  }
  if (video.tracks.length === 0) return text + groups.map(renderAudioOnlyVariant).join("");
  const perVariant: readonly (AudioGroup | undefined)[] = groups.length > 0 ? groups : [undefined];
  for (const track of video.tracks) {
    for (const group of perVariant) text += renderVideoVariant(track, group, targetDurationSeconds);
  }
  return text;
}
