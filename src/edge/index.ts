import type { Role } from "#flow/role.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { HttpContext } from "#runtime/http-server.ts";
import type { Clock } from "#time/clock.ts";
import { badRequest, EXPOSED_HEADERS, methodNotAllowed, notFound, notOnAir, preflight, unavailable } from "./answer.ts";
import { EdgeMetrics } from "./edge-metrics.ts";
import { KEPT_BODIES_BYTES_MAX, KeptBodies } from "./kept-bodies.ts";
import type { ParkedTally } from "./parked.ts";
import type { PictureSource, ServedWindow, WindowSource } from "./ports.ts";
import { Pictures } from "./pictures.ts";
import { LIVE_PREFIX, parsePath, parsePictureName, pathStart, type RequestPath } from "./request-path.ts";
import { Responder } from "./responder.ts";
import { ServedBroadcast, type Surroundings } from "./served-broadcast.ts";

/** Requests parked in all broadcasts together before new ones are refused with 503. About 4 kB each. */
export const PARKED_REQUESTS_MAX = 30_000;

/** How often waits are looked at, milliseconds. */
const TICK_MS = 250;
/** Ticks between two sweeps of prepared objects. */
const SWEEP_TICKS = 20;

/** An overload is told at most this often, milliseconds. */
const OVERLOAD_REPORT_MS = 1_000;

/** Last element of the path of the clock that DASH players set theirs by: `/time`, and `/live/time` where a proxy passes on `/live/` only. */
const CLOCK_NAME = "time";

const NO_PICTURES: PictureSource = { poster: () => undefined, storyboard: () => undefined, still: () => undefined };

/** Whether the path is `/time`, with or without a query. */
function isClock(url: string, start: number): boolean {
  const end = start + 1 + CLOCK_NAME.length;
  return url.startsWith(CLOCK_NAME, start + 1) && (end === url.length || url.charCodeAt(end) === 63);
}

/** What {@link startEdge} needs. */
export interface EdgeOptions {
  readonly source: WindowSource;
  /** Posters and the stills of storyboards. Absent: no stream has a picture. */
  readonly posters?: PictureSource;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly limits?: {
    /** Default {@link PARKED_REQUESTS_MAX}. */
    readonly parkedRequests?: number;
    /** Default {@link KEPT_BODIES_BYTES_MAX}. */
    readonly keptBytes?: number;
  };
}

/** Serves live windows over HTTP. */
export interface Edge extends Role {
  /** Answers a request for anything below `/live/`, and for `/time`; `undefined` for other paths. */
  handle(request: Request, context: HttpContext): Response | Promise<Response> | undefined;
  /** How many watch a stream, as estimated from playlist requests. */
  viewers(stream: string): number;
  /** Requests waiting for media now. */
  readonly parked: number;
}

