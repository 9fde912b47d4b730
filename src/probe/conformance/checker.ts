import type { MediaPlaylist } from "#probe/hls/media-playlist.ts";
import type { MultivariantPlaylist } from "#probe/hls/multivariant-playlist.ts";
import type { Mpd } from "#probe/dash/mpd.ts";
import type { Finding } from "#probe/report.ts";
import type { Clock } from "#time/clock.ts";
import type { EventRuleId } from "./event-rules.ts";
import type { Exchange, MeasuredRendition, MediaFacts, PlaylistContext, RenditionView, Rule } from "./rule.ts";
import { RULES } from "./rules.ts";

/** Cases kept with a finding beside the first. */
const EXAMPLES_MAX = 4;
/** Longest sentence and URL kept. */
const TEXT_CHARS_MAX = 400;

interface MutableFinding {
  readonly rule: Rule;
  readonly sentence: string;
  readonly url: string;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  count: number;
  readonly examples: { sentence: string; url: string; atMs: number }[];
}

/** Runs the rules and remembers what they found: one finding per rule with a count and a few cases, so memory is bounded. */
export class Checker {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #findings = new Map<string, MutableFinding>();
  readonly #checks = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
  }

  #take(rule: Rule, url: string, sentences: Iterable<string>): void {
    this.#checks.set(rule.id, (this.#checks.get(rule.id) ?? 0) + 1);
    for (const sentence of sentences) this.#found(rule, url, sentence);
  }

  #found(rule: Rule, url: string, text: string): void {
    const atMs = Math.round(this.#clock.nowMs() - this.#startMs);
    const sentence = text.slice(0, TEXT_CHARS_MAX);
    const known = this.#findings.get(rule.id);
    if (known === undefined) {
      const first = { rule, sentence, url: url.slice(0, TEXT_CHARS_MAX), firstSeenMs: atMs, lastSeenMs: atMs };
      this.#findings.set(rule.id, { ...first, count: 1, examples: [] });
      return;
    }
    known.count++;
    known.lastSeenMs = atMs;
    if (known.examples.length < EXAMPLES_MAX) {
      known.examples.push({ sentence, url: url.slice(0, TEXT_CHARS_MAX), atMs });
    }
  }

  /** Reports a rule that is checked elsewhere; without a sentence it only counts as checked. */
  event(id: EventRuleId, url: string, sentence?: string): void {
    const rule = RULES.find((candidate) => candidate.id === id);
    if (rule !== undefined) this.#take(rule, url, sentence === undefined ? [] : [sentence]);
  }

  playlist(current: MediaPlaylist, previous: MediaPlaylist | undefined, context: PlaylistContext): void {
    for (const rule of RULES) {
      if (rule.on === "playlist") this.#take(rule, context.url, rule.check(current, previous, context));
    }
  }

  renditions(current: RenditionView, others: readonly RenditionView[]): void {
    for (const rule of RULES) {
      if (rule.on === "renditions") this.#take(rule, current.url, rule.check(current, others));
    }
  }

  exchange(exchange: Exchange): void {
    for (const rule of RULES) {
      if (rule.on === "exchange" && rule.kinds.includes(exchange.kind)) {
        this.#take(rule, exchange.url, rule.check(exchange));
      }
    }
  }

  media(facts: MediaFacts, url: string): void {
    for (const rule of RULES) {
      if (rule.on === "media") this.#take(rule, url, rule.check(facts));
    }
  }

  multivariant(playlist: MultivariantPlaylist, measured: ReadonlyMap<string, MeasuredRendition>, url: string): void {
    for (const rule of RULES) {
      if (rule.on === "multivariant") this.#take(rule, url, rule.check(playlist, measured, url));
    }
  }

  mpd(current: Mpd, previous: Mpd | undefined, url: string): void {
    for (const rule of RULES) {
      if (rule.on === "mpd") this.#take(rule, url, rule.check(current, previous));
    }
  }

  /** How often each rule was looked at. */
  checks(): Record<string, number> {
    return Object.fromEntries(this.#checks);
  }

  /** What was found so far, oldest first. */
  findings(): Finding[] {
    return [...this.#findings.values()].map(({ rule, ...finding }) => ({
      rule: rule.id,
      clause: rule.clause,
      severity: rule.severity,
      demands: rule.demands,
      ...finding,
    }));
  }
}
