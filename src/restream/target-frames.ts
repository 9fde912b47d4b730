/**
 * A broadcast's records as one target's frames.
 *
 *   records ──▶ chosen tracks ──▶ from a keyframe on ──▶ in one order ──▶ milliseconds from 0 ──▶ frames
 *
 * Times are stream time minus the time of the first keyframe. Stream time only grows, over discontinuities and lost encoders too, and so do these.
 *
 * In stream time a keyframe is shown when it is decoded, and pictures that refer to later ones are shown before they are decoded. RTMP has no such
 * pictures (FLV 10.1 §E.4.3.2 allows negative composition times, its readers do not), so pictures are sent as much earlier as the most
 * belated one needs. How much that is shows when it comes; it is then shown a millisecond late.
 *
 * An encoder that is cut off leaves pictures that are shown after the next encoder's first ones, since those that belonged between were lost. The first
 * ones are then shown closer together, after them: what is shown is in order over every change, too.
 */
import type { LinkRecord } from "#link/record.ts";
import { type Frame, FrameFlag, type RawFrame } from "#media/frame.ts";
import type { Track, TrackConfig } from "#media/track.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { type ChosenTracks, chooseTracks } from "./chosen-tracks.ts";
import { Interleaver, type Timed } from "./interleaver.ts";

/** A frame with the codec parameters it needs; its times are milliseconds from 0. */
export interface TargetFrame {
  readonly frame: RawFrame;
  readonly config: TrackConfig;
}

interface Waiting extends Timed {
  readonly track: Track;
  readonly frame: Frame;
}

/** Segments whose tracks are remembered for frames that come after a later cut. */
const SEGMENTS_REMEMBERED_MAX = 8;

/** Over how many times their overlap with what was before the first pictures of a new start are moved closer together. */
const SQUEEZED_OVERLAPS = 4;

const NUMBER_ONE = { video: { kind: "video", number: 0 }, audio: { kind: "audio", number: 0 } } as const;

/** Turns one subscription into frames for one connection. */
export class TargetFrames {
  readonly #rendition: string;
  readonly #interleaver: Interleaver<Waiting> = new Interleaver();
  readonly #chosen = new Map<number, ChosenTracks>();
  #tracks: readonly Track[] = [];
  #latest: ChosenTracks = { video: undefined, audio: undefined };
  #startMicros: number | undefined;
  /** How much earlier than in stream time pictures are decoded, microseconds. */
  #earlierMicros = 0;
  /** Decode time of the last frame of each kind, milliseconds. */
  readonly #lastMs: Record<Timed["kind"], number> = { video: -1, audio: -1 };
  /** When the latest picture is shown, milliseconds. */
  #shownMs = -1;
  /** The last keyframe that was to be shown before pictures that came before it, and by how much, milliseconds. */
  #joint = { atMs: 0, overlapMs: 0 };
  /** The picture that was taken last; the next must follow it, or begin anew. */
  #last: { readonly track: number; readonly segment: number; readonly index: number } | undefined;
  #lostFrom: number | undefined;
  #droppedGops = 0;
  #isOver = false;

  /** `rendition`: name of the picture's track. */
  constructor(rendition: string) {
    this.#rendition = rendition;
  }

  /** Groups of pictures that the subscription lost because it was read too slowly. */
  get droppedGops(): number {
    return this.#droppedGops;
  }

  /** Codec parameters of what the newest segment gives, the picture's first. */
  get configs(): readonly TrackConfig[] {
    const { video, audio } = this.#latest;
    return [video, audio].flatMap((track) => (track === undefined ? [] : [track.config]));
  }

