import { unreachable } from "#faults/fault.ts";
import { BLOCKED_TARGETS_MAX, decideReload, type ReloadDirectives } from "#packaging/hls/blocking-reload.ts";
import { isPlayable } from "#packaging/hls/first-playlist.ts";
import type { BroadcastWindow, Located } from "#packaging/broadcast-window.ts";
import type { Segment, WindowTrack } from "#packaging/window.ts";
import type { HttpContext } from "#runtime/http-server.ts";
import type { Clock } from "#time/clock.ts";
import { badRequest, EXPOSED_HEADERS, gone, notFound, notOnAir, notYet, unavailable } from "./answer.ts";
import type { EdgeMetrics, RequestKind } from "./edge-metrics.ts";
import { GrowingSegments } from "./growing-segment.ts";
import type { KeptBodies } from "./kept-bodies.ts";
import { acceptsGzip } from "./negotiation.ts";
import { Parked, type ParkedTally, type Verdict } from "./parked.ts";
import type { PlaylistBody, PlaylistForm } from "./playlist-body.ts";
import { BroadcastPlaylists } from "./broadcast-playlists.ts";
import type { ServedWindow } from "./ports.ts";
import type { Prepared } from "./prepared.ts";
import type { RequestPath } from "./request-path.ts";
import { Responder } from "./responder.ts";
import { isHarmlessQuery, parsePlaylistQuery } from "./request-query.ts";
import { type ObjectPath, objectTag, parseObjectPath, type ServedObject, ServedObjects } from "./served-objects.ts";
import { ViewerEstimate, type Watching } from "./viewer-estimate.ts";

/** How long a request for the next segment is held before it begins, milliseconds. */
const NEXT_SEGMENT_HOLD_MS = 1_000;

/** The runtime closes connections that are silent for 30 s; longer waits have to ask for more. */
const SILENCE_SECONDS_MAX = 25;

/** Playlist requests remembered between two changes: a few forms of a few tracks; whoever invents queries gains nothing. */
const RECENT_ANSWERS_MAX = 64;

/** A playlist request that was answered since the last change. */
interface RecentAnswer {
  readonly kind: RequestKind;
  /** What it says of viewers; `undefined`: nothing. */
  readonly watching: Watching | undefined;
  plain: Prepared | undefined;
  zipped: Prepared | undefined;
}

/** What all broadcasts of an edge have in common. */
export interface Surroundings {
  readonly clock: Clock;
  readonly metrics: EdgeMetrics;
  readonly kept: KeptBodies;
  readonly tally: ParkedTally;
  /** Requests parked in all broadcasts together before new ones are refused. */
  readonly parkedMax: number;
  /** Hears of each request refused because of {@link parkedMax}. */
  overloaded(stream: string): void;
}

/** One request, read as far as its path. */
export interface Asked {
  readonly request: Request;
  readonly path: RequestPath;
  readonly isHead: boolean;
  readonly context: HttpContext;
}

const NO_DIRECTIVES: ReloadDirectives = {};

/** A broadcast as the edge serves it: everything that is prepared of it, and everybody who waits for it. No state per viewer. */
export class ServedBroadcast {
  readonly source: ServedWindow;
  readonly estimate: ViewerEstimate;
  readonly #window: BroadcastWindow;
  readonly #around: Surroundings;
  readonly #playlists: BroadcastPlaylists;
  readonly #objects: ServedObjects;
  readonly #parked: Parked;
  readonly #growing = new GrowingSegments();
  readonly #responder: Responder;
  /** Playlist requests answered since the last change, by everything of their URL after the stream: the same again takes one look-up. */
  readonly #recent = new Map<string, RecentAnswer>();
  readonly #stopListening: () => void;
  /** Longest time a playlist request is parked. */
  readonly #blockedMs: number;
  #published = false;

  constructor(source: ServedWindow, around: Surroundings) {
    this.source = source;
    this.#window = source.window;
    this.#around = around;
    this.#playlists = new BroadcastPlaylists(source.window);
    this.#objects = new ServedObjects(source.window, around.kept);
    this.#parked = new Parked(around.tally);
    this.#responder = new Responder(around.metrics, around.clock);
    this.estimate = new ViewerEstimate(around.clock.nowMs());
    this.#blockedMs = BLOCKED_TARGETS_MAX * source.window.parameters.targetDurationSeconds * 1_000;
    this.#stopListening = source.onChange(() => this.#changed());
  }

  /** Requests waiting now. */
  get parked(): number {
    return this.#parked.count;
  }

  /** Responses of growing segments under way. */
  get growing(): number {
    return this.#growing.count;
  }

  /** Answers a GET that was answered before and still means the same, by its URL after the stream; `undefined` for all others. */
  again(target: string, request: Request): Response | undefined {
    const recent = this.#recent.get(target);
    if (recent === undefined) {
      const object = this.#objects.get(target);
      return object === undefined ? undefined : this.#serveObject(object, request, false);
    }
    const prepared = acceptsGzip(request.headers.get("accept-encoding")) ? recent.zipped : recent.plain;
    if (prepared === undefined) return undefined;
    if (recent.watching !== undefined) this.estimate.asked(recent.watching);
    return this.#responder.send(prepared, recent.kind, request, false);
  }

