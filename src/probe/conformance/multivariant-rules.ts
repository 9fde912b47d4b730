import type { MediaRendition, MultivariantPlaylist, Variant } from "#probe/hls/multivariant-playlist.ts";
import type { MeasuredRendition, MultivariantRule } from "./rule.ts";

/** Frame rates are written with up to three decimals. */
const FRAME_RATE_ERROR_MAX = 0.05;
/** What a live stream will peak at is not known when a player asks: Apple's authoring rules bear this share above BANDWIDTH. */
const LIVE_PEAK_SHARE_MAX = 1.25;
/** Average bandwidths are estimates: this share off is tolerated. */
const AVERAGE_SHARE_MAX = 1.15;
/** Seconds of a rendition that must have been read before its average means anything. */
const AVERAGE_SECONDS_MIN = 10;

type Measured = ReadonlyMap<string, MeasuredRendition>;

/** The measured renditions of a variant: its own and each audio it may be played with; one of these alone where the variant is one of them. */
function combinations(
  playlist: MultivariantPlaylist,
  variant: Variant,
  measured: Measured,
  url: string,
): MeasuredRendition[][] {
  const own = measured.get(new URL(variant.uri, url).href);
  if (own === undefined) return [];
  const audios = playlist.renditions.filter((r) => r.type === "AUDIO" && r.groupId === variant.audioGroup);
  const sounds = audios.flatMap(({ uri }) => (uri === undefined ? [] : (measured.get(new URL(uri, url).href) ?? [])));
  if (sounds.includes(own)) return sounds.map((sound) => [sound]);
  return sounds.length === 0 ? [[own]] : sounds.map((sound) => [own, sound]);
}

function* checkCodecs(playlist: MultivariantPlaylist, measured: Measured, url: string): Iterable<string> {
  for (const variant of playlist.variants) {
    if (variant.codecs === undefined) {
      yield `${variant.uri} has no CODECS`;
      continue;
    }
    for (const { init } of combinations(playlist, variant, measured, url).flat()) {
      if (init !== undefined && !variant.codecs.some((codec) => codec.toLowerCase() === init.codec.toLowerCase())) {
        yield `${variant.uri} has CODECS "${variant.codecs.join(",")}", the init segment says ${init.codec}`;
      }
    }
  }
}

function frameRates(
  playlist: MultivariantPlaylist,
  measured: Measured,
  url: string,
): { uri: string; frameRate: number | undefined; found: number }[] {
  return playlist.variants.flatMap(({ uri, frameRate }) => {
    const rendition = measured.get(new URL(uri, url).href);
    const found = rendition?.init?.kind === "video" ? rendition.frameRate : undefined;
    return found === undefined ? [] : [{ uri, frameRate, found }];
  });
}

function* checkGroups({ variants, renditions }: MultivariantPlaylist): Iterable<string> {
  for (const variant of variants) {
    const group = variant.audioGroup;
    if (group !== undefined && !renditions.some((r) => r.type === "AUDIO" && r.groupId === group)) {
      yield `${variant.uri} names the audio group "${group}", which does not exist`;
    }
  }
  const names = new Set<string>();
  const defaults = new Set<string>();
  for (const rendition of renditions) {
    const group = `${rendition.type} ${rendition.groupId}`;
    const name = `${group} ${rendition.name}`;
    if (names.has(name)) yield `two renditions named "${rendition.name}" in group "${rendition.groupId}"`;
    names.add(name);
    if (rendition.isDefault && defaults.has(group)) yield `two DEFAULT=YES in group "${rendition.groupId}"`;
    if (rendition.isDefault) defaults.add(group);
    if (rendition.isDefault && !rendition.autoselect) yield `"${rendition.name}" is DEFAULT=YES but not AUTOSELECT=YES`;
  }
}

/** What must be the same of a rendition in every group that has it (§4.4.6.1.1). */
function describe({ name, language, isDefault, autoselect }: MediaRendition): string {
  return `"${name}"${language === undefined ? "" : ` in ${language}`}${isDefault ? ", the default" : ""}${autoselect ? "" : ", not selected by itself"}`;
}

function* checkGroupMembers({ renditions }: MultivariantPlaylist): Iterable<string> {
  const groups = new Map<string, string[]>();
  for (const rendition of renditions) {
    const key = `${rendition.type} "${rendition.groupId}"`;
    groups.set(key, [...(groups.get(key) ?? []), describe(rendition)]);
  }
  const first = new Map<string, string>();
  for (const [group, members] of groups) {
    const type = group.split(" ")[0] ?? "";
    const all = members.sort().join("; ");
    const known = first.get(type);
    if (known === undefined) first.set(type, all);
    else if (known !== all) yield `the group ${group} has ${all}; another has ${known}`;
  }
}

function* checkScores({ variants }: MultivariantPlaylist): Iterable<string> {
  const without = variants.filter(({ score }) => score === undefined);
  if (without.length < variants.length) for (const { uri } of without) yield `${uri} has no SCORE, others have`;
  for (const { uri, score } of variants) if (score === 0) yield `${uri} has SCORE=0`;
}

/** Signs of stable identifiers. */
const STABLE_ID = /^[A-Za-z0-9+/=.\-_]+$/;

function* checkStableIds({ variants, renditions }: MultivariantPlaylist): Iterable<string> {
  for (const list of [variants, renditions]) {
    const ids = new Map<string, string>();
    for (const { uri, stableId } of list) {
      if (uri === undefined || stableId === undefined) continue;
      if (!STABLE_ID.test(stableId)) yield `${uri} has the stable identifier ${JSON.stringify(stableId)}`;
      const known = ids.get(uri) ?? stableId;
      if (known !== stableId) yield `${uri} has two stable identifiers, "${known}" and "${stableId}"`;
      ids.set(uri, known);
    }
  }
}

