import { Fault } from "#faults/fault.ts";
import { readChunks, startsWithKeyframe } from "#probe/cmaf/chunk.ts";
import { TrackContinuity } from "#probe/cmaf/continuity.ts";
import { FrameRateMeter } from "#probe/cmaf/frame-rate.ts";
import { GROWING_ERROR_S_MAX } from "#probe/conformance/dash-rules.ts";
import { type InitTrack, readInitSegment } from "#probe/cmaf/init-segment.ts";
import type { RenditionReport } from "#probe/report.ts";
import { BitrateMeter } from "#probe/viewer/bitrate-meter.ts";
import { ask, type Watch } from "#probe/viewer/watch.ts";
import { announcedSegments, type DashSegment, initUrl } from "./dash-segments.ts";
import type { Mpd, Representation } from "./mpd.ts";

/** Segments from the end at which a player without a suggested delay begins. */
const START_SEGMENTS = 3;
/** Two segments that begin this close together are one, whose time was rounded differently. */
const SAME_START_S = 0.05;
/** The manifest's times may differ from the media's by rounding, in seconds. */
const TIMELINE_ERROR_S_MAX = 0.001;

/** Fetches and reads one representation of a live DASH presentation in order. */
export class DashTrack {
  readonly #watch: Watch;
  readonly #mpdUrl: string;
  readonly #id: string;
  readonly #kind: string;
  readonly #continuity = new TrackContinuity();
  readonly #bitrate = new BitrateMeter();
  #init: { url: string; track: InitTrack | undefined } | undefined;
  /** Segments that begin earlier are read already. */
  #fromS: number | undefined;
  readonly #rate = new FrameRateMeter();
  #segments = 0;
  #representation: Representation;
  #oldestAskedS = Number.NEGATIVE_INFINITY;

  constructor(options: { watch: Watch; mpdUrl: string; representation: Representation; kind: string }) {
    this.#watch = options.watch;
    this.#mpdUrl = options.mpdUrl;
    this.#representation = options.representation;
    this.#id = options.representation.id;
    this.#kind = options.kind;
  }

  /** Fetches what a manifest announces and is not read yet. */
  async follow(mpd: Mpd, nowWallMs: number): Promise<void> {
    const found = announcedSegments(mpd, this.#mpdUrl, this.#id, nowWallMs);
    if (found.length === 0) return;
    await this.#askOldest(found[0]?.segment);
    if (this.#fromS === undefined)
      this.#start(
        mpd,
        found.map(({ segment }) => segment),
      );
    for (const { segment, representation } of found) {
      // By its beginning alone: how long a growing segment turns out to be is not known when it is announced.
      if (this.#fromS !== undefined && segment.startS < this.#fromS) continue;
      if (this.#watch.signal.aborted) return;
      this.#representation = representation;
      await this.#read(segment, representation);
      this.#fromS = segment.startS + SAME_START_S;
    }
  }

  #start(mpd: Mpd, segments: readonly DashSegment[]): void {
    const last = segments.at(-1);
    if (last === undefined) return;
    const delayS = mpd.suggestedPresentationDelayS ?? START_SEGMENTS * last.durationS;
    const targetS = last.startS + last.durationS - delayS;
    const first = segments.findLast((segment) => segment.startS <= targetS) ?? segments[0];
    if (first === undefined) return;
    this.#fromS = first.startS;
    this.#watch.buffer.startAt(Math.max(first.startS, targetS));
  }

  /** The oldest announced segment must be there too: asked once each time it changes. */
  async #askOldest(segment: DashSegment | undefined): Promise<void> {
    if (segment === undefined || segment.startS <= this.#oldestAskedS) return;
    this.#oldestAskedS = segment.startS + 10;
    const asked = await ask(this.#watch, "segment", segment.url, { keepBody: false, judge: false });
    if (asked !== undefined) this.#available(segment, asked.http.status);
  }

  #available(segment: DashSegment, status: number): void {
    const wrong = status === 200 ? undefined : `the segment at ${segment.startS.toFixed(3)} s was answered ${status}`;
    this.#watch.checker.event("dash-media-available", segment.url, wrong);
  }

  async #initFor(representation: Representation): Promise<InitTrack | undefined> {
    const url = initUrl(this.#mpdUrl, representation);
    if (url === undefined) return undefined;
    if (this.#init?.url === url) return this.#init.track;
    const { checker, figures, clock } = this.#watch;
    const asked = await ask(this.#watch, "init", url);
    this.#init = { url, track: undefined };
    if (asked?.http.status !== 200) return undefined;
    try {
      const track = readInitSegment(asked.http.body);
      this.#init = { url, track };
      checker.event("init-valid", url);
      figures.initAtMs ??= clock.nowMs();
      this.#compare(track, representation, url);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      checker.event("init-valid", url, `${error.message} (${error.at})`);
    }
    return this.#init.track;
  }

  #compare(track: InitTrack, representation: Representation, url: string): void {
    const { checker } = this.#watch;
    const rule = "dash-representation-true";
    const { codecs, width, height, id } = representation;
    checker.event(rule, url);
    if (codecs?.toLowerCase() !== track.codec.toLowerCase()) {
      checker.event(rule, url, `${id} has @codecs "${codecs}", the init segment says ${track.codec}`);
    }
    if (track.kind === "video" && (width !== track.width || height !== track.height)) {
      checker.event(rule, url, `${id} has ${width}x${height}, the init segment ${track.width}x${track.height}`);
    }
  }

  async #read(segment: DashSegment, representation: Representation): Promise<void> {
    const { checker } = this.#watch;
    const init = await this.#initFor(representation);
    const asked = await ask(this.#watch, "segment", segment.url, { judge: false });
    if (asked === undefined) return;
    this.#available(segment, asked.http.status);
    if (asked.http.status !== 200 || init === undefined) {
      this.#continuity.restart();
      return;
    }
    if (segment.firstOfPeriod) this.#continuity.restart();
    const bytes = asked.http.body;
    this.#segments++;
    try {
      const chunks = readChunks(bytes, init);
      const [first] = chunks;
      if (first === undefined) return;
      this.#joined(chunks, init, segment);
      const durationTicks = chunks.reduce((sum, chunk) => sum + chunk.duration, 0);
      const durationS = durationTicks / init.timescale;
      this.#bitrate.add(bytes.byteLength, durationS, durationS);
      const startOff = first.startPts / init.timescale - segment.startTicks / representation.timescale;
      const lengthOff = durationS - segment.durationS;
      const lengthError = segment.growing ? GROWING_ERROR_S_MAX : TIMELINE_ERROR_S_MAX;
      const wrong = Math.abs(startOff) > TIMELINE_ERROR_S_MAX || Math.abs(lengthOff) > lengthError;
      const text = `announced ${segment.startTicks} + ${segment.durationTicks}, the media have ${first.startPts} + ${durationTicks}`;
      checker.event("dash-media-matches-timeline", segment.url, wrong ? text : undefined);
      const decodable = startsWithKeyframe(bytes, first, init);
      this.#arrived(segment, { decodable, durationS, atMs: asked.http.endAtMs });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#continuity.restart();
      this.#judge(segment, { broken: `${error.message} (${error.at})` });
    }
  }

  #judge(
    segment: DashSegment,
    facts: { broken?: string; missing?: number; repeated?: number; sentence?: string },
  ): void {
    this.#watch.checker.media(
      {
        kind: "segment",
        announcedS: segment.durationS,
        announcedIndependent: false,
        broken: facts.broken,
        durationS: segment.durationS,
        decodable: true,
        missing: facts.missing ?? 0,
        repeated: facts.repeated ?? 0,
        joinSentence: facts.sentence ?? "",
        equalsParts: undefined,
        misalignedFrames: undefined,
      },
      segment.url,
    );
  }

  #joined(chunks: ReturnType<typeof readChunks>, init: InitTrack, segment: DashSegment): void {
    const { figures } = this.#watch;
    let missing = 0;
    let repeated = 0;
    let sentence = "";
    this.#rate.add(chunks);
    for (const chunk of chunks) {
      const found = this.#continuity.add(chunk);
      if (init.kind === "video") figures.framesVideo += chunk.samples.length;
      else if (init.kind === "audio") figures.framesAudio += chunk.samples.length;
      if (found === undefined) continue;
      if (found.kind === "missing") missing += found.frames;
      else repeated += found.frames;
      sentence = `decode time ${found.expectedDts} was due, ${found.foundDts} came: about ${found.frames} frames ${found.kind}`;
    }
    figures.framesMissing += missing;
    figures.framesRepeated += repeated;
    this.#judge(segment, { missing, repeated, sentence });
  }

