import { MEDIA_PLAYLIST_NAME } from "#packaging/object-names.ts";
import type { AudioConfig, Track } from "#media/track.ts";

/** An alternative audio rendition of a group. */
export interface AudioRendition {
  readonly groupId: string;
  readonly track: Track & { readonly config: AudioConfig };
  /** The same in every group that has this sound. */
  readonly name: string;
  readonly language?: string;
  /** The one that plays unless the viewer chooses. */
  readonly isDefault: boolean;
}

/** What a language tag is made of; an encoder's word that is none would break the quoted string. RFC 5646 §2.1. */
const LANGUAGE_TAG = /^[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;

/** `EXT-X-MEDIA` of an audio rendition. RFC 8216bis §4.4.6.1. */
export function renderAudioRendition(rendition: AudioRendition): string {
  const { track, name, language } = rendition;
  const isTag = language !== undefined && LANGUAGE_TAG.test(language);
  return (
    `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${rendition.groupId}",NAME="${name}"${isTag ? `,LANGUAGE="${language}"` : ""}` +
    `,DEFAULT=${rendition.isDefault ? "YES" : "NO"},AUTOSELECT=YES` +
    `,CHANNELS="${track.config.channels}",STABLE-RENDITION-ID="${track.name}",URI="${track.name}/${MEDIA_PLAYLIST_NAME}"\n`
  );
}
