import { type Frame, FrameFlag, type RawTrack } from "#media/frame.ts";
import { type Track, type TrackConfig, VIDEO_TIMESCALE } from "#media/track.ts";
import { microsToTicks, type Rational, ticksToMicros } from "#time/ticks.ts";
import { AudioStamper } from "./audio-stamper.ts";
import { samplesOf, silentFrame } from "./frame-length.ts";
import type { Arrival } from "./session-clock.ts";
import { UnitQueue } from "./unit-queue.ts";
import { type VideoSink, VideoStamper } from "./video-stamper.ts";

/** How far a track may lag behind the leading one while it delivers, microseconds. */
const LAG_MICROS_MAX = 4_000_000;
/** How much further than usual. */
const LATE_MICROS = 1_000_000;

/** An access unit on its way through the gate. */
export interface Unit extends Arrival<Lane> {
  readonly payload: Uint8Array;
  readonly keyframe: boolean;
  /** Presentation minus decode time, microseconds. */
  readonly offsetMicros: number;
  /** Made by us. */
  readonly filler: boolean;
}

/** A cut as lanes need it. */
export interface LaneCut {
  readonly segment: number;
  readonly startMicros: number;
  readonly discontinuity: boolean;
}

/** Takes a lane's stamped frames; times are ticks of its track. */
export interface LaneSink {
  stamped(lane: Lane, unit: Unit, dts: number, ptsOffset: number, duration: number): void;
}

/** Shortest picture that is repeated by itself before the encoder's next one, ticks: 20 ms. */
const PICTURE_TICKS_MIN = 1800;
/** How much earlier than what was stamped before it ends another session may begin, microseconds: its first pictures follow each other sooner. */
const OVERLAP_MICROS_MAX = 35_000;
/** The same against what is shown: pictures that B-frames should have come before are shown some frames later than they are decoded. */
const SHOWN_OVERLAP_MICROS_MAX = 250_000;

/**
 * One track of a timeline on its way through the gate: its stamper, its place among the segments, and what fills its holes.
 * A lane lives as long as its timeline, across sessions of the encoder.
 */
export class Lane implements VideoSink<Unit> {
  readonly raw: RawTrack;
  track: Track;
  readonly video: VideoStamper<Unit> | undefined;
  audio: AudioStamper | undefined;
  /** What comes next belongs to what came last: `false` before the first keyframe of a session, after a hold, and where parameters change. */
  open = false;
  /** Where the keyframe is shown that opened it, until the next keyframe, microseconds. */
  openedMicros: number | undefined;
  /** Where sound of another session begins, microseconds; what still waits before belongs to the one that is over. */
  joinsMicros: number | undefined;
  /** Frame rate to begin with when it opens. */
  rate: Rational | undefined;
  /** Segment that takes the next frame; -1 before the first. */
  segment = -1;
  /** Frames in that segment: the index of the next. */
  count = 0;
  /** Configuration that holds from the next cut on. */
  pendingConfig: TrackConfig | undefined;
  /** Units that wait for the leading track's decision over cuts. */
  readonly waiting: UnitQueue<Unit> = new UnitQueue();
  /** Units that need {@link pendingConfig}, or the cut at which this lane joins. */
  readonly next: UnitQueue<Unit> = new UnitQueue();
  /** When its last frame came, usable or not. */
  arrivedMs: number = Number.NEGATIVE_INFINITY;
  /** When the last one came that could be used, or when one was first to be expected. */
  usedMs: number = Number.NEGATIVE_INFINITY;
  frameCount = 0;
  byteCount = 0;
  /** Least that it lagged behind the leading one in this session, microseconds. */
  #usualLagMicros = Number.POSITIVE_INFINITY;
  readonly #sink: LaneSink;
  /** How stream time moves at segments that this lane has not reached. */
  readonly #drifts: { readonly micros: number; readonly segment: number }[] = [];
  #filler: Unit | undefined;
  #hasSilence = false;

  /** `pictureMicros`: how long a picture may last, microseconds. */
  constructor(raw: RawTrack, track: Track, sink: LaneSink, pictureMicros: number) {
    this.raw = raw;
    this.track = track;
    this.#sink = sink;
    this.video = raw.kind === "video" ? new VideoStamper<Unit>(this, pictureMicros) : undefined;
    this.configure(track);
  }

  /** New codec parameters. The track's timescale stays, whatever the sample rate becomes. */
  configure(track: Track): void {
    this.track = track;
    this.#filler = undefined;
    if (track.config.kind !== "audio") return;
    const silence = silentFrame(track.config);
    this.#hasSilence = silence !== undefined;
    if (silence !== undefined) this.#fillWith(silence);
    this.audio ??= new AudioStamper(track.timescale);
    this.audio.sampleRate = track.config.sampleRate;
  }

  /** What fills a hole: silence, or else the last sound; the last keyframe's picture. */
  get filler(): Unit | undefined {
    return this.#filler;
  }

