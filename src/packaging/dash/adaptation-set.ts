import type { Track } from "#media/track.ts";
import type { WindowSnapshot } from "#packaging/window.ts";
import { xmlAttributes } from "./attribute.ts";
import { type PeriodTrack, renderRepresentation } from "./representation.ts";

/** The encoder's track that a track shows: its own, or the one it was made from. */
function originOf({ id, madeFrom }: Track): number {
  return madeFrom ?? id;
}

/** Tracks a player may switch between without a new decoder: video of one codec; the versions of one sound in one codec. */
function switchingGroup({ made }: PeriodTrack): string {
  const { codec, kind } = made.config;
  return kind === "video" ? `video/${codec}` : `audio/${originOf(made)}/${codec}`;
}

/**
 * Whether segment n of one representation never overlaps segment n + 1 of another. Pictures are cut at the same frames, sounds on one grid of access
 * units; on two grids they are cut at the next unit of each.
 */
function isAligned(group: readonly PeriodTrack[]): boolean {
  const [first, ...others] = group.map(({ made }) => made.config);
  if (first?.kind !== "audio") return true;
  const { sampleRate, samplesPerFrame } = first;
  return others.every(
    (config) =>
      config.kind === "audio" &&
      samplesPerFrame > 0 &&
      config.sampleRate === sampleRate &&
      config.samplesPerFrame === samplesPerFrame,
  );
}

/** The groups in the order of the tracks; of a sound in several codecs AAC is first, which every player decodes. */
function switchingGroups(parts: readonly PeriodTrack[]): (readonly [PeriodTrack, ...PeriodTrack[]])[] {
  const groups = new Map<string, [PeriodTrack, ...PeriodTrack[]]>();
  for (const part of parts) {
    const key = switchingGroup(part);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part]);
    else group.push(part);
  }
  const origins = [...groups.values()].map(([{ made }]) => originOf(made));
  const rank = ([{ made }]: readonly [PeriodTrack, ...PeriodTrack[]]): number =>
    2 * origins.indexOf(originOf(made)) + (made.config.kind === "audio" && made.config.codec !== "aac" ? 1 : 0);
  return [...groups.values()].sort((a, b) => rank(a) - rank(b));
}

/** `AdaptationSet`s of a period. ISO/IEC 23009-1 §5.3.3. */
export function renderAdaptationSets(parts: readonly PeriodTrack[], window: WindowSnapshot): string {
  let text = "";
  const main = new Map<string, number>();
  for (const group of switchingGroups(parts)) {
    const { made } = group[0];
    const { kind } = made.config;
    const origin = originOf(made);
    if (!main.has(kind)) main.set(kind, origin);
    text += renderAdaptationSet(group, window, main.get(kind) === origin ? "main" : "alternate");
  }
  return text;
}

function renderAdaptationSet(
  group: readonly [PeriodTrack, ...PeriodTrack[]],
  window: WindowSnapshot,
  role: string,
): string {
  const { made } = group[0];
  const { kind } = made.config;
  const origin = window.tracks.find(({ track }) => track.id === originOf(made) && track.config.kind === kind);
  return (
    `<AdaptationSet${xmlAttributes({
      id: made.id,
      contentType: kind,
      mimeType: `${kind}/mp4`,
      lang: made.language ?? origin?.track.language,
      segmentAlignment: isAligned(group) ? "true" : undefined,
      // What an encoder will do with its pictures is not known: nothing is claimed of them that may turn false.
      startWithSAP: kind === "audio" ? 1 : undefined,
    })}>` +
    `<Role${xmlAttributes({ schemeIdUri: "urn:mpeg:dash:role:2011", value: role })}/>` +
    group.map((part) => renderRepresentation(part, window)).join("") +
    "</AdaptationSet>"
  );
}
