import { PlaylistError } from "#probe/hls/attribute-list.ts";
import { containsAsked } from "#probe/conformance/directive-rules.ts";
import { segmentChange } from "#probe/conformance/update-rules.ts";
import { allParts, edgeOf, lastSegmentNumber, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { mergeDelta } from "#probe/hls/merge-delta.ts";
import type { HttpAnswer } from "#probe/http/client.ts";
import { type RenditionView, wasHeld } from "#probe/conformance/rule.ts";
import { MEDIA_BACKLOG_MAX, MediaReader } from "./media-reader.ts";
import type { Presentation } from "./presentation.ts";
import { RetentionWatch } from "./retention.ts";
import { type Asked, ask, pause, slackMs, type Watch, withDirectives } from "./watch.ts";

/** URLs whose first use is remembered: an hour of segments and parts. */
const OWNERS_MAX = 20_000;
/** Each so many reloads ask for a delta update, whose result is compared with the full playlist. */
const RELOADS_PER_DELTA = 5;
/** Wait after an answer that helps nobody. */
const RETRY_MS = 500;

/** Follows one media playlist as a strict player does, and has every version judged. */
export class RenditionFollower {
  readonly name: string;
  readonly url: string;
  readonly media: MediaReader;
  readonly #watch: Watch;
  readonly #presentation: Presentation;
  readonly #otherRenditions: readonly string[];
  readonly #retention: RetentionWatch;
  readonly #owners = new Map<string, string>();
  #playlist: MediaPlaylist | undefined;
  #segmentAddedAtMs: number | undefined;
  #partAddedAtMs: number | undefined;
  #newestSegmentAtMs: number | undefined;
  #changedAtMs = 0;
  #reloads = 0;

  constructor(options: {
    watch: Watch;
    presentation: Presentation;
    name: string;
    url: string;
    otherRenditions: readonly string[];
  }) {
    const { watch, presentation, name, url } = options;
    this.name = name;
    this.url = url;
    this.#watch = watch;
    this.#presentation = presentation;
    this.#otherRenditions = options.otherRenditions;
    this.media = new MediaReader({ watch, presentation, name, url });
    this.#retention = new RetentionWatch(watch, url);
  }

  /** The newest full version. */
  get playlist(): MediaPlaylist | undefined {
    return this.#playlist;
  }

  /** Asks for what left the playlist, until the watch ends. */
  async retain(): Promise<void> {
    await this.#retention.run();
  }

  /** Follows until the presentation or the watch ends. */
  async follow(): Promise<void> {
    while (!this.#watch.signal.aborted && this.#playlist?.endList !== true) {
      const version = await this.#reload();
      if (version !== undefined) this.#observe(version.playlist, version.http);
      else if (!(await this.#rest())) break;
      if (this.media.backlog > MEDIA_BACKLOG_MAX) await this.media.drained();
    }
    await this.media.drained();
  }

  /** Waits after an answer that helps nobody; what appears meanwhile was not seen appearing. */
  async #rest(): Promise<boolean> {
    this.#partAddedAtMs = undefined;
    this.#segmentAddedAtMs = undefined;
    return pause(this.#watch, RETRY_MS);
  }

  async #reload(): Promise<{ playlist: MediaPlaylist; http: HttpAnswer } | undefined> {
    const known = this.#playlist;
    if (known === undefined) return this.#version(await ask(this.#watch, "playlist", this.url));
    if (!this.#watch.lowLatency || !known.serverControl?.canBlockReload) return this.#poll(known);
    const edge = edgeOf(known);
    const parts = known.partTargetS !== undefined;
    const asked = { msn: lastSegmentNumber(known) + 1, part: parts ? edge.part + 1 : undefined };
    if (edge.part === -1 && parts) asked.part = 0;
    this.#reloads++;
    const delta = known.serverControl.canSkipUntilS !== undefined && this.#reloads % RELOADS_PER_DELTA === 0;
    const directives = { _HLS_msn: asked.msn, _HLS_part: asked.part, _HLS_skip: delta ? "YES" : undefined };
    const answer = await ask(this.#watch, "blocking", withDirectives(this.url, directives), {
      known,
      asked,
      timeoutMs: 5000 * known.targetDurationS,
    });
    // A server that answers without news would be asked without pause.
    const useless = answer?.playlist !== undefined && !containsAsked(answer.playlist, asked);
    if (useless && !answer.playlist?.endList) await this.#rest();
    if (answer?.playlist?.skippedSegments !== undefined) return this.#merged(known, answer, answer.playlist);
    return this.#version(answer);
  }

  async #poll(known: MediaPlaylist): Promise<{ playlist: MediaPlaylist; http: HttpAnswer } | undefined> {
    const { clock } = this.#watch;
    // §6.3.4: a target duration after a change, half of it after none.
    const waitMs = 1000 * known.targetDurationS * (clock.nowMs() - this.#changedAtMs < 500 ? 1 : 0.5);
    if (!(await pause(this.#watch, waitMs))) return undefined;
    return this.#version(await ask(this.#watch, "playlist", this.url, { known }));
  }

  #version(asked: Asked | undefined): { playlist: MediaPlaylist; http: HttpAnswer } | undefined {
    return asked?.playlist === undefined ? undefined : { playlist: asked.playlist, http: asked.http };
  }

  /** Puts a delta update together with what is known, and compares the result with the full playlist. */
  async #merged(
    known: MediaPlaylist,
    answer: Asked,
    delta: MediaPlaylist,
  ): Promise<{ playlist: MediaPlaylist; http: HttpAnswer } | undefined> {
    const { checker } = this.#watch;
    const full = this.#version(await ask(this.#watch, "playlist", this.url, { known }));
    try {
      const playlist = mergeDelta(known, delta);
      const sentence = full === undefined ? undefined : difference(playlist, full.playlist);
      checker.event("delta-merges", answer.exchange.url, sentence);
      if (sentence === undefined) return { playlist, http: answer.http };
    } catch (error) {
      if (!(error instanceof PlaylistError)) throw error;
      checker.event("delta-merges", answer.exchange.url, error.message);
    }
    return full;
  }

  #observe(playlist: MediaPlaylist, http: HttpAnswer): void {
    const { checker, figures } = this.#watch;
    const previous = this.#playlist;
    const { sentAtMs, endAtMs: atMs } = http;
    const held = wasHeld(http);
    figures.playlistAtMs ??= atMs;
    const since = this.#partAddedAtMs ?? this.#segmentAddedAtMs ?? atMs;
    checker.playlist(playlist, previous, {
      url: this.url,
      atMs,
      held,
      slackMs: slackMs(this.#watch, 1000 * (playlist.partTargetS ?? playlist.targetDurationS), since),
      segmentAddedAtMs: this.#segmentAddedAtMs,
      partAddedAtMs: this.#partAddedAtMs,
      owners: this.#owners,
      otherRenditions: this.#otherRenditions,
    });
    this.#playlist = playlist;
    this.#noteClocks(playlist, previous, atMs);
    this.#noteOwners(playlist);
    this.#retention.update(playlist, atMs);
    this.media.offer(playlist);
    const view: RenditionView = {
      url: this.url,
      name: this.name,
      playlist,
      sentAtMs,
      atMs,
      held,
      dateOfZeroMs: this.media.dateOfZeroMs,
      reported: this.#presentation.reported(this.url),
    };
    this.#presentation.update(view);
    const others = this.#presentation.others(this.url);
    if (others.length > 0) checker.renditions(view, others);
  }

  #noteClocks(playlist: MediaPlaylist, previous: MediaPlaylist | undefined, atMs: number): void {
    if (previous === undefined) return;
    const [edge, before] = [edgeOf(playlist), edgeOf(previous)];
    const lastSegment = lastSegmentNumber(playlist);
    const segmentAdded = lastSegment > lastSegmentNumber(previous);
    if (segmentAdded) {
      this.#segmentAddedAtMs = atMs;
      this.#newestSegmentAtMs = atMs;
    }
    // A segment that closes without a further part adds none: its last part was there before.
    const closing = edge.part === -1 && edge.msn === before.msn && before.part >= 0;
    const lastParts = playlist.segments.at(-1)?.parts.length ?? 0;
    const partAdded = closing ? lastParts > before.part + 1 : edge.msn !== before.msn || edge.part > before.part;
    if (partAdded) {
      if (this.#partAddedAtMs !== undefined) this.#watch.figures.partIntervalMs.record(atMs - this.#partAddedAtMs);
      this.#partAddedAtMs = atMs;
    }
    if (partAdded || segmentAdded) this.#changedAtMs = atMs;
  }

  #noteOwners(playlist: MediaPlaylist): void {
    const note = (uri: string, key: string): void => {
      const url = new URL(uri, this.url).href;
      if (!this.#owners.has(url)) this.#owners.set(url, key);
    };
    for (const segment of playlist.segments)
      if (segment.byteRange === undefined) note(segment.uri, String(segment.msn));
    for (const part of allParts(playlist))
      if (part.byteRange === undefined) note(part.uri, `${part.msn}.${part.index}`);
    for (const url of this.#owners.keys()) {
      if (this.#owners.size <= OWNERS_MAX) break;
      this.#owners.delete(url);
    }
  }

  /** At the end of the watch: whether something new was overdue. */
  finish(atMs: number): void {
    const playlist = this.#playlist;
    const since = this.#newestSegmentAtMs;
    if (playlist === undefined || playlist.endList || since === undefined) return;
    const overdueMs = atMs - since - 1500 * playlist.targetDurationS;
    const late = overdueMs > slackMs(this.#watch, 1000 * playlist.targetDurationS, since);
    this.#watch.checker.event(
      "stream-goes-on",
      this.url,
      late ? `no new segment for ${Math.round(atMs - since)} ms and no EXT-X-ENDLIST` : undefined,
    );
  }
}

/** How a merged delta update differs from the full playlist fetched right after it; `undefined` when it does not. */
function difference(merged: MediaPlaylist, full: MediaPlaylist): string | undefined {
  const now = new Map(full.segments.map((segment) => [segment.msn, segment]));
  for (const segment of merged.segments) {
    const other = now.get(segment.msn);
    if (other === undefined && segment.msn >= full.mediaSequence)
      return `segment ${segment.msn} is not in the full playlist`;
    const change = other === undefined ? undefined : segmentChange(segment, other);
    if (change !== undefined) return `segment ${segment.msn}: ${change} in the full playlist`;
    if (other !== undefined && other.discontinuitySequence !== segment.discontinuitySequence) {
      return `segment ${segment.msn} has another discontinuity sequence number in the full playlist`;
    }
  }
  const first = full.segments[0];
  if (first !== undefined && merged.mediaSequence > first.msn) return "the delta update begins after the full playlist";
  return undefined;
}
