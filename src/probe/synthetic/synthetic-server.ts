import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Clock } from "#time/clock.ts";
import { syntheticManifest } from "./synthetic-manifest.ts";
import {
  SYNTHETIC_PART_MS,
  SYNTHETIC_PARTS_PER_SEGMENT,
  type SyntheticOptions,
  SyntheticPresentation,
} from "./synthetic-presentation.ts";

/** Part index beyond the newest one that is refused: 3 s of parts. */
const ADVANCE_PARTS = 15;

/** A running synthetic origin. */
export interface SyntheticServer {
  /** URL of the multivariant playlist. */
  readonly url: string;
  /** URL of the DASH manifest. */
  readonly manifestUrl: string;
  readonly presentation: SyntheticPresentation;
  /** Requests received and answers given: when it stands still, everybody waits for time. */
  readonly activity: number;
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array | string;
  readonly maxAgeS: number;
}

const NOT_FOUND: Reply = { status: 404, type: "text/plain", body: "not found\n", maxAgeS: 1 };
const BAD_REQUEST: Reply = { status: 400, type: "text/plain", body: "bad request\n", maxAgeS: 0 };

/** Answers requests for one presentation as a conforming low-latency origin does, but for its planted faults. */
class SyntheticOrigin {
  readonly #presentation: SyntheticPresentation;
  readonly #clock: Clock;
  readonly #served = new Map<string, number>();
  activity = 0;
  readonly #closed: AbortSignal;

  constructor(presentation: SyntheticPresentation, clock: Clock, closed: AbortSignal) {
    this.#presentation = presentation;
    this.#clock = clock;
    this.#closed = closed;
  }