  /** What comes next does not belong to what came last. A frame that the stamper holds goes out first. */
  close(): void {
    if (this.video !== undefined && this.open) {
      this.rate = this.video.lockedRate;
      this.video.flush();
    }
    this.#drifts.length = 0;
    this.open = false;
  }

  /** Likely length of a frame, microseconds. */
  durationMicros(payload: Uint8Array): number {
    if (this.video !== undefined) return this.video.frameMicros;
    const config = this.pendingConfig ?? this.track.config;
    if (config.kind === "video") return 0;
    return ticksToMicros(samplesOf(config, payload), config.sampleRate);
  }

  /** Samples of an audio frame; 0 for video. */
  samples(payload: Uint8Array): number {
    const { config } = this.track;
    return config.kind === "audio" ? samplesOf(config, payload) : 0;
  }

  /** End of everything stamped, microseconds; `undefined` before the first frame. */
  get endMicros(): number | undefined {
    const ticks = this.video === undefined ? this.audio?.nextDts : this.video.nextDts;
    return ticks === undefined ? undefined : ticksToMicros(ticks, this.track.timescale);
  }

  /** End of everything stamped, also as it is shown, microseconds: what begins anew is not shown before. `undefined` before the first frame. */
  get shownUntilMicros(): number | undefined {
    const ticks = this.video === undefined ? this.audio?.nextDts : this.video.presentedUntil;
    return ticks === undefined ? undefined : ticksToMicros(ticks, this.track.timescale);
  }

  /**
   * Where a keyframe that begins anew may be shown at the earliest, microseconds. Two encoders' frames never begin together: where each had to wait for
   * the end of the other's, stream time would move on a little each time. `undefined` before the first frame.
   */
  get earliestMicros(): number | undefined {
    const { endMicros, shownUntilMicros } = this;
    if (endMicros === undefined || shownUntilMicros === undefined) return undefined;
    return Math.max(endMicros - OVERLAP_MICROS_MAX, shownUntilMicros - SHOWN_OVERLAP_MICROS_MAX);
  }

  /**
   * Where another session may begin, microseconds. Of sound a frame more may go; what went on after the leading track, which ends at `frontierMicros`,
   * is heard to its end. `undefined` before the first frame.
   */
  earliestBeside(frontierMicros: number): number | undefined {
    const { endMicros, audio } = this;
    if (audio === undefined || endMicros === undefined) return this.earliestMicros;
    const lastMicros = endMicros - ticksToMicros(audio.frameTicks, audio.timescale);
    return lastMicros > frontierMicros ? endMicros : lastMicros - OVERLAP_MICROS_MAX;
  }

  /** Where a unit will begin, microseconds. A keyframe counts half its length later: rounding must not part it from the cut it belongs to. */
  startOf(unit: Unit): number {
    const { audio, video } = this;
    if (audio !== undefined) return ticksToMicros(audio.startOf(unit.micros), audio.timescale);
    const shift = this.open && video !== undefined ? video.shiftMicros : unit.offsetMicros;
    return unit.micros + shift + (unit.keyframe ? unit.durationMicros / 2 : 0);
  }