  /** Answers a request for anything of this broadcast. */
  answer(asked: Asked): Response | Promise<Response> {
    const { rest, query } = asked.path;
    const object = this.#objects.get(rest);
    if (object !== undefined && query === undefined) return this.#serveObject(object, asked.request, asked.isHead);
    const playlist = this.#playlists.find(rest);
    if (playlist !== undefined) return this.#answerPlaylist(playlist, asked);
    if (!isHarmlessQuery(query)) return this.#responder.refuse("other", badRequest("objects take no query"));
    const path = parseObjectPath(rest);
    if (path === undefined) return this.#responder.refuse("other", notFound());
    return this.#answerObject(path, asked);
  }

  /** Whether a name of this broadcast's timeline is meant: for an older broadcast of the same stream. */
  owns(path: RequestPath): boolean {
    const object = parseObjectPath(path.rest);
    if (object === undefined) return false;
    return object.name.kind === "init"
      ? this.#objects.locate(object).state === "ready"
      : object.name.timelineId === this.#window.timelineId;
  }

  /** Called a few times a second: ends waits whose time is up. */
  expire(nowMs: number): void {
    this.#parked.expire(nowMs);
    this.#growing.expire(nowMs);
    this.estimate.tick(nowMs);
  }

  /** Called every few seconds: lets go of what the window has let go. */
  sweep(): void {
    this.#objects.sweep();
  }

  /** Answers everybody who waits and forgets everything. */
  close(refuse: () => Response): void {
    this.#stopListening();
    this.#parked.refuseAll(refuse);
    this.#growing.cutAll();
    this.#objects.clear();
  }