  get #count(): number {
    return this.#presentation.availableParts(this.#clock.nowMs());
  }

  /** Waits for a moment; `false` when it is further away than `atMostMs`, after having waited that long. */
  async #until(dueMs: number, atMostMs: number): Promise<boolean> {
    const waitMs = dueMs - this.#clock.nowMs();
    if (waitMs <= 0) return true;
    try {
      await this.#clock.sleep(Math.min(waitMs, atMostMs), this.#closed);
    } catch {
      return false;
    }
    return waitMs <= atMostMs;
  }

  async reply(target: string): Promise<Reply> {
    const url = new URL(target, "http://origin");
    const [, name = "", file = ""] = url.pathname.split("/");
    const type = name === "audio" ? "audio/mp4" : "video/mp4";
    if (name === "index.m3u8") return this.#playlist(this.#presentation.multivariant(), 1);
    if (name === "manifest.mpd") {
      const body = syntheticManifest(this.#presentation, this.#count);
      return { status: 200, type: "application/dash+xml", body, maxAgeS: 1 };
    }
    if (name === "time") {
      return { status: 200, type: "text/plain", body: new Date(this.#clock.wallMs()).toISOString(), maxAgeS: 0 };
    }
    if (name !== "video" && name !== "audio") return NOT_FOUND;
    if (file === "index.m3u8") return this.#media(name, url.searchParams);
    if (file === "init.mp4") return { status: 200, type, body: this.#presentation.init(name), maxAgeS: 86_400 };
    const part = /^(?:wrong-)?(\d+)\.(\d)\.m4s$/.exec(file);
    if (part !== null) return this.#part(name, Number(part[1]), Number(part[2]));
    const segment = /^(?:other-)?(\d+)\.m4s$/.exec(file);
    if (segment !== null) return this.#segment(name, Number(segment[1]));
    if (this.#presentation.faults.unknownIsOk) return { status: 200, type, body: "", maxAgeS: 0 };
    return NOT_FOUND;
  }

  #playlist(body: string, maxAgeS: number): Reply {
    return { status: 200, type: "application/vnd.apple.mpegurl", body, maxAgeS };
  }

  async #media(name: string, query: URLSearchParams): Promise<Reply> {
    const { faults } = this.#presentation;
    const skip = query.has("_HLS_skip");
    const [msn, part] = [query.get("_HLS_msn"), query.get("_HLS_part")];
    if (msn === null && part !== null && !faults.partWithoutMsnAccepted) return BAD_REQUEST;
    let count = this.#count;
    if (msn !== null && !this.#presentation.ended(count) && this.#presentation.parts) {
      const wanted = Number(msn);
      const { lastMsn, openParts } = this.#presentation.edge(count);
      if (faults.staleMsnRefused && wanted < this.#presentation.firstMsn(count)) return BAD_REQUEST;
      const tooFar = wanted > lastMsn + 2 || (wanted === lastMsn + 1 && Number(part ?? 0) > openParts + ADVANCE_PARTS);
      if (tooFar && !faults.absurdMsnAccepted) return BAD_REQUEST;
      const index = part === null ? SYNTHETIC_PARTS_PER_SEGMENT - 1 : Number(part);
      const needed = this.#presentation.firstPart(wanted) + Math.min(index, SYNTHETIC_PARTS_PER_SEGMENT) + 1;
      const early = this.#presentation.reached(faults.blockingAnswersEarly, count);
      const dueMs = Math.min(this.#presentation.availableAtMs(needed - 1), this.#presentation.endsAtMs);
      if (!tooFar && !early && !(await this.#until(dueMs, 3_000))) return { ...NOT_FOUND, status: 503 };
      count = this.#count;
    }
    return this.#playlist(this.#presentation.mediaPlaylist(name, count, skip), msn === null ? 1 : 6);
  }

  async #part(name: string, msn: number, index: number): Promise<Reply> {
    const number = this.#presentation.firstPart(msn) + index;
    if (number > this.#count + 1 || number < 0) return NOT_FOUND;
    const { faults } = this.#presentation;
    if (faults.partsForgotten && number < this.#count - 6 * SYNTHETIC_PARTS_PER_SEGMENT) return NOT_FOUND;
    if (!(await this.#until(this.#presentation.availableAtMs(number), 20 * SYNTHETIC_PART_MS))) return NOT_FOUND;
    const type = name === "audio" ? "audio/mp4" : "video/mp4";
    return { status: 200, type, body: this.#presentation.part(name, number), maxAgeS: 86_400 };
  }

  #segment(name: string, msn: number): Reply {
    const { faults } = this.#presentation;
    const count = this.#count;
    if (msn > this.#presentation.edge(count).lastMsn) return NOT_FOUND;
    if (faults.segmentsForgotten && msn < this.#presentation.firstMsn(count)) return NOT_FOUND;
    const body = this.#presentation.segment(name, msn);
    const key = `${name} ${msn}`;
    const served = (this.#served.get(key) ?? 0) + 1;
    this.#served.set(key, served);
    if (faults.segmentMutates && served > 1) body[body.byteLength - 1] = 0xee;
    return { status: 200, type: name === "audio" ? "audio/mp4" : "video/mp4", body, maxAgeS: 86_400 };
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.activity++;
    const { status, type, body, maxAgeS } = await this.reply(request.url ?? "/");
    this.activity++;
    response.statusCode = status;
    response.setHeader("Content-Type", type);
    response.setHeader("Cache-Control", `max-age=${maxAgeS}`);
    let bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const gzip = type.includes("mpegurl") && !this.#presentation.faults.noGzip;
    if (gzip && request.headers["accept-encoding"]?.includes("gzip")) {
      bytes = new Uint8Array(gzipSync(bytes));
      response.setHeader("Content-Encoding", "gzip");
    }
    if (type.includes("mpegurl")) response.setHeader("Vary", "Accept-Encoding");
    response.end(bytes);
  }
}

/** Starts an origin of a synthetic presentation on a port of the system's choice. */
export async function startSyntheticServer(options: SyntheticOptions & { clock: Clock }): Promise<SyntheticServer> {
  const { clock } = options;
  const presentation = new SyntheticPresentation({ ...options, startMs: clock.nowMs(), startWallMs: clock.wallMs() });
  const closed = new AbortController();
  const origin = new SyntheticOrigin(presentation, clock, closed.signal);
  const server = createServer((request, response) => void origin.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/index.m3u8`,
    manifestUrl: `http://127.0.0.1:${port}/manifest.mpd`,
    presentation,
    get activity() {
      return origin.activity;
    },
    close: () =>
      new Promise((resolve) => {
        closed.abort();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
