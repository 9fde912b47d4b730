import { Fault } from "#faults/fault.ts";
import { parseDateMs } from "#probe/hls/parse-media-playlist.ts";
import type { HttpAnswer } from "#probe/http/client.ts";
import type { RenditionReport } from "#probe/report.ts";
import { ask, pause, type Watch } from "#probe/viewer/watch.ts";
import { DashTrack } from "./dash-track.ts";
import { type Mpd, parseMpd, type Representation } from "./mpd.ts";

/** Shortest wait between two manifests, in milliseconds: `minimumUpdatePeriod="PT0S"` means "each segment". */
const UPDATE_MS_MIN = 500;
/** Wait when a manifest says no period. */
const UPDATE_MS_DEFAULT = 2_000;

function best(representations: readonly Representation[]): Representation | undefined {
  return representations.reduce<Representation | undefined>(
    (a, b) => (a === undefined || b.bandwidth > a.bandwidth ? b : a),
    undefined,
  );
}

/** Watches a live DASH presentation: manifest in time, segments in order, clock by UTCTiming. */
export class DashViewer {
  readonly #watch: Watch;
  readonly #url: string;
  readonly #all: boolean;
  readonly #tracks = new Map<string, DashTrack>();
  #first: HttpAnswer | undefined;
  #mpd: Mpd | undefined;
  #clockOffsetMs = 0;
  /** DASH knows no parts. */
  readonly hasParts: boolean | undefined = false;

  constructor(watch: Watch, first: HttpAnswer, options: { allRenditions: boolean }) {
    this.#watch = watch;
    this.#first = first;
    this.#url = first.url;
    this.#all = options.allRenditions;
  }

  get ended(): boolean {
    return this.#mpd !== undefined && !this.#mpd.dynamic;
  }

  /** Follows until the presentation or the watch ends. */
  async run(ended: () => void): Promise<void> {
    const { clock, signal } = this.#watch;
    while (!signal.aborted) {
      const startedMs = clock.nowMs();
      const mpd = await this.#update();
      if (mpd !== undefined) {
        if (this.#tracks.size === 0) await this.#begin(mpd);
        const nowWallMs = clock.wallMs() + this.#clockOffsetMs;
        await Promise.all([...this.#tracks.values()].map((track) => track.follow(mpd, nowWallMs)));
      }
      if (this.ended) break;
      const period = this.#mpd?.minimumUpdatePeriodS;
      const periodMs = period === undefined ? UPDATE_MS_DEFAULT : Math.max(UPDATE_MS_MIN, period * 1000);
      if (!(await pause(this.#watch, startedMs + periodMs - clock.nowMs()))) break;
    }
    if (this.ended) this.#watch.buffer.end(clock.nowMs());
    ended();
  }

  async #update(): Promise<Mpd | undefined> {
    const { checker, figures } = this.#watch;
    let answer = this.#first;
    this.#first = undefined;
    answer ??= (await ask(this.#watch, "manifest", this.#url, { judge: false }))?.http;
    if (answer === undefined) return undefined;
    figures.playlistAtMs ??= answer.endAtMs;
    const type = (answer.headers.get("content-type") ?? "").split(";")[0]?.trim();
    const problem =
      answer.status !== 200
        ? `answered ${answer.status}`
        : type === "application/dash+xml"
          ? undefined
          : `Content-Type is ${type}, not application/dash+xml`;
    checker.event("dash-manifest-valid", this.#url, problem);
    if (answer.status !== 200) return undefined;
    try {
      const mpd = parseMpd(new TextDecoder().decode(answer.body));
      checker.mpd(mpd, this.#mpd, this.#url);
      this.#mpd = mpd;
      return mpd;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      checker.event("dash-manifest-valid", this.#url, `${error.message} (${error.at})`);
      return undefined;
    }
  }

  async #begin(mpd: Mpd): Promise<void> {
    await this.#synchronise(mpd);
    const representations = mpd.periods.at(-1)?.representations ?? [];
    const kinds = ["video", "audio"];
    const chosen = this.#all
      ? representations
      : kinds.flatMap((kind) => best(representations.filter((r) => r.contentType === kind)) ?? []);
    for (const representation of chosen) {
      const kind = representation.contentType;
      const track = new DashTrack({ watch: this.#watch, mpdUrl: this.#url, representation, kind });
      this.#tracks.set(representation.id, track);
    }
    const present = new Set(chosen.map((representation) => representation.contentType));
    this.#watch.buffer.setTracks(kinds.filter((kind) => present.has(kind)));
  }

  /** Sets our clock by the first UTCTiming we understand (ISO/IEC 23009-1 §5.8.5.7). */
  async #synchronise(mpd: Mpd): Promise<void> {
    const { checker, clock } = this.#watch;
    for (const { scheme, value } of mpd.utcTiming) {
      if (scheme.startsWith("urn:mpeg:dash:utc:direct")) {
        const now = parseDateMs(value);
        if (now !== undefined) this.#clockOffsetMs = now - clock.wallMs();
        return;
      }
      if (!/^urn:mpeg:dash:utc:http-(iso|xsdate|head)/.test(scheme)) continue;
      const url = new URL(value, this.#url).href;
      const asked = await ask(this.#watch, "manifest", url, { timeoutMs: 5_000 });
      if (asked === undefined) return;
      const head = scheme.includes("http-head");
      const text = head ? (asked.http.headers.get("date") ?? "") : new TextDecoder().decode(asked.http.body).trim();
      const now = head ? Date.parse(text) : parseDateMs(text);
      if (now === undefined || Number.isNaN(now)) {
        checker.event("dash-manifest-valid", url, `UTCTiming ${scheme} gave ${JSON.stringify(text.slice(0, 60))}`);
        return;
      }
      const halfWayMs = (asked.http.headAtMs - asked.http.sentAtMs) / 2;
      this.#clockOffsetMs = now + halfWayMs - (clock.wallMs() - (clock.nowMs() - asked.http.headAtMs));
      return;
    }
  }

  /** The rules that need the whole watch. */
  finish(): void {
    for (const track of this.#tracks.values()) track.finish();
  }

  renditions(): RenditionReport[] {
    return [...this.#tracks.values()].map((track) => track.report());
  }
}
