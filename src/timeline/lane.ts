import { silentAacFrame } from "#media/codecs/silent-aac.ts";
import { opusPacketSamples } from "#media/codecs/opus.ts";
import { type Frame, FrameFlag, type RawTrack } from "#media/frame.ts";
import type { AudioConfig, Track, TrackConfig } from "#media/track.ts";
import { microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { AudioStamper } from "./audio-stamper.ts";
import { type StampedVideo, VideoStamper } from "./video-stamper.ts";

/** A frame between its arrival and its stamp. */
export interface LaneFrame {
  readonly payload: Uint8Array;
  readonly keyframe: boolean;
  /** Presentation minus decode time, microseconds. */
  readonly offsetMicros: number;
  /** Made by us. */
  readonly filler: boolean;
  /** Changed tracks and parameters take effect with this frame. */
  readonly changes: boolean;
}

/** A follower's frame that waits for the leading track to decide over cuts. */
export interface WaitingFrame {
  readonly frame: LaneFrame;
  readonly micros: number;
  readonly nowMs: number;
}

/** A cut as lanes need it. */
export interface LaneCut {
  readonly segment: number;
  readonly startMicros: number;
  readonly discontinuity: boolean;
}

/** Fallback for audio codecs that do not say how long a frame is, samples. */
const UNKNOWN_SAMPLES = 1024;

/** Samples of one frame of this track. */
function samplesOf(config: AudioConfig, payload: Uint8Array): number {
  if (config.codec === "opus") return opusPacketSamples(payload) ?? config.samplesPerFrame;
  return config.samplesPerFrame === 0 ? UNKNOWN_SAMPLES : config.samplesPerFrame;
}

/**
 * One track of a timeline on its way through the gate: its stamper, its place among the segments, and what fills its holes.
 * A lane lives as long as its timeline, across sessions of the encoder.
 */
export class Lane {
  readonly raw: RawTrack;
  track: Track;
  readonly video: VideoStamper<LaneFrame> | undefined;
  audio: AudioStamper | undefined;
  /** Segment that takes the next frame; -1 before the first. */
  segment = -1;
  /** Frames in that segment. */
  count = 0;
  /** Configuration that holds from the next cut on. */
  pendingConfig: TrackConfig | undefined;
  /** It joins: no frame is of use before its first keyframe. */
  needsKeyframe = false;
  /** Frames that wait for the leading track's decision, oldest first. */
  waiting: WaitingFrame[] = [];
  arrivedMs: number = Number.NEGATIVE_INFINITY;
  frameCount = 0;
  byteCount = 0;
  #filler: Uint8Array | undefined;

  constructor(raw: RawTrack, track: Track) {
    this.raw = raw;
    this.track = track;
    this.video = raw.kind === "video" ? new VideoStamper() : undefined;
    this.configure(track);
  }

  /** New codec parameters. The track's timescale stays, whatever the sample rate becomes. */
  configure(track: Track): void {
    this.track = track;
    this.#filler = undefined;
    if (track.config.kind === "audio") {
      this.#filler = silentAacFrame(track.config);
      this.audio ??= new AudioStamper(track.timescale);
      this.audio.sampleRate = track.config.sampleRate;
    }
  }

  /** Payload that fills a hole: silence, or else the last sound; the last keyframe's picture. */
  get filler(): Uint8Array | undefined {
    return this.#filler;
  }

  /** Remembers what can fill a hole later. */
  remember(frame: LaneFrame): void {
    if (frame.filler) return;
    const { config } = this.track;
    if (config.kind === "video") {
      if (frame.keyframe) this.#filler = frame.payload;
    } else if (config.codec !== "aac" || this.#filler === undefined) {
      this.#filler = frame.payload;
    }
  }

  /** Likely length of a frame, microseconds. */
  durationMicros(payload: Uint8Array): number {
    if (this.video !== undefined) return this.video.frameMicros;
    const { config } = this.track;
    return config.kind === "audio" ? ticksToMicros(samplesOf(config, payload), config.sampleRate) : 0;
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

  /** Whether a frame with this decode time (ticks) belongs to the segment that `cut` begins, or to a later one. */
  isAtOrAfter(cut: LaneCut, dts: number): boolean {
    return dts >= microsToTicks(cut.startMicros, this.track.timescale);
  }

  /** Makes the frame: its name, its flags. */
  frame(stamped: StampedVideo<LaneFrame>, cut: LaneCut | undefined): Frame {
    const index = this.count++;
    const { payload, keyframe, filler } = stamped.payload;
    let flags = (keyframe ? FrameFlag.KEY : 0) | (filler ? FrameFlag.SLATE : 0);
    if (index === 0) {
      flags |= FrameFlag.CUT | (keyframe ? FrameFlag.INDEPENDENT : 0);
      if (cut?.discontinuity === true) flags |= FrameFlag.DISCONTINUITY;
    }
    return {
      track: this.track.id,
      segment: this.segment,
      index,
      dts: stamped.dts,
      ptsOffset: stamped.ptsOffset,
      duration: stamped.duration,
      flags,
      payload,
    };
  }
}

/** Name of a track in URLs. */
export function trackName(raw: RawTrack): string {
  const base = raw.kind === "video" ? "source" : "audio";
  return raw.number === 0 ? base : `${base}-${raw.number + 1}`;
}
