import { MEDIA_PLAYLIST_NAME } from "#packaging/object-names.ts";
import type { AudioConfig, Track } from "#media/track.ts";

/** An alternative audio rendition of a group. */
export interface AudioRendition {
  readonly groupId: string;
  readonly track: Track & { readonly config: AudioConfig };
  /** The one that plays unless the viewer chooses. */
  readonly isDefault: boolean;
}

/** `EXT-X-MEDIA` of an audio rendition. RFC 8216bis §4.4.6.1. */
export function renderAudioRendition(rendition: AudioRendition): string {
  const { track } = rendition;
  const language = track.language === undefined ? "" : `,LANGUAGE="${track.language}"`;
  return (
    `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${rendition.groupId}",NAME="${track.name}"${language}` +
    `,DEFAULT=${rendition.isDefault ? "YES" : "NO"},AUTOSELECT=YES` +
    `,CHANNELS="${track.config.channels}",URI="${track.name}/${MEDIA_PLAYLIST_NAME}"\n`
  );
}
