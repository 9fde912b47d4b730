import { Fault } from "#faults/fault.ts";
import type { AudioConfig, Track, VideoConfig } from "#media/track.ts";

/** The source's picture, and what a target gets unless it wants a rung. */
const SOURCE = "source";
/** The source's sound as AAC, where it is something else. */
const SOUND_AS_AAC = "audio-aac";

/** A track of picture. */
export type VideoTrack = Track & { readonly config: VideoConfig };
/** A track of sound. */
export type AudioTrack = Track & { readonly config: AudioConfig };

/** What of a broadcast a target gets: one picture and one sound, or one of them. */
export interface ChosenTracks {
  readonly video: VideoTrack | undefined;
  readonly audio: AudioTrack | undefined;
}

function isVideo(track: Track): track is VideoTrack {
  return track.config.kind === "video";
}

function isAudio(track: Track): track is AudioTrack {
  return track.config.kind === "audio";
}

/**
 * Chooses among a broadcast's tracks: the picture called `rendition` and the encoder's first sound, as AAC where there is one.
 * @throws Fault `RENDITION_ABSENT` when there are pictures, but not this one.
 */
export function chooseTracks(tracks: readonly Track[], rendition: string): ChosenTracks {
  const pictures = tracks.filter(isVideo);
  const sounds = tracks.filter(isAudio);
  const video = pictures.find(({ name }) => name === rendition);
  if (video === undefined && (pictures.length > 0 || rendition !== SOURCE)) {
    const names = pictures.map(({ name }) => name).join(", ");
    throw new Fault("RENDITION_ABSENT", `the broadcast has no rendition ${rendition}`, {
      hint: names === "" ? "It has no picture." : `It has ${names}.`,
    });
  }
  const first = sounds.find(({ madeFrom }) => madeFrom === undefined) ?? sounds[0];
  const asAac =
    first === undefined || first.config.codec === "aac"
      ? undefined
      : sounds.find(({ name, madeFrom }) => name === SOUND_AS_AAC && (madeFrom ?? first.id) === first.id);
  return { video, audio: asAac ?? first };
}