  /** The broadcast has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes a record and gives the frames that may leave now. @throws Fault `RENDITION_ABSENT` when the picture left the broadcast. */
  *take(record: LinkRecord): Generator<TargetFrame> {
    switch (record.type) {
      case "hello":
      case "tracks":
        this.#tracks = record.tracks;
        break;
      case "cut":
        this.#latest = chooseTracks(this.#tracks, this.#rendition);
        this.#chosen.set(record.segment, this.#latest);
        this.#chosen.delete(record.segment - SEGMENTS_REMEMBERED_MAX);
        break;
      case "frame":
        this.#frame(record.frame);
        break;
      case "skip":
        if (record.track === this.#latest.video?.id) this.#lostFrom ??= record.fromSegment;
        break;
      case "end":
        this.#isOver = true;
        break;
      case "seal":
      case "head":
      case "event":
        break;
    }
    const { video, audio } = this.#latest;
    const isWaitedFor = !this.#isOver;
    yield* this.#leaving({
      hasVideo: isWaitedFor && video !== undefined,
      hasAudio: isWaitedFor && audio !== undefined,
    });
  }

  #frame(frame: Frame): void {
    const chosen = this.#chosen.get(frame.segment);
    if (chosen === undefined) return;
    const { video, audio } = chosen;
    if (frame.track === audio?.id) {
      this.#interleaver.push({
        kind: "audio",
        track: audio,
        frame,
        atMicros: ticksToMicros(frame.dts, audio.timescale),
      });
    } else if (frame.track === video?.id && this.#follows(frame)) {
      const decodedMicros = ticksToMicros(frame.dts, video.timescale);
      const belatedMicros = decodedMicros - ticksToMicros(frame.dts + frame.ptsOffset, video.timescale);
      this.#earlierMicros = Math.max(this.#earlierMicros, belatedMicros);
      const atMicros = decodedMicros - this.#earlierMicros;
      this.#interleaver.push({ kind: "video", track: video, frame, atMicros });
    }
  }

  /** Whether a picture can be decoded after those that were taken. */
  #follows({ track, segment, index, flags }: Frame): boolean {
    const last = this.#last;
    const isNext =
      last !== undefined &&
      this.#lostFrom === undefined &&
      last.track === track &&
      (last.segment === segment ? index === last.index + 1 : index === 0);
    if (!isNext && (flags & FrameFlag.KEY) === 0) {
      this.#last = undefined;
      return false;
    }
    if (this.#lostFrom !== undefined) this.#droppedGops += Math.max(1, segment - this.#lostFrom);
    this.#lostFrom = undefined;
    this.#last = { track, segment, index };
    return true;
  }

  *#leaving(kinds: { readonly hasVideo: boolean; readonly hasAudio: boolean }): Generator<TargetFrame> {
    for (const { kind, track, frame, atMicros } of this.#interleaver.take(kinds)) {
      const isSound = kind === "audio";
      // Sound that was there before the first picture stays behind.
      if (this.#startMicros === undefined && isSound && this.#latest.video !== undefined) continue;
      const startMicros = (this.#startMicros ??= atMicros);
      if (isSound && atMicros < startMicros) continue;
      const dts = Math.max(this.#lastMs[kind] + 1, Math.round((atMicros - startMicros) / 1000));
      this.#lastMs[kind] = dts;
      const shownMicros = ticksToMicros(frame.dts + frame.ptsOffset, track.timescale);
      const keyframe = isSound || (frame.flags & FrameFlag.KEY) !== 0;
      const shownMs = isSound ? dts : this.#inOrder(Math.round((shownMicros - startMicros) / 1000), keyframe);
      yield {
        config: track.config,
        frame: {
          track: NUMBER_ONE[kind],
          dts,
          ptsOffset: Math.max(0, shownMs - dts),
          keyframe,
          payload: frame.payload,
        },
      };
    }
  }

  /** When a picture is shown, milliseconds, so that it follows those of an encoder before. */
  #inOrder(ms: number, keyframe: boolean): number {
    if (keyframe && ms <= this.#shownMs) this.#joint = { atMs: ms, overlapMs: this.#shownMs + 1 - ms };
    const { atMs, overlapMs } = this.#joint;
    const spanMs = SQUEEZED_OVERLAPS * overlapMs;
    const isPast = overlapMs === 0 || ms >= atMs + spanMs;
    const shownMs = isPast ? ms : atMs + overlapMs + Math.round(((ms - atMs) * (spanMs - overlapMs)) / spanMs);
    this.#shownMs = Math.max(this.#shownMs, shownMs);
    return shownMs;
  }
}