  /** Notes how far it ends before the leading one, microseconds. Answers whether too far for one that delivers: players stand still without it. */
  lags(micros: number): boolean {
    this.#usualLagMicros = Math.min(this.#usualLagMicros, Math.max(0, micros));
    return micros > Math.min(LAG_MICROS_MAX, this.#usualLagMicros + LATE_MICROS);
  }

  /** Another session begins at `startMicros`: of what waits only sound from before is still of use. Answers how many units are not. */
  handOver(startMicros: number): number {
    this.#usualLagMicros = Number.POSITIVE_INFINITY;
    if (this.audio === undefined) return this.waiting.clear();
    this.joinsMicros = startMicros;
    let dropped = 0;
    for (let count = this.waiting.length; count > 0; count--) {
      const unit = this.waiting.take();
      if (unit !== undefined && unit.micros + unit.durationMicros / 2 <= startMicros) this.waiting.push(unit);
      else dropped++;
    }
    return dropped;
  }

  /** Moves what waits, and what is not stamped yet, later. */
  shift(micros: number): void {
    if (this.open) this.video?.shift(micros);
    if (this.joinsMicros !== undefined) this.joinsMicros += micros;
    for (const unit of this.waiting) unit.micros += micros;
    for (const unit of this.next) unit.micros += micros;
  }

  /**
   * Stream time moves by less than a frame after the first frame of `segment`: what comes makes up for it. Pictures that are not there yet move when
   * they are, so that their segments begin where the leading track's do.
   */
  drift(micros: number, segment: number): void {
    this.audio?.drift(micros);
    if (this.video === undefined) return;
    if (this.segment >= segment) this.video.shift(micros);
    else this.#drifts.push({ micros, segment });
  }

  /** What comes belongs to the next segment. */
  advance(): void {
    this.segment++;
    for (let next = this.#drifts[0]; next !== undefined && next.segment <= this.segment; next = this.#drifts[0]) {
      this.video?.shift(next.micros);
      this.#drifts.shift();
    }
  }

  stamped(unit: Unit, dts: number, ptsOffset: number, duration: number): void {
    this.#sink.stamped(this, unit, dts, ptsOffset, duration);
  }

  /** Stamps a frame of sound. */
  sound(unit: Unit): void {
    const { audio } = this;
    if (audio === undefined) return;
    const dts = audio.nextDts ?? 0;
    this.stamped(unit, dts, 0, audio.advance(this.samples(unit.payload)));
  }

  /** Repeats the last picture up to `endMicros`, in steps of at most `stepMicros`; what is left over only when `exact`. */
  picture(endMicros: number, stepMicros: number, exact: boolean): number {
    const { video, filler } = this;
    if (video?.nextDts === undefined || filler === undefined) return 0;
    const end = microsToTicks(endMicros, VIDEO_TIMESCALE);
    // The last picture is shown until then as it is.
    if (exact && end <= (video.presentedUntil ?? end)) return 0;
    const step = Math.max(1, microsToTicks(stepMicros, VIDEO_TIMESCALE));
    let pictures = 0;
    while (video.nextDts + step <= end) {
      const next = video.nextDts + step;
      // A little that is left over belongs to the picture before: it must not begin a segment by itself.
      video.fill(exact && end - next < PICTURE_TICKS_MIN ? end : next, filler);
      pictures++;
    }
    if (!exact || video.nextDts >= end) return pictures;
    video.fill(end, filler);
    return pictures + 1;
  }

  /** Stamps `count` frames of silence. */
  silence(count: number): number {
    const { filler } = this;
    if (filler === undefined) return 0;
    for (let i = 0; i < count; i++) this.sound(filler);
    return Math.max(0, count);
  }

  /** Frames of silence that fit before `micros`. */
  silentFramesUntil(micros: number): number {
    const { audio, filler } = this;
    if (audio === undefined || filler === undefined) return 0;
    return audio.silentFramesUntil(micros, this.samples(filler.payload));
  }

  /** Whether a frame with this decode time (ticks) belongs to the segment that `cut` begins, or to a later one. */
  isAtOrAfter(cut: LaneCut, dts: number): boolean {
    return dts >= microsToTicks(cut.startMicros, this.track.timescale);
  }

  /** Makes the frame: its name, its flags. Remembers what can fill a hole later. */
  frame(unit: Unit, dts: number, ptsOffset: number, duration: number, cut: LaneCut | undefined): Frame {
    const index = this.count++;
    const { payload, keyframe, filler } = unit;
    if (!filler && keyframe && !this.#hasSilence) this.#fillWith(payload);
    let flags = (keyframe ? FrameFlag.KEY : 0) | (filler ? FrameFlag.SLATE : 0);
    if (index === 0) {
      flags |= FrameFlag.CUT | (keyframe ? FrameFlag.INDEPENDENT : 0);
      if (cut?.discontinuity === true) flags |= FrameFlag.DISCONTINUITY;
    }
    this.frameCount++;
    this.byteCount += payload.byteLength;
    return { track: this.track.id, segment: this.segment, index, dts, ptsOffset, duration, flags, payload };
  }

  #fillWith(payload: Uint8Array): void {
    this.#filler = {
      key: this,
      payload,
      keyframe: true,
      offsetMicros: 0,
      filler: true,
      stampMs: 0,
      durationMicros: 0,
      nowMs: 0,
      micros: 0,
    };
  }
}

/** Name of a track in URLs. */
export function trackName(raw: RawTrack): string {
  const base = raw.kind === "video" ? "source" : "audio";
  return raw.number === 0 ? base : `${base}-${raw.number + 1}`;
}

/** The track of a lane as it is announced; its timescale is that of its first parameters. */
export function trackOf(raw: RawTrack, config: TrackConfig, id: number, timescale: number | undefined): Track {
  const own = config.kind === "video" ? VIDEO_TIMESCALE : config.sampleRate;
  return { id, name: trackName(raw), timescale: timescale ?? own, config };
}

/** The lane of an encoder's track. */
export function findLane(lanes: readonly Lane[], raw: RawTrack): Lane | undefined {
  for (const lane of lanes) if (lane.raw.kind === raw.kind && lane.raw.number === raw.number) return lane;
  return undefined;
}

/** The picture with the lowest number. */
export function firstPicture(lanes: readonly Lane[]): Lane | undefined {
  let first: Lane | undefined;
  for (const lane of lanes) {
    if (lane.video !== undefined && (first === undefined || lane.raw.number < first.raw.number)) first = lane;
  }
  return first;
}
