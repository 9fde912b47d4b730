import {
  SYNTHETIC_AUDIO,
  SYNTHETIC_SIZE,
  SYNTHETIC_VIDEO,
  syntheticChunk,
  syntheticInit,
  type SyntheticTrack,
} from "./synthetic-media.ts";

/** Faults that can be planted. Each takes effect at part `at` of the presentation (counted from its start) where it has a time. */
export interface PlantedFaults {
  /** This part, and everything behind it, comes 420 ms late. */
  readonly latePart?: number;
  readonly targetDurationChanges?: number;
  /** From this part on the newest segment's bytes differ from its parts'. */
  readonly segmentDiffersFromParts?: number;
  /** A segment's second answer differs from its first. */
  readonly segmentMutates?: boolean;
  readonly frameMissing?: number;
  readonly mediaSequenceFalls?: number;
  readonly deltaLies?: boolean;
  readonly hintLies?: number;
  readonly absurdMsnAccepted?: boolean;
  readonly partWithoutMsnAccepted?: boolean;
  readonly staleMsnRefused?: boolean;
  readonly blockingAnswersEarly?: number;
  readonly noGzip?: boolean;
  readonly partsForgotten?: boolean;
  readonly segmentsForgotten?: boolean;
  readonly reportsFrozen?: number;
  readonly controlDiffers?: boolean;
  readonly dateJumps?: number;
  readonly wrongCodecs?: boolean;
  readonly bandwidthTooLow?: boolean;
  readonly independentLie?: number;
  readonly segmentRenamed?: number;
  readonly unknownIsOk?: boolean;
  readonly stops?: number;
  /** The DASH manifest announces a segment that does not exist yet. */
  readonly dashAnnouncesTooEarly?: boolean;
  readonly dashWithoutClock?: boolean;
  readonly dashTimelineLies?: number;
}

/** The parameters of a presentation. */
export interface SyntheticOptions {
  readonly faults?: PlantedFaults;
  /** Segments in the playlist. Default 12. */
  readonly windowSegments?: number;
  /** Default true: parts and delivery directives. */
  readonly parts?: boolean;
  /** The presentation ends with this part. */
  readonly endsAt?: number;
}

/** Milliseconds of a part. */
export const SYNTHETIC_PART_MS = 200;
/** Parts of a segment. */
export const SYNTHETIC_PARTS_PER_SEGMENT = 5;
const FIRST_MSN = 5_000;
const SEGMENTS_WITH_PARTS = 4;
const LATE_MS = 420;
/** Of a part or a millisecond: floating point is not exact. */
const ROUNDING = 1e-6;

/** The tracks by the first element of their paths. */
export const SYNTHETIC_TRACKS: ReadonlyMap<string, SyntheticTrack> = new Map([
  ["video", SYNTHETIC_VIDEO],
  ["audio", SYNTHETIC_AUDIO],
]);

/**
 * A small, correct low-latency presentation as a function of time: segments of 1 s, parts of 200 ms, a video and an audio track.
 * Parts are counted from the beginning of the presentation, which lies a whole window before `startMs`. Faults can be planted.
 */
export class SyntheticPresentation {
  readonly faults: PlantedFaults;
  readonly parts: boolean;
  readonly #startMs: number;
  readonly #startWallMs: number;
  readonly #window: number;
  readonly #endsAt: number;
  readonly #history: number;

  constructor(options: SyntheticOptions & { startMs: number; startWallMs: number }) {
    this.faults = options.faults ?? {};
    this.parts = options.parts ?? true;
    this.#window = options.windowSegments ?? 12;
    this.#history = this.#window * SYNTHETIC_PARTS_PER_SEGMENT;
    this.#startMs = options.startMs;
    this.#startWallMs = options.startWallMs;
    this.#endsAt = options.endsAt === undefined ? Number.POSITIVE_INFINITY : options.endsAt + this.#history;
  }

