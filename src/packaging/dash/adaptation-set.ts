import type { WindowSnapshot } from "#packaging/window.ts";
import { xmlAttributes } from "./attribute.ts";
import { type PeriodTrack, renderRepresentation } from "./representation.ts";

/** Tracks a player may switch between without a new decoder: video of one codec; each audio track by itself. */
function switchingGroup(part: PeriodTrack): string {
  const { config, name } = part.made;
  return config.kind === "video" ? `video/${config.codec}` : `audio/${name}`;
}

/** `AdaptationSet`s of a period, in the order of the tracks. ISO/IEC 23009-1 §5.3.3. */
export function renderAdaptationSets(parts: readonly PeriodTrack[], window: WindowSnapshot): string {
  const groups = new Map<string, PeriodTrack[]>();
  for (const part of parts) {
    const key = switchingGroup(part);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part]);
    else group.push(part);
  }
  let text = "";
  const kinds = new Set<string>();
  for (const group of groups.values()) {
    const kind = group[0]?.made.config.kind ?? "";
    text += renderAdaptationSet(group, window, kinds.has(kind) ? "alternate" : "main");
    kinds.add(kind);
  }
  return text;
}

function renderAdaptationSet(group: readonly PeriodTrack[], window: WindowSnapshot, role: string): string {
  const track = group[0]?.made;
  if (track === undefined) return "";
  const { kind } = track.config;
  return (
    `<AdaptationSet${xmlAttributes({
      id: track.id,
      contentType: kind,
      mimeType: `${kind}/mp4`,
      lang: track.language,
      segmentAlignment: "true",
      // What an encoder will do with its pictures is not known: nothing is claimed of them that may turn false.
      startWithSAP: kind === "audio" ? 1 : undefined,
    })}>` +
    `<Role${xmlAttributes({ schemeIdUri: "urn:mpeg:dash:role:2011", value: role })}/>` +
    group.map((part) => renderRepresentation(part, window)).join("") +
    "</AdaptationSet>"
  );
}
