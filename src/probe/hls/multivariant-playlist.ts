import { AttributeList, PlaylistError } from "./attribute-list.ts";
import { playlistLines } from "./parse-media-playlist.ts";

/** An EXT-X-STREAM-INF (§4.4.6.2) with its URI. Bandwidths in bits per second. */
export interface Variant {
  readonly uri: string;
  readonly bandwidth: number;
  readonly averageBandwidth: number | undefined;
  readonly codecs: readonly string[] | undefined;
  readonly resolution: { readonly width: number; readonly height: number } | undefined;
  readonly frameRate: number | undefined;
  readonly audioGroup: string | undefined;
  readonly pathwayId: string | undefined;
  readonly score: number | undefined;
  readonly stableId: string | undefined;
}

/** An EXT-X-MEDIA (§4.4.6.1). */
export interface MediaRendition {
  readonly type: string;
  readonly groupId: string;
  readonly name: string;
  readonly uri: string | undefined;
  readonly isDefault: boolean;
  readonly autoselect: boolean;
  readonly channels: string | undefined;
  readonly language: string | undefined;
  readonly stableId: string | undefined;
}

/** What a multivariant playlist says. */
export interface MultivariantPlaylist {
  readonly version: number | undefined;
  readonly independentSegments: boolean;
  readonly variants: readonly Variant[];
  readonly renditions: readonly MediaRendition[];
}

const MEDIA_TYPES = new Set(["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"]);

function parseVariant(value: string, uri: string, line: number): Variant {
  const list = AttributeList.parse(value, line);
  const codecs = list.quoted("CODECS");
  return {
    uri,
    bandwidth: list.requiredInteger("BANDWIDTH"),
    averageBandwidth: list.integer("AVERAGE-BANDWIDTH"),
    codecs: codecs?.split(",").map((codec) => codec.trim()),
    resolution: list.resolution("RESOLUTION"),
    frameRate: list.decimal("FRAME-RATE"),
    audioGroup: list.quoted("AUDIO"),
    pathwayId: list.quoted("PATHWAY-ID"),
    score: list.decimal("SCORE"),
    stableId: list.quoted("STABLE-VARIANT-ID"),
  };
}

function parseRendition(value: string, line: number): MediaRendition {
  const list = AttributeList.parse(value, line);
  const type = list.enumerated("TYPE");
  if (type === undefined || !MEDIA_TYPES.has(type)) throw new PlaylistError(`EXT-X-MEDIA has TYPE ${type}`, line);
  return {
    type,
    groupId: list.requiredQuoted("GROUP-ID"),
    name: list.requiredQuoted("NAME"),
    uri: list.quoted("URI"),
    isDefault: list.yes("DEFAULT"),
    autoselect: list.yes("AUTOSELECT"),
    channels: list.quoted("CHANNELS"),
    language: list.quoted("LANGUAGE"),
    stableId: list.quoted("STABLE-RENDITION-ID"),
  };
}

/** Parses a multivariant playlist (§4.4.6). @throws PlaylistError naming the line; nothing else, whatever the text. */
export function parseMultivariantPlaylist(text: string): MultivariantPlaylist {
  const lines = playlistLines(text);
  const variants: Variant[] = [];
  const renditions: MediaRendition[] = [];
  let version: number | undefined;
  let independentSegments = false;
  let pending: { value: string; line: number } | undefined;
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line === "") continue;
    if (!line.startsWith("#")) {
      if (pending === undefined) throw new PlaylistError("a URI line without EXT-X-STREAM-INF", i + 1);
      variants.push(parseVariant(pending.value, line, pending.line));
      pending = undefined;
      continue;
    }
    if (pending !== undefined && line.startsWith("#EXT")) {
      throw new PlaylistError("EXT-X-STREAM-INF is not followed by its URI", pending.line);
    }
    if (line.startsWith("#EXT-X-STREAM-INF:")) pending = { value: line.slice(18), line: i + 1 };
    else if (line.startsWith("#EXT-X-MEDIA:")) renditions.push(parseRendition(line.slice(13), i + 1));
    else if (line === "#EXT-X-INDEPENDENT-SEGMENTS") independentSegments = true;
    else if (line.startsWith("#EXT-X-VERSION:")) {
      if (version !== undefined) throw new PlaylistError("EXT-X-VERSION appears twice", i + 1);
      const value = line.slice(15);
      if (!/^\d{1,3}$/.test(value)) throw new PlaylistError("EXT-X-VERSION is not a decimal integer", i + 1);
      version = Number(value);
    }
  }
  if (pending !== undefined) throw new PlaylistError("EXT-X-STREAM-INF is not followed by its URI", pending.line);
  if (variants.length === 0) throw new PlaylistError("no EXT-X-STREAM-INF", lines.length);
  return { version, independentSegments, variants, renditions };
}
