import type { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { renderManifest } from "#packaging/dash/manifest.ts";
import { renderMediaPlaylist } from "#packaging/hls/media-playlist.ts";
import { renderMultivariantPlaylist, renderSoundPlaylist } from "#packaging/hls/multivariant-playlist.ts";
import { MEDIA_PLAYLIST_NAME } from "#packaging/object-names.ts";
import type { WindowTrack } from "#packaging/window.ts";
import { PlaylistBody } from "./playlist-body.ts";

/** File name of the multivariant playlist, directly below the stream. */
const MULTIVARIANT_NAME = "index.m3u8";

/** File name of the multivariant playlist of the sound alone, directly below the stream. */
const SOUND_NAME = "audio.m3u8";

/** File name of the DASH manifest, directly below the stream. */
const MANIFEST_NAME = "manifest.mpd";

/** ISO/IEC 23009-1 Annex C. */
const DASH_TYPE = "application/dash+xml";

/** RFC 8216bis §10. */
const HLS_TYPE = "application/vnd.apple.mpegurl";

/** Target durations a cache may keep the answer to a blocking request (RFC 8216bis §6.2.5.2). */
const BLOCKING_CACHE_TARGETS = 6;

/** The playlists and the manifest of one broadcast by their path below it. At most one per track and three more. */
export class BroadcastPlaylists {
  readonly #window: BroadcastWindow;
  readonly #bodies = new Map<string, PlaylistBody>();
  readonly #tracks = new Map<string, WindowTrack>();

  constructor(window: BroadcastWindow) {
    this.#window = window;
    this.#bodies.set(
      MULTIVARIANT_NAME,
      new PlaylistBody({
        kind: "multivariant",
        contentType: HLS_TYPE,
        blockingSeconds: 1,
        render: () => renderMultivariantPlaylist(window),
      }),
    );
    this.#bodies.set(
      SOUND_NAME,
      new PlaylistBody({
        kind: "multivariant",
        contentType: HLS_TYPE,
        blockingSeconds: 1,
        render: () => renderSoundPlaylist(window),
      }),
    );
    this.#bodies.set(
      MANIFEST_NAME,
      new PlaylistBody({
        kind: "mpd",
        contentType: DASH_TYPE,
        blockingSeconds: 1,
        render: () => renderManifest(window),
      }),
    );
  }

  /** The playlist under that path; `undefined` when there is none. */
  find(rest: string): PlaylistBody | undefined {
    if (rest === SOUND_NAME && this.#window.tracks.every(({ track }) => track.config.kind !== "audio"))
      return undefined;
    return this.#bodies.get(rest) ?? this.#open(rest);
  }

  /** The track whose playlist this path is. */
  trackOf(rest: string): WindowTrack | undefined {
    return this.#tracks.get(rest);
  }

  /** The window has changed. */
  forget(): void {
    for (const body of this.#bodies.values()) body.forget();
  }

  #open(rest: string): PlaylistBody | undefined {
    const slash = rest.length - MEDIA_PLAYLIST_NAME.length - 1;
    if (slash <= 0 || rest.charCodeAt(slash) !== 47 || !rest.endsWith(MEDIA_PLAYLIST_NAME)) return undefined;
    const name = rest.substring(0, slash);
    const track = this.#window.track(name);
    if (track === undefined) return undefined;
    const body = new PlaylistBody({
      kind: "playlist",
      contentType: HLS_TYPE,
      blockingSeconds: BLOCKING_CACHE_TARGETS * this.#window.parameters.targetDurationSeconds,
      render: (skip) => renderMediaPlaylist(this.#window, name, skip === undefined ? {} : { skip }),
    });
    this.#bodies.set(rest, body);
    this.#tracks.set(rest, track);
    return body;
  }
}
