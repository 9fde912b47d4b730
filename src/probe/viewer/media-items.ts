import { openDateMs, type ByteRange, type MediaPlaylist } from "#probe/hls/media-playlist.ts";

/** One thing to fetch, in playing order. */
export interface MediaItem {
  readonly kind: "part" | "segment";
  readonly msn: number;
  /** -1 for a whole segment. */
  readonly part: number;
  readonly url: string;
  readonly byteRange: ByteRange | undefined;
  readonly durationS: number;
  readonly dateMs: number | undefined;
  readonly independent: boolean;
  readonly gap: boolean;
  readonly discontinuity: boolean;
  readonly discontinuitySequence: number;
  readonly mapUrl: string | undefined;
}

/** Where to go on. `part` is -1 when segments are fetched whole. */
export interface NextItem {
  readonly msn: number;
  readonly part: number;
}

/** Everything of one segment that a playlist lists: as parts when `asParts` and parts are there, else whole when it is complete. */
function itemsOf(playlist: MediaPlaylist, url: string, msn: number, asParts: boolean): MediaItem[] {
  const absolute = (uri: string): string => new URL(uri, url).href;
  const index = msn - playlist.mediaSequence;
  const segment = playlist.segments[index];
  const last = playlist.segments.at(-1);
  const parts = segment?.parts ?? (index === playlist.segments.length ? playlist.openParts : []);
  const mapUri = segment === undefined ? (playlist.open.mapUri ?? last?.mapUri) : segment.mapUri;
  const shared = {
    msn,
    discontinuitySequence:
      segment?.discontinuitySequence ??
      (last?.discontinuitySequence ?? playlist.discontinuitySequence) + (playlist.open.discontinuity ? 1 : 0),
    mapUrl: mapUri === undefined ? undefined : absolute(mapUri),
  };
  const startDate = segment === undefined ? openDateMs(playlist) : segment.dateMs;
  const discontinuity = segment?.discontinuity ?? playlist.open.discontinuity;
  if (asParts && parts.length > 0) {
    let dateMs = startDate;
    return parts.map((part) => {
      const item: MediaItem = {
        ...shared,
        kind: "part",
        part: part.index,
        url: absolute(part.uri),
        byteRange: part.byteRange,
        durationS: part.durationS,
        dateMs,
        independent: part.independent,
        gap: part.gap,
        discontinuity: discontinuity && part.index === 0,
      };
      dateMs = dateMs === undefined ? undefined : dateMs + part.durationS * 1000;
      return item;
    });
  }
  if (segment === undefined) return [];
  const { durationS, gap, byteRange } = segment;
  const whole = { kind: "segment" as const, part: -1, url: absolute(segment.uri), byteRange, durationS, gap };
  return [{ ...shared, ...whole, dateMs: startDate, independent: playlist.independentSegments, discontinuity }];
}

/** The whole segment of a number, for comparing it with its parts; `undefined` while it is not complete. */
export function wholeSegment(playlist: MediaPlaylist, url: string, msn: number): MediaItem | undefined {
  return itemsOf(playlist, url, msn, false)[0];
}

/**
 * What a playlist offers from `next` on, and where to go on then.
 * `skipped` counts segments that were removed before they were fetched.
 */
export function itemsFrom(
  playlist: MediaPlaylist,
  url: string,
  next: NextItem,
): { items: MediaItem[]; next: NextItem; completed: number[]; skipped: number } {
  const asParts = next.part >= 0;
  const items: MediaItem[] = [];
  const completed: number[] = [];
  const skipped = Math.max(0, playlist.mediaSequence - next.msn);
  let msn = next.msn + skipped;
  let part = skipped > 0 ? (asParts ? 0 : -1) : next.part;
  const lastWhole = playlist.mediaSequence + playlist.segments.length - 1;
  for (; msn <= lastWhole + 1; msn++) {
    const found = itemsOf(playlist, url, msn, asParts);
    for (const item of found) if (!asParts || item.part === -1 || item.part >= part) items.push(item);
    if (msn > lastWhole) {
      part = Math.max(part, found.length);
      break;
    }
    completed.push(msn);
    part = asParts ? 0 : -1;
  }
  return { items, next: { msn, part: asParts ? part : -1 }, completed, skipped };
}
