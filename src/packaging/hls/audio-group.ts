import type { AudioConfig, Track } from "#media/track.ts";
import { type Bandwidth, declaredBandwidth } from "#packaging/bandwidth.ts";
import { listedSegments } from "#packaging/listed-segments.ts";
import type { WindowTrack } from "#packaging/window.ts";
import { renderAudioRendition } from "./media-rendition.ts";

/*
 * A sound of the encoder may be there in several versions: as it was sent, and as the transcoder made it again with another codec or at a lower
 * rate. A group holds one version of every sound, so that a player that changes groups goes on with the same sound under the same name.
 *
 *             sound "audio"      sound "audio-2"
 *   best      audio              audio-2
 *   low       audio-64k          audio-2          a sound without a smaller version is in both
 */

/** A version this much above the best one's average is not a smaller one: encoders may send less than the transcoder makes of it. */
const STILL_LOW_RATIO = 1.25;

/** A sound in one of its versions, as a group lists it. */
export interface GroupMember {
  readonly track: Track & { readonly config: AudioConfig };
  /** Name and language of the encoder's sound, whatever the version. */
  readonly name: string;
  readonly language: string | undefined;
  readonly bandwidth: Bandwidth;
}

/** What a variant's `AUDIO` names: sounds of one codec. */
export interface AudioGroup {
  readonly id: string;
  /** The first one plays unless the viewer chooses. */
  readonly members: Some<GroupMember>;
  readonly codecs: readonly string[];
  /** Of the most expensive member. */
  readonly bandwidth: Bandwidth;
}

/** The sounds of one codec, as good as they come and, where the transcoder made smaller ones, as small. */
export interface AudioGroups {
  readonly best: AudioGroup;
  readonly low?: AudioGroup;
}

type Some<T> = readonly [T, ...T[]];

function mapSome<T, U>([first, ...others]: Some<T>, change: (item: T) => U): Some<U> {
  return [change(first), ...others.map(change)];
}

/** Adds to the list under a key. */
function put<K, T>(lists: Map<K, Some<T>>, key: K, item: T): void {
  const list = lists.get(key);
  lists.set(key, list === undefined ? [item] : [...list, item]);
}

function isAudio(track: Track): track is GroupMember["track"] {
  return track.config.kind === "audio";
}

/** The versions to offer, under one name: the AAC ones, which every player decodes; only where there is none the encoder's own. */
function offeredVersions(all: Some<GroupMember>): Some<GroupMember> {
  const own = all.find(({ track }) => track.madeFrom === undefined) ?? all[0];
  const bestFirst = [own, ...all.filter((version) => version !== own)];
  const codecOf = ({ track }: GroupMember): string => track.config.codec;
  const codec = all.some((version) => codecOf(version) === "aac") ? "aac" : codecOf(own);
  const [first = own, ...others] = bestFirst.filter((version) => codecOf(version) === codec);
  return mapSome([first, ...others], (version) => ({ ...version, name: own.name, language: own.language }));
}

/** Each sound's versions, best first: the encoder's own, then those made of it in the order of the tracks. The encoder's sounds are found in `all`, offered or not. */
function soundsOf(
  audio: readonly WindowTrack[],
  all: readonly WindowTrack[],
  targetDurationSeconds: number,
): Some<GroupMember>[] {
  const encoders = new Map(
    all.flatMap(({ track }) => (isAudio(track) && track.madeFrom === undefined ? [[track.id, track]] : [])),
  );
  const sounds = new Map<number, Some<GroupMember>>();
  for (const window of audio) {
    const { track } = window;
    if (!isAudio(track)) continue;
    const id = track.madeFrom ?? track.id;
    const { name, language } = encoders.get(id) ?? track;
    const bandwidth = declaredBandwidth(listedSegments(window), targetDurationSeconds);
    put(sounds, id, { track, name, language, bandwidth });
  }
  return [...sounds.values()].map(offeredVersions);
}

/** The last version that is not larger than the best. */
function lowest([best, ...others]: Some<GroupMember>): GroupMember {
  const max = best.bandwidth.average * STILL_LOW_RATIO;
  return others.findLast(({ bandwidth }) => bandwidth.average <= max) ?? best;
}

function groupOf(id: string, members: Some<GroupMember>): AudioGroup {
  return {
    id,
    members,
    codecs: members.map(({ track }) => track.config.codecs),
    bandwidth: {
      peak: Math.max(...members.map(({ bandwidth }) => bandwidth.peak)),
      average: Math.max(...members.map(({ bandwidth }) => bandwidth.average)),
    },
  };
}

/**
 * Groups for each codec, in the order of the tracks: a player that lacks a codec finds a variant without it. `audio` are the tracks to offer,
 * `all` those of the broadcast.
 */
export function audioGroups(
  audio: readonly WindowTrack[],
  all: readonly WindowTrack[],
  targetDurationSeconds: number,
): AudioGroups[] {
  const byCodec = new Map<string, Some<Some<GroupMember>>>();
  for (const versions of soundsOf(audio, all, targetDurationSeconds)) {
    put(byCodec, versions[0].track.config.codec, versions);
  }
  return [...byCodec].map(([codec, sounds]) => {
    const id = byCodec.size === 1 ? "audio" : `audio-${codec}`;
    const best = mapSome(sounds, ([first]) => first);
    const low = mapSome(sounds, lowest);
    const isSmaller = low.some((member, i) => member !== best[i]);
    return { best: groupOf(id, best), ...(isSmaller ? { low: groupOf(`${id}-low`, low) } : {}) };
  });
}

/** The `EXT-X-MEDIA` tags of a group. RFC 8216bis §4.4.6.1.1. */
export function renderAudioGroup({ id, members }: AudioGroup): string {
  return members
    .map(({ track, name, language }, index) =>
      renderAudioRendition({
        groupId: id,
        track,
        name,
        ...(language === undefined ? {} : { language }),
        isDefault: index === 0,
      }),
    )
    .join("");
}
