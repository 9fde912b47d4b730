import type { MeasuredRendition } from "#probe/conformance/rule.ts";
import { type MultivariantPlaylist, parseMultivariantPlaylist } from "#probe/hls/multivariant-playlist.ts";
import { parseMediaPlaylist, playlistKind } from "#probe/hls/parse-media-playlist.ts";
import type { HttpAnswer } from "#probe/http/client.ts";
import type { RenditionReport } from "#probe/report.ts";
import { runDirectiveTests, runExperiments } from "./directive-tests.ts";
import { Presentation } from "./presentation.ts";
import { RenditionFollower } from "./rendition-follower.ts";
import type { Watch } from "./watch.ts";

/** A media playlist to follow. */
export interface ChosenRendition {
  readonly name: string;
  readonly url: string;
}

/** What a URL turned out to be. */
export interface HlsEntrance {
  readonly url: string;
  readonly multivariant: MultivariantPlaylist | undefined;
  readonly chosen: readonly ChosenRendition[];
  /** Absolute URLs of all media playlists. */
  readonly all: readonly string[];
  readonly lowLatency: boolean;
}

function resolve(uri: string, url: string): string {
  return new URL(uri, url).href;
}

/** The best video (or audio) variant with its default audio; or everything. */
export function chooseRenditions(
  playlist: MultivariantPlaylist,
  url: string,
  all: boolean,
): { chosen: ChosenRendition[]; all: string[] } {
  const everything = new Map<string, string>();
  for (const variant of playlist.variants) everything.set(resolve(variant.uri, url), variant.uri);
  for (const rendition of playlist.renditions) {
    const media = rendition.type === "AUDIO" || rendition.type === "VIDEO";
    if (!media || rendition.uri === undefined) continue;
    const target = resolve(rendition.uri, url);
    // One sound has the same name in every group that has a version of it.
    const isTaken = [...everything].some(([other, name]) => other !== target && name === rendition.name);
    if (!everything.has(target) || !isTaken) everything.set(target, isTaken ? rendition.uri : rendition.name);
  }
  const urls = [...everything.keys()];
  if (all) return { chosen: [...everything].map(([target, name]) => ({ name, url: target })), all: urls };
  const best = playlist.variants.reduce((a, b) => {
    const pixels = (v: typeof a): number => (v.resolution?.width ?? 0) * (v.resolution?.height ?? 0);
    return pixels(b) > pixels(a) || (pixels(b) === pixels(a) && b.bandwidth > a.bandwidth) ? b : a;
  });
  const chosen: ChosenRendition[] = [{ name: best.uri, url: resolve(best.uri, url) }];
  const group = playlist.renditions.filter(
    (r) => r.type === "AUDIO" && r.groupId === best.audioGroup && r.uri !== undefined,
  );
  const audio = group.find((rendition) => rendition.isDefault) ?? group[0];
  if (audio?.uri !== undefined && resolve(audio.uri, url) !== chosen[0]?.url) {
    chosen.push({ name: audio.name, url: resolve(audio.uri, url) });
  }
  return { chosen, all: urls };
}

/**
 * Reads the first playlist of a presentation.
 * @throws PlaylistError when it is none.
 */
export function enterHls(answer: HttpAnswer, options: { allRenditions: boolean; lowLatency: boolean }): HlsEntrance {
  const text = new TextDecoder("utf-8", { fatal: false }).decode(answer.body);
  const { lowLatency } = options;
  if (playlistKind(text) === "media") {
    parseMediaPlaylist(text);
    const chosen = [{ name: "media", url: answer.url }];
    return { url: answer.url, multivariant: undefined, chosen, all: [answer.url], lowLatency };
  }
  const multivariant = parseMultivariantPlaylist(text);
  return {
    url: answer.url,
    multivariant,
    lowLatency,
    ...chooseRenditions(multivariant, answer.url, options.allRenditions),
  };
}

/** Watches an HLS or LL-HLS presentation strictly, until it or the watch ends. */
export class HlsViewer {
  readonly #watch: Watch;
  readonly #entrance: HlsEntrance;
  readonly #followers: RenditionFollower[];

  constructor(watch: Watch, entrance: HlsEntrance) {
    this.#watch = watch;
    this.#entrance = entrance;
    const presentation = new Presentation();
    this.#followers = entrance.chosen.map(
      ({ name, url }) =>
        new RenditionFollower({
          watch,
          presentation,
          name,
          url,
          otherRenditions: entrance.all.filter((other) => other !== url),
        }),
    );
  }

  /** Whether the server offers parts; `undefined` before the first playlist. */
  get hasParts(): boolean | undefined {
    const playlist = this.#followers[0]?.playlist;
    return playlist === undefined ? undefined : playlist.partTargetS !== undefined;
  }

  get ended(): boolean {
    return this.#followers.length > 0 && this.#followers.every((follower) => follower.playlist?.endList === true);
  }

  /** Follows every chosen rendition and makes the experiments. */
  async run(ended: () => void): Promise<void> {
    const [main] = this.#followers;
    if (main === undefined) return;
    const follow = async (): Promise<void> => {
      await Promise.all(this.#followers.map((follower) => follower.follow()));
      if (this.ended) {
        this.#watch.buffer.end(this.#watch.clock.nowMs());
        await runExperiments(this.#watch, main.url, () => main.playlist);
      }
      ended();
    };
    const tests = runDirectiveTests(this.#watch, main.url, () => main.playlist);
    await Promise.all([follow(), tests, ...this.#followers.map((follower) => follower.retain())]);
    await Promise.all(this.#followers.map((follower) => follower.media.closed()));
  }

  /** The rules that need the whole watch. Called once, at its end. */
  finish(atMs: number): void {
    const { checker } = this.#watch;
    for (const follower of this.#followers) follower.finish(atMs);
    const { multivariant, url } = this.#entrance;
    if (multivariant === undefined) return;
    const measured = new Map<string, MeasuredRendition>();
    for (const { url: rendition, media } of this.#followers) {
      measured.set(rendition, {
        url: rendition,
        init: media.init,
        peakBitrate: media.bitrate.peak,
        averageBitrate: media.bitrate.average,
        seconds: media.bitrate.seconds,
        frameRate: media.frameRate,
      });
    }
    checker.multivariant(multivariant, measured, url);
  }

  renditions(): RenditionReport[] {
    return this.#followers.map(({ name, url, media, playlist }) => ({
      name,
      url,
      kind: media.init?.kind ?? "unknown",
      codec: media.init?.codec ?? null,
      width: media.init?.width ?? null,
      height: media.init?.height ?? null,
      frameRate: media.frameRate === undefined ? null : Math.round(media.frameRate * 1000) / 1000,
      targetDurationS: playlist?.targetDurationS ?? null,
      partTargetS: playlist?.partTargetS ?? null,
      segments: media.segments,
      parts: media.partCount,
      gaps: media.gaps,
      frames: media.frames,
      bytes: media.bitrate.bytes,
      peakBitrate: Math.round(media.bitrate.peak),
      averageBitrate: Math.round(media.bitrate.average),
      lastMsn: playlist === undefined ? null : playlist.mediaSequence + playlist.segments.length - 1,
    }));
  }
}