  /** When a part appears, in monotonic milliseconds; never is infinity. */
  availableAtMs(number: number): number {
    const { latePart, stops } = this.faults;
    const index = number - this.#history;
    if (number >= this.#endsAt || (stops !== undefined && index >= stops)) return Number.POSITIVE_INFINITY;
    const dueMs = this.#startMs + (index + 1) * SYNTHETIC_PART_MS;
    if (latePart === undefined || index < latePart) return dueMs;
    return Math.max(dueMs, this.#startMs + (latePart + 1) * SYNTHETIC_PART_MS + LATE_MS);
  }

  /** When EXT-X-ENDLIST appears. */
  get endsAtMs(): number {
    return this.#endsAt === Number.POSITIVE_INFINITY ? this.#endsAt : this.availableAtMs(this.#endsAt - 1);
  }

  /** Parts that exist at a monotonic time. */
  availableParts(nowMs: number): number {
    let count = Math.floor((nowMs - this.#startMs) / SYNTHETIC_PART_MS + ROUNDING) + this.#history + 1;
    while (count > 0 && this.availableAtMs(count - 1) > nowMs + ROUNDING) count--;
    return count;
  }

  /** Whether a planted moment has come, given the parts that exist. */
  reached(at: number | undefined, count: number): boolean {
    return at !== undefined && count >= at + this.#history;
  }

  ended(count: number): boolean {
    return count >= this.#endsAt;
  }

  /** Number of the first part of a segment. */
  firstPart(msn: number): number {
    return (msn - FIRST_MSN) * SYNTHETIC_PARTS_PER_SEGMENT;
  }

  /** Newest whole segment and parts of the open one. */
  edge(count: number): { lastMsn: number; openParts: number } {
    const whole = Math.floor(count / SYNTHETIC_PARTS_PER_SEGMENT);
    return { lastMsn: FIRST_MSN + whole - 1, openParts: count % SYNTHETIC_PARTS_PER_SEGMENT };
  }

  firstMsn(count: number): number {
    return Math.max(FIRST_MSN, this.edge(count).lastMsn - this.#window + 1);
  }

  part(name: string, number: number): Uint8Array {
    const track = SYNTHETIC_TRACKS.get(name) ?? SYNTHETIC_VIDEO;
    const drop = this.faults.frameMissing;
    const missing = drop !== undefined && number === drop + this.#history && name === "video";
    const lie = this.faults.independentLie;
    const noKey = lie !== undefined && number >= lie + this.#history;
    return syntheticChunk(track, {
      startFrame: this.#firstFrame(track) + number * track.framesPerPart,
      frames: track.framesPerPart,
      keyframe: number % SYNTHETIC_PARTS_PER_SEGMENT === 0 && !noKey,
      skipFrames: missing ? 1 : 0,
    });
  }

  /** Media time is wall time, in whole frames. */
  #firstFrame(track: SyntheticTrack): number {
    const beginMs = this.#startWallMs - this.#history * SYNTHETIC_PART_MS;
    return Math.round(((Math.floor(beginMs / 1000) * track.timescale) / track.frameDuration) * 1);
  }

  segment(name: string, msn: number): Uint8Array {
    const first = this.firstPart(msn);
    const parts = Array.from({ length: SYNTHETIC_PARTS_PER_SEGMENT }, (_, i) => this.part(name, first + i));
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.byteLength;
    }
    const differ = this.faults.segmentDiffersFromParts;
    if (differ !== undefined && first >= differ + this.#history) all[all.byteLength - 1] = 0xee;
    return all;
  }

  init(name: string): Uint8Array {
    return syntheticInit(SYNTHETIC_TRACKS.get(name) ?? SYNTHETIC_VIDEO);
  }

  /** The date of a part in milliseconds since the Unix epoch, matching the decode times. */
  dateMs(number: number): number {
    const beginMs = this.#startWallMs - this.#history * SYNTHETIC_PART_MS;
    return Math.floor(beginMs / 1000) * 1000 + number * SYNTHETIC_PART_MS;
  }

  multivariant(): string {
    const codecs = this.faults.wrongCodecs ? "avc1.64001f,opus" : "avc1.4d401f,opus";
    const { width, height } = SYNTHETIC_SIZE;
    const bandwidth = this.faults.bandwidthTooLow ? 30_000 : 120_000;
    return [
      "#EXTM3U",
      "#EXT-X-VERSION:9",
      "#EXT-X-INDEPENDENT-SEGMENTS",
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"',
      `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},AVERAGE-BANDWIDTH=${bandwidth},CODECS="${codecs}",RESOLUTION=${width}x${height},FRAME-RATE=25.000,AUDIO="a"`,
      "video/index.m3u8",
      "",
    ].join("\n");
  }

  /** A media playlist; with `skip` as a delta update. */
  mediaPlaylist(name: string, count: number, skip: boolean): string {
    const { faults } = this;
    const { lastMsn, openParts } = this.edge(count);
    const firstMsn = this.firstMsn(count);
    const ended = this.ended(count);
    const target = this.reached(faults.targetDurationChanges, count) ? 2 : 1;
    const skipUntil = this.#window > 7 ? ",CAN-SKIP-UNTIL=6.0" : "";
    const hold = name === "audio" && faults.controlDiffers ? "0.8" : "0.6";
    const control = `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES${skipUntil},PART-HOLD-BACK=${hold},HOLD-BACK=6.0`;
    const sequence = this.reached(faults.mediaSequenceFalls, count) ? firstMsn - 3 : firstMsn;
    const lines = ["#EXTM3U", `#EXT-X-TARGETDURATION:${target}`, "#EXT-X-VERSION:9", "#EXT-X-INDEPENDENT-SEGMENTS"];
    if (this.parts) lines.push(control, "#EXT-X-PART-INF:PART-TARGET=0.2");
    lines.push(`#EXT-X-MEDIA-SEQUENCE:${sequence}`);
    const skipped = skip ? Math.max(0, lastMsn - firstMsn + 1 - 6) : 0;
    if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
    else lines.push('#EXT-X-MAP:URI="init.mp4"');
    for (let msn = firstMsn + skipped; msn <= lastMsn; msn++) this.#segmentLines(lines, name, msn, { count, skipped });
    if (this.parts && !ended) this.#edgeLines(lines, name, { lastMsn, openParts, count });
    if (ended) lines.push("#EXT-X-ENDLIST");
    return `${lines.join("\n")}\n`;
  }

  #segmentLines(lines: string[], name: string, msn: number, at: { count: number; skipped: number }): void {
    const { faults } = this;
    const { lastMsn } = this.edge(at.count);
    const first = this.firstPart(msn);
    const jump = this.reached(faults.dateJumps, first) ? 250 : 0;
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(this.dateMs(first) + jump).toISOString()}`);
    if (this.parts && lastMsn - msn < SEGMENTS_WITH_PARTS) {
      for (let i = 0; i < SYNTHETIC_PARTS_PER_SEGMENT; i++) lines.push(this.#partLine(name, msn, i));
    }
    const lie = at.skipped > 0 && faults.deltaLies === true && msn === lastMsn;
    lines.push(`#EXTINF:1.00000,${lie ? "another title" : ""}`);
    const rename = faults.segmentRenamed;
    const renamed = rename !== undefined && this.reached(rename, at.count) && this.#isAround(rename - 10, msn);
    lines.push(renamed ? `other-${msn}.m4s` : `${msn}.m4s`);
  }

  /** Whether a part, counted from the start, lies in a segment. */
  #isAround(at: number, msn: number): boolean {
    const first = this.firstPart(msn);
    return at + this.#history >= first && at + this.#history < first + SYNTHETIC_PARTS_PER_SEGMENT;
  }

  #partLine(name: string, msn: number, index: number): string {
    const independent = index === 0 || name === "audio" ? ",INDEPENDENT=YES" : "";
    return `#EXT-X-PART:DURATION=0.20000,URI="${this.partUri(msn, index)}"${independent}`;
  }

