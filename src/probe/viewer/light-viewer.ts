import { lastSegmentNumber, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { type HttpAnswer, HttpClient, type TrafficObserver } from "#probe/http/client.ts";
import type { RawResponse } from "#probe/http/connection.ts";
import { PlaybackBuffer } from "#probe/playback-buffer.ts";
import type { HlsEntrance } from "./hls-viewer.ts";
import type { LoadFigures } from "./light-audience.ts";
import { itemsFrom, type NextItem } from "./media-items.ts";
import { startPosition } from "./start-position.ts";
import { pause, type Watch, withDirectives } from "./watch.ts";

const RETRY_MS = 1_000;
const RESUME_S = 0.2;

/** A player reduced to its requests: it follows playlists, fetches what is new and keeps a buffer in numbers. */
export class LightViewer implements TrafficObserver {
  readonly buffer: PlaybackBuffer;
  readonly #watch: Watch;
  readonly #entrance: HlsEntrance;
  readonly #figures: LoadFigures;
  readonly #client: HttpClient;
  #startMs = 0;
  #started = false;

  constructor(options: { watch: Watch; entrance: HlsEntrance; insecure: boolean; figures: LoadFigures }) {
    const { watch, entrance, insecure } = options;
    this.#watch = watch;
    this.#entrance = entrance;
    this.#figures = options.figures;
    const { clock, signal } = watch;
    this.#client = new HttpClient({ clock, signal, insecure, traffic: this });
    this.buffer = new PlaybackBuffer({ tracks: entrance.chosen.map(({ url }) => url), resumeS: RESUME_S });
  }

  answered(answer: RawResponse): void {
    this.#figures.requests++;
    this.#figures.bytes += answer.sizeBytes;
    if (answer.status >= 400) this.#figures.failures++;
  }

  lost(): void {
    this.#figures.failures++;
  }

  /** Watches until the watch ends. */
  async run(): Promise<void> {
    this.#startMs = this.#watch.clock.nowMs();
    await Promise.all(this.#entrance.chosen.map(({ url }) => this.#follow(url)));
    this.#client.close();
  }

  async #get(url: string, keepBody: boolean): Promise<HttpAnswer | undefined> {
    try {
      const answer = await this.#client.get(url, { keepBody, timeoutMs: 30_000 });
      return answer.status === 200 ? answer : undefined;
    } catch {
      // Counted by the traffic observer; a load goes on.
      return undefined;
    }
  }

  async #follow(url: string): Promise<void> {
    let playlist: MediaPlaylist | undefined;
    let next: NextItem | undefined;
    while (!this.#watch.signal.aborted && playlist?.endList !== true) {
      const fresh = await this.#reload(url, playlist);
      if (fresh === undefined) {
        if (!(await pause(this.#watch, RETRY_MS))) return;
        continue;
      }
      const useless = playlist !== undefined && lastSegmentNumber(fresh) === lastSegmentNumber(playlist);
      if (useless && fresh.openParts.length === playlist?.openParts.length && !fresh.endList) {
        // A server that answers without news would be asked without pause.
        this.#figures.failures += this.#watch.lowLatency ? 1 : 0;
        if (!(await pause(this.#watch, RETRY_MS))) return;
      }
      next ??= this.#join(url, fresh);
      playlist = fresh;
      if (next === undefined) continue;
      const found = itemsFrom(playlist, url, next);
      next = found.next;
      for (const item of found.items) {
        if (item.gap) continue;
        const media = await this.#get(item.url, false);
        if (media === undefined) continue;
        this.#figures.mediaMs.record(media.endAtMs - media.sentAtMs);
        if (item.dateMs !== undefined) this.#arrived(url, item.dateMs / 1000 + item.durationS, media.endAtMs);
      }
    }
  }

  #arrived(track: string, endS: number, atMs: number): void {
    this.buffer.append(track, endS, atMs);
    if (this.#started || this.buffer.startedAtMs === undefined) return;
    this.#started = true;
    this.#figures.startupMs.record(atMs - this.#startMs);
  }

  /** Dates serve as media time here: nothing is parsed but the playlist. */
  #join(url: string, playlist: MediaPlaylist): NextItem | undefined {
    const lowLatency = this.#watch.lowLatency && playlist.partTargetS !== undefined;
    const start = startPosition(playlist, lowLatency);
    if (start === undefined) return undefined;
    const next = { msn: start.msn, part: lowLatency ? Math.max(0, start.part) : -1 };
    const dateMs = itemsFrom(playlist, url, next).items[0]?.dateMs;
    if (dateMs !== undefined) this.buffer.startAt(dateMs / 1000 + start.offsetS);
    return next;
  }

  async #reload(url: string, known: MediaPlaylist | undefined): Promise<MediaPlaylist | undefined> {
    let target = url;
    const blocking = known !== undefined && this.#watch.lowLatency && known.serverControl?.canBlockReload === true;
    if (blocking) {
      const part = known.partTargetS === undefined ? undefined : known.openParts.length;
      target = withDirectives(url, { _HLS_msn: lastSegmentNumber(known) + 1, _HLS_part: part });
    } else if (known !== undefined && !(await pause(this.#watch, 500 * known.targetDurationS))) {
      return undefined;
    }
    const answer = await this.#get(target, true);
    if (answer === undefined) return undefined;
    if (blocking) this.#figures.blockingMs.record(answer.endAtMs - answer.sentAtMs);
    try {
      return this.#figures.parse(answer.body);
    } catch {
      this.#figures.failures++;
      return undefined;
    }
  }
}
