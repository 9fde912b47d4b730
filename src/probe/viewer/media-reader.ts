import { Fault } from "#faults/fault.ts";
import { type Chunk, readChunks, startsWithKeyframe } from "#probe/cmaf/chunk.ts";
import { TrackContinuity } from "#probe/cmaf/continuity.ts";
import { FrameRateMeter } from "#probe/cmaf/frame-rate.ts";
import { type InitTrack, readInitSegment } from "#probe/cmaf/init-segment.ts";
import type { MediaFacts } from "#probe/conformance/rule.ts";
import type { MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { BitrateMeter } from "./bitrate-meter.ts";
import { itemsFrom, type MediaItem, type NextItem, wholeSegment } from "./media-items.ts";
import type { Presentation } from "./presentation.ts";
import { startPosition } from "./start-position.ts";
import { type Asked, ask, pause, type Watch } from "./watch.ts";

/** Hinted parts that are asked for ahead. */
const HINTS_MAX = 4;
/** Things fetched but not yet read; beyond, the playlist is not followed further. */
export const MEDIA_BACKLOG_MAX = 64;
/** Dates and media times may drift apart by rounding only. */
const DATE_DRIFT_MS_MAX = 5;
/** After this long a segment is fetched a second time, to see that it did not change. */
const AGAIN_MS = 4_000;

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Fetches and reads the media of one rendition in playing order, and judges every byte that can be judged. */
export class MediaReader {
  readonly #watch: Watch;
  readonly #presentation: Presentation;
  readonly #name: string;
  readonly #url: string;
  readonly #continuity = new TrackContinuity();
  readonly #hints = new Map<string, Promise<Asked | undefined>>();
  readonly bitrate: BitrateMeter = new BitrateMeter();
  #next: NextItem | undefined;
  #startOffsetS = 0;
  #started = false;
  #playlist: MediaPlaylist | undefined;
  #chain: Promise<void> = Promise.resolve();
  #backlog = 0;
  #init: { url: string; track: InitTrack | undefined } | undefined;
  #parts: { msn: number; bytes: Uint8Array[]; whole: boolean } = { msn: -1, bytes: [], whole: false };
  #dateOfZero: { sequence: number; ms: number } | undefined;
  #discontinuitySequence: number | undefined;
  #againAtMs = 0;
  #newestUrl = "";
  segments = 0;
  partCount = 0;
  gaps = 0;
  readonly #rate = new FrameRateMeter();

  constructor(options: { watch: Watch; presentation: Presentation; name: string; url: string }) {
    this.#watch = options.watch;
    this.#presentation = options.presentation;
    this.#name = options.name;
    this.#url = options.url;
  }

  get backlog(): number {
    return this.#backlog;
  }
  get init(): InitTrack | undefined {
    return this.#init?.track;
  }
  get frames(): number {
    return this.#continuity.frames;
  }
  /** Frames per second by the usual frame duration; `undefined` at the beginning. */
  get frameRate(): number | undefined {
    const timescale = this.#init?.track?.timescale;
    return timescale === undefined ? undefined : this.#rate.rate(timescale);
  }
  get dateOfZeroMs(): number | undefined {
    return this.#dateOfZero?.ms;
  }

  /** A new version of the playlist: fetches what is new. */
  offer(playlist: MediaPlaylist): void {
    this.#playlist = playlist;
    const lowLatency = this.#watch.lowLatency && playlist.partTargetS !== undefined;
    if (this.#next === undefined) {
      const start = startPosition(playlist, lowLatency);
      if (start === undefined) return;
      this.#next = lowLatency ? { msn: start.msn, part: Math.max(0, start.part) } : { msn: start.msn, part: -1 };
      this.#startOffsetS = start.offsetS;
    }
    const from = this.#next;
    const { items, next, completed, skipped } = itemsFrom(playlist, this.#url, from);
    this.#next = next;
    if (skipped > 0) this.#queue(Promise.resolve(undefined), () => this.#continuity.restart());
    this.#newestUrl = items.at(-1)?.url ?? this.#newestUrl;
    let at = 0;
    for (const msn of completed) {
      for (; items[at]?.msn === msn; at++) this.#take(items[at]);
      if (next.part >= 0) this.#compareSegment(playlist, msn);
    }
    for (; at < items.length; at++) this.#take(items[at]);
    if (lowLatency) this.#askHints(playlist);
  }

  /** Resolves when everything offered so far has been read. */
  drained(): Promise<void> {
    return this.#chain;
  }

  #queue<T>(fetched: Promise<T>, read: (value: T) => void | Promise<void>): void {
    this.#backlog++;
    const before = this.#chain;
    this.#chain = (async () => {
      const value = await fetched;
      await before;
      if (!this.#watch.signal.aborted) await read(value);
      this.#backlog--;
    })();
  }

  #take(item: MediaItem | undefined): void {
    if (item === undefined) return;
    if (item.gap) {
      this.#queue(Promise.resolve(undefined), () => {
        this.gaps++;
        this.#watch.figures.gaps++;
        this.#continuity.restart();
      });
      return;
    }
    this.#queue(this.#fetch(item), (asked) => this.#read(item, asked));
  }

  async #fetch(item: MediaItem): Promise<Asked | undefined> {
    const known = this.#playlist;
    const hinted = this.#hints.get(item.url);
    if (hinted !== undefined) {
      this.#hints.delete(item.url);
      const early = await hinted;
      // Only now is it certain that the hint was meant: unused hints may be answered 404 (§6.2.6).
      if (early !== undefined) this.#watch.checker.exchange(early.exchange);
      if (early?.http.status === 200) return early;
    }
    return ask(this.#watch, item.kind, item.url, { known, range: item.byteRange });
  }

  #askHints(playlist: MediaPlaylist): void {
    for (const hint of playlist.preloadHints) {
      if (hint.type !== "PART" || hint.byteRangeStart !== 0 || hint.byteRangeLength !== undefined) continue;
      const url = new URL(hint.uri, this.#url).href;
      if (this.#hints.has(url)) continue;
      const timeoutMs = 4000 * playlist.targetDurationS;
      this.#hints.set(url, ask(this.#watch, "hint", url, { known: playlist, judge: false, timeoutMs }));
      const oldest = this.#hints.keys().next().value;
      if (this.#hints.size > HINTS_MAX && oldest !== undefined) this.#hints.delete(oldest);
    }
  }

  async #initFor(item: MediaItem): Promise<InitTrack | undefined> {
    if (item.mapUrl === undefined) return undefined;
    if (this.#init?.url === item.mapUrl) return this.#init.track;
    const { checker, figures, clock } = this.#watch;
    const asked = await ask(this.#watch, "init", item.mapUrl, { known: this.#playlist });
    this.#init = { url: item.mapUrl, track: undefined };
    if (asked?.http.status !== 200) return undefined;
    try {
      this.#init = { url: item.mapUrl, track: readInitSegment(asked.http.body) };
      checker.event("init-valid", item.mapUrl);
      figures.initAtMs ??= clock.nowMs();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      checker.event("init-valid", item.mapUrl, `${error.message} (${error.at})`);
    }
    return this.#init.track;
  }

  async #read(item: MediaItem, asked: Asked | undefined): Promise<void> {
    const status = asked?.http.status;
    if (asked === undefined || (status !== 200 && status !== 206)) {
      this.#continuity.restart();
      return;
    }
    const init = await this.#initFor(item);
    if (init === undefined) return;
    const bytes = asked.http.body;
    this.#rememberPart(item, bytes);
    if (this.#discontinuitySequence !== item.discontinuitySequence) this.#continuity.restart();
    this.#discontinuitySequence = item.discontinuitySequence;
    const facts = this.#facts(item, bytes, init, asked);
    this.#watch.checker.media(facts, item.url);
    if (item.kind === "part") this.partCount++;
    else {
      this.segments++;
      this.bitrate.add(bytes.byteLength, item.durationS, this.#playlist?.targetDurationS ?? 1);
      this.#fetchAgain(item, bytes);
    }
  }

  #rememberPart(item: MediaItem, bytes: Uint8Array): void {
    if (item.kind !== "part") return;
    if (item.part === 0) this.#parts = { msn: item.msn, bytes: [bytes], whole: true };
    else if (this.#parts.msn === item.msn && this.#parts.bytes.length === item.part) this.#parts.bytes.push(bytes);
    else this.#parts = { msn: item.msn, bytes: [], whole: false };
  }

  #facts(item: MediaItem, bytes: Uint8Array, init: InitTrack, asked: Asked): MediaFacts {
    const empty = { durationS: 0, decodable: false, missing: 0, repeated: 0, joinSentence: "" };
    const announced = { kind: item.kind, announcedS: item.durationS, announcedIndependent: item.independent };
    const open = { equalsParts: undefined, misalignedFrames: undefined };
    try {
      const chunks = readChunks(bytes, init);
      const first = chunks[0];
      const decodable = first !== undefined && startsWithKeyframe(bytes, first, init);
      const joined = this.#join(chunks, init);
      if (first !== undefined) this.#arrived(item, first, init, { decodable, atMs: asked.http.endAtMs });
      const misalignedFrames = first === undefined ? undefined : this.#align(item, first, init);
      return { ...announced, ...open, broken: undefined, decodable, ...joined, misalignedFrames };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#continuity.restart();
      return { ...announced, ...open, ...empty, broken: `${error.message} (${error.at})` };
    }
  }

  #join(
    chunks: readonly Chunk[],
    init: InitTrack,
  ): Pick<MediaFacts, "durationS" | "missing" | "repeated" | "joinSentence"> {
    const { figures } = this.#watch;
    let ticks = 0;
    let missing = 0;
    let repeated = 0;
    let joinSentence = "";
    for (const chunk of chunks) {
      const found = this.#continuity.add(chunk);
      ticks += chunk.duration;
      if (init.kind === "video") figures.framesVideo += chunk.samples.length;
      else if (init.kind === "audio") figures.framesAudio += chunk.samples.length;
      if (found === undefined) continue;
      if (found.kind === "missing") missing += found.frames;
      else repeated += found.frames;
      joinSentence = `decode time ${found.expectedDts} was due, ${found.foundDts} came: about ${found.frames} frames ${found.kind}`;
    }
    figures.framesMissing += missing;
    figures.framesRepeated += repeated;
    this.#rate.add(chunks);
    return { durationS: ticks / init.timescale, missing, repeated, joinSentence };
  }

  #arrived(
    item: MediaItem,
    first: Chunk,
    init: InitTrack,
    { decodable, atMs }: { decodable: boolean; atMs: number },
  ): void {
    const { figures, buffer, clock } = this.#watch;
    const startS = first.startDts / init.timescale;
    figures.partAtMs ??= atMs;
    if (decodable && init.kind !== "audio") figures.frameAtMs ??= atMs;
    if (!this.#started) {
      this.#started = true;
      buffer.startAt(startS + this.#startOffsetS);
    }
    buffer.append(this.#name, startS + item.durationS, atMs);
    if (item.dateMs === undefined) return;
    const wallMs = clock.wallMs() - (clock.nowMs() - atMs);
    // What is fetched to catch up at the start says nothing about the edge.
    if (item.url === this.#newestUrl) figures.latency(wallMs - (item.dateMs + item.durationS * 1000));
    this.#checkDate(item, first.startPts / init.timescale);
  }

  #checkDate(item: MediaItem, startS: number): void {
    if (item.dateMs === undefined || (item.part > 0 && this.#dateOfZero !== undefined)) return;
    const ms = item.dateMs - startS * 1000;
    this.#watch.figures.dateOfZeroMs = ms;
    const known = this.#dateOfZero;
    const sequence = item.discontinuitySequence;
    if (known === undefined || known.sequence !== sequence) {
      this.#dateOfZero = { sequence, ms };
      return;
    }
    const drift = ms - known.ms;
    const wrong = Math.abs(drift) > DATE_DRIFT_MS_MAX;
    this.#watch.checker.event(
      "dates-match-media",
      item.url,
      wrong ? `the date of ${item.msn} moved ${drift.toFixed(1)} ms against its decode time` : undefined,
    );
  }

  #align(item: MediaItem, first: Chunk, init: InitTrack): number | undefined {
    if (item.part > 0) return undefined;
    const frameS = first.duration / Math.max(1, first.samples.length) / init.timescale;
    return this.#presentation.align(item.msn, {
      name: this.#name,
      kind: init.kind,
      startS: first.startDts / init.timescale,
      frameS,
    });
  }

  #compareSegment(playlist: MediaPlaylist, msn: number): void {
    const item = wholeSegment(playlist, this.#url, msn);
    const listed = playlist.segments[msn - playlist.mediaSequence]?.parts ?? [];
    if (item === undefined || item.gap || listed.length === 0 || listed.some((part) => part.gap)) return;
    this.#queue(ask(this.#watch, "segment", item.url, { known: playlist, range: item.byteRange }), (asked) => {
      const init = this.#init?.track;
      if (init === undefined || (asked?.http.status !== 200 && asked?.http.status !== 206)) return;
      const bytes = asked.http.body;
      this.segments++;
      this.bitrate.add(bytes.byteLength, item.durationS, playlist.targetDurationS);
      const { msn: partsMsn, whole, bytes: parts } = this.#parts;
      const complete = whole && partsMsn === msn && parts.length === listed.length;
      const equalsParts = complete ? bytesEqual(bytes, concatenated(parts)) : undefined;
      this.#watch.checker.media(this.#segmentFacts(item, bytes, init, equalsParts), item.url);
      this.#fetchAgain(item, bytes);
    });
  }

  /** Facts of a segment whose parts were read already: its container and duration, not its place in time. */
  #segmentFacts(item: MediaItem, bytes: Uint8Array, init: InitTrack, equalsParts: boolean | undefined): MediaFacts {
    const announced = { kind: item.kind, announcedS: item.durationS, announcedIndependent: item.independent };
    const joined = { missing: 0, repeated: 0, joinSentence: "", misalignedFrames: undefined };
    try {
      const chunks = readChunks(bytes, init);
      const [first] = chunks;
      const durationS = chunks.reduce((sum, chunk) => sum + chunk.duration, 0) / init.timescale;
      const decodable = first !== undefined && startsWithKeyframe(bytes, first, init);
      return { ...announced, ...joined, equalsParts, broken: undefined, durationS, decodable };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const broken = `${error.message} (${error.at})`;
      return { ...announced, ...joined, equalsParts, broken, durationS: 0, decodable: false };
    }
  }

  /** Fetches a sampled segment once more after a while. */
  #fetchAgain(item: MediaItem, bytes: Uint8Array): void {
    const { clock } = this.#watch;
    if (item.byteRange !== undefined || clock.nowMs() < this.#againAtMs) return;
    this.#againAtMs = clock.nowMs() + 2 * AGAIN_MS;
    const again = async (): Promise<void> => {
      if (!(await pause(this.#watch, AGAIN_MS / 4))) return;
      await ask(this.#watch, "again", item.url, { sameBytes: (answer) => bytesEqual(answer.body, bytes) });
    };
    // Beside the chain: reading goes on meanwhile, and `ask` reports its own failures.
    this.#side = Promise.all([this.#side, again()]).then(() => undefined);
  }

  #side: Promise<void> = Promise.resolve();

  /** Resolves when nothing of the reader runs any more; after the watch has ended. */
  async closed(): Promise<void> {
    await this.#chain;
    await this.#side;
    await Promise.all(this.#hints.values());
  }
}