class RunningEdge implements Edge {
  readonly closed: Promise<Error | null>;
  readonly #options: EdgeOptions;
  readonly #around: Surroundings;
  readonly #tally: ParkedTally = { count: 0 };
  readonly #pictures: Pictures;
  readonly #broadcasts = new Map<ServedWindow, ServedBroadcast>();
  readonly #removeViewerGauges = new Map<ServedWindow, () => void>();
  readonly #removeGauges: (() => void)[];
  readonly #abort = new AbortController();
  #refusedSinceTold = 0;
  #tellAgainMs = 0;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const kept = new KeptBodies(options.limits?.keptBytes ?? KEPT_BODIES_BYTES_MAX);
    const metrics = new EdgeMetrics(options.metrics);
    this.#around = {
      clock: options.clock,
      metrics,
      kept,
      tally: this.#tally,
      parkedMax: options.limits?.parkedRequests ?? PARKED_REQUESTS_MAX,
      overloaded: (stream) => this.#overloaded(stream),
    };
    this.#pictures = new Pictures(options.posters ?? NO_PICTURES, new Responder(metrics, options.clock));
    const growing = (): number => [...this.#broadcasts.values()].reduce((sum, each) => sum + each.growing, 0);
    this.#removeGauges = [
      metrics.gauge("grandstand_edge_parked_requests", "Requests waiting for media.", () => this.#tally.count),
      metrics.gauge("grandstand_edge_growing_responses", "Responses of segments that are still growing.", growing),
      metrics.gauge("grandstand_edge_kept_bytes", "Bytes of response bodies kept for crowds.", () => kept.sizeBytes),
    ];
    this.closed = this.#run();
  }

  get parked(): number {
    return this.#tally.count;
  }

  viewers(stream: string): number {
    const window = this.#options.source.windows(stream)[0];
    return window === undefined ? 0 : (this.#broadcasts.get(window)?.estimate.viewers ?? 0);
  }

  handle(request: Request, context: HttpContext): Response | Promise<Response> | undefined {
    const { url } = request;
    const start = pathStart(url);
    if (!url.startsWith(LIVE_PREFIX, start)) return isClock(url, start) ? this.#clock(request) : undefined;
    if (this.#abort.signal.aborted) return unavailable("the server is closing", 1);
    const { method } = request;
    if (method === "GET") {
      const response = this.#again(url, start + LIVE_PREFIX.length, request);
      if (response !== undefined) return response;
    }
    const isHead = method === "HEAD";
    if (!isHead && method !== "GET") return this.#other(method === "OPTIONS" ? preflight() : methodNotAllowed());
    const path = parsePath(url, start);
    if (path === undefined) return this.#other(badRequest("the path or the query is too long"));
    if (path.rest === "") return path.stream === CLOCK_NAME ? this.#time(isHead) : this.#other(notFound());
    const picture = parsePictureName(path.rest);
    if (picture !== undefined) return this.#pictures.answer(picture, path, request, isHead);
    const window = this.#choose(path);
    if (window === undefined) return this.#other(notOnAir());
    return this.#broadcast(window).answer({ request, path, isHead, context });
  }

  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) this.#abort.abort(new Error("the edge closes"));
    await this.closed;
  }

  /** The quick way for what was answered before: nothing is taken apart but the stream's name. */
  #again(url: string, from: number, request: Request): Response | undefined {
    const slash = url.indexOf("/", from);
    if (slash < 0) return undefined;
    const window = this.#options.source.windows(url.substring(from, slash))[0];
    if (window === undefined) return undefined;
    return this.#broadcasts.get(window)?.again(url.substring(slash + 1), request);
  }

  /** The newest broadcast of the stream, or an older one that a media object names. */
  #choose(path: RequestPath): ServedWindow | undefined {
    const windows = this.#options.source.windows(path.stream);
    if (windows.length > 1) {
      for (const window of windows) if (this.#broadcast(window).owns(path)) return window;
    }
    return windows[0];
  }

  #broadcast(window: ServedWindow): ServedBroadcast {
    let broadcast = this.#broadcasts.get(window);
    if (broadcast === undefined) {
      broadcast = new ServedBroadcast(window, this.#around);
      const { estimate } = broadcast;
      this.#broadcasts.set(window, broadcast);
      this.#removeViewerGauges.set(
        window,
        this.#around.metrics.gauge(
          "grandstand_edge_viewers",
          "Viewers, estimated from the playlist requests of the last ten seconds.",
          () => estimate.viewers,
          { stream: window.stream, timeline: window.window.timelineId },
        ),
      );
    }
    return broadcast;
  }

  #forget(window: ServedWindow): void {
    this.#broadcasts.delete(window);
    this.#removeViewerGauges.get(window)?.();
    this.#removeViewerGauges.delete(window);
  }

  #overloaded(stream: string): void {
    const { clock, observer } = this.#options;
    const nowMs = clock.nowMs();
    this.#refusedSinceTold++;
    if (nowMs < this.#tellAgainMs) return;
    this.#tellAgainMs = nowMs + OVERLOAD_REPORT_MS;
    const fields = { stream, parked: this.#tally.count, refused: this.#refusedSinceTold };
    observer.event(
      "warn",
      "edge.parked.full",
      fields,
      "Too many requests wait for media; new ones are refused with 503",
    );
    this.#refusedSinceTold = 0;
  }

  #clock(request: Request): Response {
    const { method } = request;
    if (method === "OPTIONS") return this.#other(preflight());
    if (method !== "GET" && method !== "HEAD") return this.#other(methodNotAllowed());
    return this.#time(method === "HEAD");
  }

  #time(isHead: boolean): Response {
    const wallMs = this.#options.clock.wallMs();
    const now = new Date(wallMs);
    this.#around.metrics.count("time", 200, 0);
    return new Response(isHead ? null : now.toISOString(), {
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": EXPOSED_HEADERS,
        date: now.toUTCString(),
      },
    });
  }

  #other(response: Response): Response {
    this.#around.metrics.count("other", response.status, 0);
    return response;
  }

  async #run(): Promise<Error | null> {
    const { clock } = this.#options;
    const { signal } = this.#abort;
    let failure: Error | null = null;
    try {
      for (let tick = 0; !signal.aborted; tick++) {
        await clock.sleep(TICK_MS, signal);
        const nowMs = clock.nowMs();
        for (const [window, broadcast] of this.#broadcasts) {
          if (window.gone) this.#forget(window);
          else {
            broadcast.expire(nowMs);
            if (tick % SWEEP_TICKS === 0) broadcast.sweep();
          }
        }
      }
    } catch (error) {
      if (!signal.aborted) failure = error instanceof Error ? error : new Error(String(error));
    }
    const refuse = (): Response => unavailable("the server is closing", 1);
    for (const [window, broadcast] of this.#broadcasts) {
      broadcast.close(refuse);
      this.#forget(window);
    }
    for (const remove of this.#removeGauges) remove();
    return failure;
  }
}

/** Starts the edge: everything below `/live/`, from the windows of `source`. It listens to nothing itself; requests are given to {@link Edge.handle}. */
export function startEdge(options: EdgeOptions): Promise<Edge> {
  return Promise.try(() => new RunningEdge(options));
}
