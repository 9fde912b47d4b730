import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Checker } from "#probe/conformance/checker.ts";
import type { Exchange, ExchangeKind } from "#probe/conformance/rule.ts";
import type { Figures } from "#probe/figures.ts";
import { PlaylistError } from "#probe/hls/attribute-list.ts";
import type { ByteRange, MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { parseMediaPlaylist } from "#probe/hls/parse-media-playlist.ts";
import type { HttpAnswer, HttpClient } from "#probe/http/client.ts";
import type { LagMeter } from "#probe/lag-meter.ts";
import type { PlaybackBuffer } from "#probe/playback-buffer.ts";
import type { Clock } from "#time/clock.ts";

/** Allowance for the network and both machines when a deadline is judged, in milliseconds. */
const SLACK_MS = 100;
/** The same as a share of the period that is judged. */
const SLACK_SHARE = 0.2;

/** What everything in one strict viewer works with. */
export interface Watch {
  readonly clock: Clock;
  readonly client: HttpClient;
  readonly checker: Checker;
  readonly figures: Figures;
  readonly lag: LagMeter;
  readonly buffer: PlaybackBuffer;
  readonly observer: Observer;
  readonly signal: AbortSignal;
  /** Follow parts and delivery directives where the server offers them. */
  readonly lowLatency: boolean;
}

/** What {@link ask} may be told. */
export interface AskOptions {
  readonly known?: MediaPlaylist | undefined;
  readonly asked?: Exchange["asked"];
  readonly range?: ByteRange | undefined;
  readonly keepBody?: boolean;
  readonly sameBytes?: (answer: HttpAnswer) => boolean;
  /** Default true. Otherwise the caller judges the exchange. */
  readonly judge?: boolean;
  readonly timeoutMs?: number;
}

/** An answer with what was made of it. */
export interface Asked {
  readonly http: HttpAnswer;
  readonly exchange: Exchange;
  readonly playlist: MediaPlaylist | undefined;
}

const PLAYLIST_KINDS: ReadonlySet<ExchangeKind> = new Set([
  "playlist",
  "blocking",
  "skip",
  "stale",
  "part-past-segment",
  "part-too-far",
  "msn-too-far",
  "after-end",
]);

/** Waits; `false` when the watch ended meanwhile. */
export async function pause(watch: Watch, ms: number): Promise<boolean> {
  try {
    await watch.clock.sleep(Math.max(0, ms), watch.signal);
  } catch {
    return false;
  }
  return !watch.signal.aborted;
}

/** How late something due within `periodMs` may be seen without blaming the server, given when the period began. */
export function slackMs(watch: Watch, periodMs: number, sinceMs: number): number {
  // A late wake-up delays the question and the answer.
  return Math.max(SLACK_MS, periodMs * SLACK_SHARE) + 2 * watch.lag.sinceMs(sinceMs);
}

/** The URL with delivery directives, in the order of §6.2.5's canonical form. */
export function withDirectives(url: string, directives: Readonly<Record<string, string | number | undefined>>): string {
  const query = Object.entries(directives)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  if (query === "") return url;
  return `${url}${url.includes("?") ? "&" : "?"}${query}`;
}

/**
 * One request, judged by the rules of its kind, with its playlist parsed when it is one.
 * `undefined` when no answer came: that is reported, or the watch is over.
 */
export async function ask(
  watch: Watch,
  kind: ExchangeKind,
  url: string,
  options: AskOptions = {},
): Promise<Asked | undefined> {
  const { checker, client, figures } = watch;
  let http: HttpAnswer;
  try {
    http = await client.get(url, {
      range: options.range,
      keepBody: options.keepBody ?? true,
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
    checker.event("http-valid", url);
  } catch (error) {
    if (watch.signal.aborted) return undefined;
    const text = error instanceof Fault ? error.message : String(error);
    checker.event("http-valid", url, text);
    return undefined;
  }
  const heldMs = http.endAtMs - http.sentAtMs;
  if (kind === "blocking" || kind === "hint") figures.blockingMs.record(heldMs);
  else figures.requestMs.record(heldMs);
  let playlist: MediaPlaylist | undefined;
  if (http.status === 200 && PLAYLIST_KINDS.has(kind)) {
    playlist = readPlaylist(watch, url, http.body);
    if (playlist === undefined) return undefined;
  }
  const exchange: Exchange = {
    kind,
    url,
    status: http.status,
    headers: http.headers,
    sizeBytes: http.sizeBytes,
    heldMs,
    bodyMs: Math.max(0, http.endAtMs - http.headAtMs - watch.lag.sinceMs(http.headAtMs)),
    asked: options.asked,
    answer: playlist,
    known: options.known,
    sameBytes: options.sameBytes?.(http),
  };
  if (options.judge !== false) checker.exchange(exchange);
  return { http, exchange, playlist };
}

/** Parses a playlist's bytes; breaches of the syntax are reported and give `undefined`. */
export function readPlaylist(watch: Watch, url: string, body: Uint8Array): MediaPlaylist | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    const playlist = parseMediaPlaylist(text);
    watch.checker.event("playlist-valid", url);
    return playlist;
  } catch (error) {
    const at = error instanceof PlaylistError ? ` (${error.at})` : "";
    const text = error instanceof PlaylistError ? error.message : "the playlist is not UTF-8";
    watch.checker.event("playlist-valid", url, `${text}${at}`);
    return undefined;
  }
}
