import { Distribution } from "#probe/distribution.ts";
import type { MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { parseMediaPlaylist } from "#probe/hls/parse-media-playlist.ts";
import type { LoadReport } from "#probe/report.ts";
import type { HlsEntrance } from "./hls-viewer.ts";
import { LightViewer } from "./light-viewer.ts";
import type { Watch } from "./watch.ts";

/** Viewers that join each second, so that the probe does not measure its own rush. */
const JOINS_PER_SECOND = 200;
/** Parsed playlists shared by the viewers: the same answer reaches all of them. */
const PARSED_MAX = 128;

/** Counters all light viewers add to. */
export class LoadFigures {
  readonly blockingMs: Distribution = new Distribution();
  readonly mediaMs: Distribution = new Distribution();
  readonly startupMs: Distribution = new Distribution();
  bytes = 0;
  requests = 0;
  failures = 0;
  readonly #parsed = new Map<string, MediaPlaylist>();

  /** Parses a playlist once for everybody. @throws PlaylistError. */
  parse(body: Uint8Array): MediaPlaylist {
    const text = new TextDecoder().decode(body);
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const playlist = parseMediaPlaylist(text);
    this.#parsed.set(text, playlist);
    const oldest = this.#parsed.keys().next().value;
    if (this.#parsed.size > PARSED_MAX && oldest !== undefined) this.#parsed.delete(oldest);
    return playlist;
  }
}

/** Many viewers that fetch what a player fetches and look at nothing but time and status: a load. */
export class LightAudience {
  readonly #watch: Watch;
  readonly #figures = new LoadFigures();
  readonly #viewers: LightViewer[];

  constructor(options: { watch: Watch; entrance: HlsEntrance; viewers: number; insecure: boolean }) {
    const { watch, entrance, insecure } = options;
    this.#watch = watch;
    this.#viewers = Array.from(
      { length: options.viewers },
      () => new LightViewer({ watch, entrance, insecure, figures: this.#figures }),
    );
  }

  /** Joins one after the other and watches until the watch ends. */
  async run(): Promise<void> {
    const { clock, signal } = this.#watch;
    const runs: Promise<void>[] = [];
    for (const viewer of this.#viewers) {
      runs.push(viewer.run());
      try {
        await clock.sleep(1000 / JOINS_PER_SECOND, signal);
      } catch {
        break;
      }
    }
    await Promise.all(runs);
  }

  report(atMs: number): LoadReport {
    const figures = this.#figures;
    const count = (test: (viewer: LightViewer) => boolean): number => this.#viewers.filter(test).length;
    return {
      viewers: this.#viewers.length,
      playing: count((viewer) => viewer.buffer.state === "playing"),
      viewersStalled: count((viewer) => viewer.buffer.stallCount > 0),
      stallCount: this.#viewers.reduce((sum, viewer) => sum + viewer.buffer.stallCount, 0),
      stallMs: Math.round(this.#viewers.reduce((sum, viewer) => sum + viewer.buffer.stallMs(atMs), 0)),
      bytes: figures.bytes,
      requests: figures.requests,
      failures: figures.failures,
      startupMs: figures.startupMs.quantiles(),
      blockingMs: figures.blockingMs.quantiles(),
      mediaMs: figures.mediaMs.quantiles(),
    };
  }
}