  #changed(): void {
    if (this.source.gone) {
      this.close(notOnAir);
      return;
    }
    this.#playlists.forget();
    this.#recent.clear();
    if (this.#parked.count > 0) {
      const answered = this.#parked.settle();
      if (answered > 0) this.#around.metrics.released(answered, this.#around.clock.nowMs() - this.source.changedAtMs);
    }
    this.#growing.advance();
  }

  // ── playlists ──

  #answerPlaylist(playlist: PlaylistBody, asked: Asked): Response | Promise<Response> {
    const { rest, query } = asked.path;
    const directives = query === undefined ? NO_DIRECTIVES : parsePlaylistQuery(query);
    if ("kind" in directives) return this.#responder.refuse(playlist.kind, badRequest(directives.reason));
    const form: PlaylistForm = {
      gzip: acceptsGzip(asked.request.headers.get("accept-encoding")),
      blocking: playlist.kind === "playlist" && directives.msn !== undefined,
      skip: playlist.kind === "playlist" ? directives.skip : undefined,
    };
    const watching = this.#watching(playlist, rest, form);
    if (watching !== undefined) this.estimate.asked(watching);
    const verdict = this.#judge(playlist, rest, directives, form);
    if (verdict === undefined) return this.#parkPlaylist(playlist, directives, form, asked);
    if ("each" in verdict) return this.#responder.refuse(playlist.kind, verdict.each());
    this.#remember(asked.path, playlist.kind, watching, verdict.prepared, form);
    return this.#responder.send(verdict.prepared, playlist.kind, asked.request, asked.isHead);
  }

  /** The answer to a playlist request as of now; `undefined` when it has to wait. */
  #judge(playlist: PlaylistBody, rest: string, directives: ReloadDirectives, form: PlaylistForm): Verdict | undefined {
    this.#published ||= isPlayable(this.#window);
    if (!this.#published) return undefined;
    if (playlist.kind === "playlist") {
      const track = this.#playlists.trackOf(rest);
      if (track === undefined) return { each: notFound };
      if (!hasMedia(track)) return undefined;
      const decision = decideReload(this.#window, track, directives);
      if (decision.kind === "bad-request") return { each: () => badRequest(decision.reason) };
      if (decision.kind === "wait-for") return undefined;
    }
    return { prepared: playlist.prepared(form) };
  }

  #parkPlaylist(
    playlist: PlaylistBody,
    directives: ReloadDirectives,
    form: PlaylistForm,
    asked: Asked,
  ): Response | Promise<Response> {
    const { rest } = asked.path;
    const { msn, part } = directives;
    const starting = !this.#published;
    // Equal requests are answered together; whatever changes a byte of the answer is part of the key.
    const key = `${rest}|${msn ?? ""}|${part ?? ""}|${form.skip ?? ""}|${form.gzip ? "z" : ""}|${asked.isHead ? "h" : ""}`;
    return this.#park(asked, playlist.kind, {
      key,
      holdMs: this.#blockedMs,
      attempt: () => this.#judge(playlist, rest, directives, form),
      expired: () => (starting ? notOnAir() : unavailable("the media this request waits for did not come", 1)),
    });
  }

  /** What a request for this playlist says of viewers. */
  #watching(playlist: PlaylistBody, rest: string, form: PlaylistForm): Watching | undefined {
    const { segmentDurationMicros, partTargetMicros } = this.#window.parameters;
    if (playlist.kind === "mpd") return { medium: "all", everyMs: segmentDurationMicros / 1_000 };
    const track = playlist.kind === "playlist" ? this.#playlists.trackOf(rest) : undefined;
    if (track === undefined) return undefined;
    return {
      medium: track.track.config.kind,
      everyMs: (form.blocking ? partTargetMicros : segmentDurationMicros) / 1_000,
    };
  }

  #remember(
    path: RequestPath,
    kind: RequestKind,
    watching: Watching | undefined,
    prepared: Prepared,
    form: PlaylistForm,
  ): void {
    const target = path.query === undefined ? path.rest : `${path.rest}?${path.query}`;
    let recent = this.#recent.get(target);
    if (recent === undefined) {
      if (this.#recent.size >= RECENT_ANSWERS_MAX) return;
      recent = { kind, watching, plain: undefined, zipped: undefined };
      this.#recent.set(target, recent);
    }
    if (form.gzip) recent.zipped = prepared;
    else recent.plain = prepared;
  }

  // ── objects ──

  #answerObject(path: ObjectPath, asked: Asked): Response | Promise<Response> {
    const { rest } = asked.path;
    const { kind } = path.name;
    const verdict = this.#judgeObject(rest, path, this.#objects.locate(path), false, asked.isHead);
    if (verdict === undefined) {
      // A part that was hinted is held until it is whole; a segment that has not begun only until it could have.
      const holdMs = kind === "part" ? this.#blockedMs : NEXT_SEGMENT_HOLD_MS;
      return this.#park(asked, kind, {
        key: `${rest}${asked.isHead ? "|h" : ""}`,
        holdMs,
        attempt: () => this.#judgeObject(rest, path, this.#objects.locate(path), true, asked.isHead),
        expired: notYet,
      });
    }
    if ("each" in verdict) return this.#responder.refuse(kind, verdict.each());
    return this.#serveObject({ prepared: verdict.prepared, kind, path }, asked.request, asked.isHead);
  }

  #judgeObject(
    rest: string,
    path: ObjectPath,
    located: Located,
    wasExpected: boolean,
    isHead: boolean,
  ): Verdict | undefined {
    switch (located.state) {
      case "ready":
        return { prepared: (this.#objects.get(rest) ?? this.#objects.admit(rest, path, located.bytes)).prepared };
      case "growing":
        return { each: () => this.#growingResponse(rest, path.track, located.segment, isHead) };
      case "expected":
        return undefined;
      case "future":
        return { each: notYet };
      case "gone":
        return { each: gone };
      case "absent":
        // A hinted part that never came: the segment ended before it.
        return { each: wasExpected ? notYet : notFound };
      default:
        return unreachable(located);
    }
  }

  #growingResponse(rest: string, track: string, segment: Segment, isHead: boolean): Response {
    const headers = {
      "content-type": this.#objects.contentType(track),
      "cache-control": "public, max-age=31536000, immutable",
      etag: objectTag(rest),
      "access-control-allow-origin": "*",
      "access-control-expose-headers": EXPOSED_HEADERS,
    };
    return new Response(isHead ? null : this.#growing.open(segment), { headers });
  }

  #serveObject(object: ServedObject, request: Request, isHead: boolean): Response {
    const response = this.#responder.send(object.prepared, object.kind, request, isHead);
    this.#objects.account(object.prepared);
    return response;
  }

  #park(
    asked: Asked,
    kind: RequestKind,
    wait: { key: string; holdMs: number; attempt: () => Verdict | undefined; expired: () => Response },
  ): Response | Promise<Response> {
    const { clock, metrics, tally, parkedMax } = this.#around;
    if (tally.count >= parkedMax) {
      this.#around.overloaded(this.source.stream);
      return this.#responder.refuse(kind, unavailable("too many requests are waiting", 1));
    }
    if (wait.holdMs > SILENCE_SECONDS_MAX * 1_000) asked.context.allowSilence(Math.ceil(wait.holdMs / 1_000) + 5);
    return this.#parked.park(wait.key, {
      deadlineMs: clock.nowMs() + wait.holdMs,
      signal: asked.request.signal,
      ...(asked.isHead ? { headAt: () => clock.wallMs() } : {}),
      attempt: wait.attempt,
      expired: wait.expired,
      told: (status, sizeBytes) => metrics.count(kind, status, sizeBytes),
    });
  }
}

/** Whether a track has something to list: a whole segment, or the broadcast is published before its first one is. */
function hasMedia(track: WindowTrack): boolean {
  return track.segments.length > 0;
}