  partUri(msn: number, index: number): string {
    return `${msn}.${index}.m4s`;
  }

  #edgeLines(lines: string[], name: string, at: { lastMsn: number; openParts: number; count: number }): void {
    const { lastMsn, openParts, count } = at;
    const open = lastMsn + 1;
    if (openParts > 0) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(this.dateMs(this.firstPart(open))).toISOString()}`);
    }
    for (let i = 0; i < openParts; i++) lines.push(this.#partLine(name, open, i));
    const lie = this.reached(this.faults.hintLies, count);
    const hinted = lie ? `wrong-${open}.${openParts}.m4s` : this.partUri(open, openParts);
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${hinted}"`);
    const frozen = this.faults.reportsFrozen;
    const reported = frozen !== undefined && this.reached(frozen, count) ? frozen + this.#history : count;
    const newest = this.edge(reported);
    const [msn, part] =
      newest.openParts > 0
        ? [newest.lastMsn + 1, newest.openParts - 1]
        : [newest.lastMsn, SYNTHETIC_PARTS_PER_SEGMENT - 1];
    for (const other of SYNTHETIC_TRACKS.keys()) {
      if (other === name) continue;
      lines.push(`#EXT-X-RENDITION-REPORT:URI="../${other}/index.m3u8",LAST-MSN=${msn},LAST-PART=${part}`);
    }
  }
}