  #arrived(segment: DashSegment, got: { decodable: boolean; durationS: number; atMs: number }): void {
    const { decodable, durationS, atMs } = got;
    const { figures, buffer, clock } = this.#watch;
    figures.partAtMs ??= atMs;
    if (decodable && this.#kind === "video") figures.frameAtMs ??= atMs;
    buffer.append(this.#kind, segment.startS + durationS, atMs);
    const wallMs = clock.wallMs() - (clock.nowMs() - atMs);
    figures.latency(wallMs - (segment.dateMs + durationS * 1000));
    figures.dateOfZeroMs = segment.dateMs - segment.startS * 1000;
  }

  /** At the end of the watch: whether @bandwidth covers what was seen. */
  finish(): void {
    const { bandwidth, id } = this.#representation;
    // @bandwidth holds over @minBufferTime, so the average of a watch must stay below it (ISO/IEC 23009-1 §5.3.5.4).
    const wrong = this.#bitrate.average > bandwidth;
    this.#watch.checker.event(
      "dash-representation-true",
      this.#mpdUrl,
      wrong ? `${id} has @bandwidth ${bandwidth}, measured ${Math.round(this.#bitrate.average)} bit/s` : undefined,
    );
  }

  report(): RenditionReport {
    const init = this.#init?.track;
    const frames = this.#continuity.frames;
    const frameRate = (init === undefined ? undefined : this.#rate.rate(init.timescale)) ?? null;
    return {
      name: this.#id,
      url: this.#init?.url ?? this.#mpdUrl,
      kind: init?.kind ?? this.#kind,
      codec: init?.codec ?? null,
      width: init?.width ?? null,
      height: init?.height ?? null,
      frameRate: frameRate === null ? null : Math.round(frameRate * 1000) / 1000,
      targetDurationS: null,
      partTargetS: null,
      segments: this.#segments,
      parts: 0,
      gaps: 0,
      frames,
      bytes: this.#bitrate.bytes,
      peakBitrate: Math.round(this.#bitrate.peak),
      averageBitrate: Math.round(this.#bitrate.average),
      lastMsn: null,
    };
  }
}