/** The multivariant playlist against itself and against the media (§4.4.6, §6.2.4). */
export const MULTIVARIANT_RULES: readonly MultivariantRule[] = [
  {
    on: "multivariant",
    id: "codecs-true",
    clause: "4.4.6.2, 6.2.4",
    severity: "error",
    demands: "CODECS names every format of the variant's renditions, as the init segments say it.",
    check: checkCodecs,
  },
  {
    on: "multivariant",
    id: "bandwidth-covers-peak",
    clause: "4.4.6.2, Apple authoring (live peak)",
    severity: "error",
    demands:
      "BANDWIDTH covers the largest sum of peak segment bit rates of any playable combination; later peaks of a live stream may be 25 % above it.",
    *check(playlist, measured, url) {
      for (const variant of playlist.variants) {
        for (const combination of combinations(playlist, variant, measured, url)) {
          const peak = combination.reduce((sum, rendition) => sum + rendition.peakBitrate, 0);
          if (peak > variant.bandwidth * LIVE_PEAK_SHARE_MAX) {
            yield `${variant.uri} has BANDWIDTH=${variant.bandwidth}, segments reach ${Math.round(peak)} bit/s`;
          }
        }
      }
    },
  },
  {
    on: "multivariant",
    id: "average-bandwidth-true",
    clause: "4.4.6.2, Apple authoring 9.14",
    severity: "warning",
    demands: "AVERAGE-BANDWIDTH is there and is at least the measured average.",
    *check(playlist, measured, url) {
      for (const variant of playlist.variants) {
        const declared = variant.averageBandwidth;
        if (declared === undefined) yield `${variant.uri} has no AVERAGE-BANDWIDTH`;
        for (const combination of combinations(playlist, variant, measured, url)) {
          const average = combination.reduce((sum, rendition) => sum + rendition.averageBitrate, 0);
          const long = combination.every((rendition) => rendition.seconds >= AVERAGE_SECONDS_MIN);
          if (long && declared !== undefined && average > declared * AVERAGE_SHARE_MAX) {
            yield `${variant.uri} has AVERAGE-BANDWIDTH=${declared}, measured ${Math.round(average)} bit/s`;
          }
        }
      }
    },
  },
  {
    on: "multivariant",
    id: "resolution-true",
    clause: "4.4.6.2",
    severity: "error",
    demands: "RESOLUTION is what the init segment says.",
    *check(playlist, measured, url) {
      for (const { uri, resolution } of playlist.variants) {
        const init = measured.get(new URL(uri, url).href)?.init;
        if (init?.kind !== "video") continue;
        if (resolution === undefined) yield `${uri} has no RESOLUTION`;
        else if (resolution.width !== init.width || resolution.height !== init.height) {
          yield `${uri} has RESOLUTION=${resolution.width}x${resolution.height}, the init segment ${init.width}x${init.height}`;
        }
      }
    },
  },
  {
    on: "multivariant",
    id: "frame-rate-true",
    clause: "4.4.6.2, Apple authoring 9.15",
    severity: "error",
    demands: "FRAME-RATE is there for video and is the largest frame rate of the media.",
    *check(playlist, measured, url) {
      for (const { uri, frameRate, found } of frameRates(playlist, measured, url)) {
        if (frameRate === undefined) yield `${uri} has no FRAME-RATE`;
        else if (found > frameRate + FRAME_RATE_ERROR_MAX) {
          yield `${uri} has FRAME-RATE=${frameRate}, the media have ${found.toFixed(3)}`;
        }
      }
    },
  },
  {
    on: "multivariant",
    id: "frame-rate-reached",
    clause: "Apple authoring 8.14, 9.15",
    severity: "warning",
    demands: "The media should have the frame rate that FRAME-RATE says.",
    *check(playlist, measured, url) {
      for (const { uri, frameRate, found } of frameRates(playlist, measured, url)) {
        if (frameRate !== undefined && found < frameRate - FRAME_RATE_ERROR_MAX) {
          yield `${uri} has FRAME-RATE=${frameRate}, the media have ${found.toFixed(3)}`;
        }
      }
    },
  },
  {
    on: "multivariant",
    id: "groups-consistent",
    clause: "4.4.6.1.1, 4.4.6.2",
    severity: "error",
    demands: "Groups exist, names in a group differ, at most one rendition is DEFAULT, and that one is AUTOSELECT.",
    check: checkGroups,
  },
  {
    on: "multivariant",
    id: "groups-alike",
    clause: "4.4.6.1.1",
    // Groups of unlike codecs break it so that a player without one of the codecs finds something to play.
    severity: "warning",
    demands: "Groups of a type have the same members: names, languages, defaults.",
    check: checkGroupMembers,
  },
  {
    on: "multivariant",
    id: "scores-consistent",
    clause: "4.4.6.2",
    severity: "warning",
    demands: "Every variant has a positive SCORE, or none has one.",
    check: checkScores,
  },
  {
    on: "multivariant",
    id: "stable-ids-consistent",
    clause: "4.4.6.1, 4.4.6.2",
    severity: "error",
    demands: "Stable identifiers are made of the allowed signs, and an address has one.",
    check: checkStableIds,
  },
  {
    on: "multivariant",
    id: "independent-segments-stated",
    clause: "Apple authoring 8.7",
    severity: "warning",
    demands: "EXT-X-INDEPENDENT-SEGMENTS stands in the multivariant playlist.",
    *check(playlist) {
      if (!playlist.independentSegments) yield "no EXT-X-INDEPENDENT-SEGMENTS";
    },
  },
];
