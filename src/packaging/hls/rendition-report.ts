import { MEDIA_PLAYLIST_NAME } from "#packaging/object-names.ts";
import type { WindowTrack } from "#packaging/window.ts";

/** How far another rendition's playlist has come. */
export interface RenditionReport {
  readonly trackName: string;
  readonly lastSegment: number;
  /** Absent where the stream has no parts, and for a segment without any. */
  readonly lastPart: number | undefined;
}

/** The report on a track; `undefined` while its playlist shows nothing. */
export function renditionReport(track: WindowTrack, withParts: boolean): RenditionReport | undefined {
  for (let i = track.segments.length - 1; i >= 0; i--) {
    const segment = track.segments[i];
    if (segment === undefined) return undefined;
    if (!segment.sealed && (!withParts || segment.parts.length === 0)) continue;
    const parts = withParts && !segment.gap ? segment.parts.length : 0;
    return {
      trackName: track.track.name,
      lastSegment: segment.number,
      lastPart: parts > 0 ? parts - 1 : undefined,
    };
  }
  return undefined;
}

/** `EXT-X-RENDITION-REPORT`, with the address relative to another track's playlist. RFC 8216bis §4.4.5.4. */
export function renderRenditionReport(report: RenditionReport): string {
  const part = report.lastPart === undefined ? "" : `,LAST-PART=${report.lastPart}`;
  return `#EXT-X-RENDITION-REPORT:URI="../${report.trackName}/${MEDIA_PLAYLIST_NAME}",LAST-MSN=${report.lastSegment}${part}\n`;
}
