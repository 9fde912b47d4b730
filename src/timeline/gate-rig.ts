import type { LinkRecord } from "#link/record.ts";
import type { RawTrack } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { GateCheckpoint } from "./checkpoint.ts";
import { Gate } from "./gate.ts";
import {
  AUDIO,
  audioConfig,
  encode,
  type EncoderOptions,
  type SimulatedFrame,
  VIDEO,
  videoConfig,
} from "./test-encoder.ts";
import { TimelineChecker } from "./timeline-checker.ts";

/*
 * A gate under simulated time: encoder sessions go in, checked records come out. Tests only.
 */

/** Wall clock at simulated time 0: 2026-11-18T11:06:40Z, and a bit. */
export const EPOCH_OFFSET_MS = 1_795_000_000_123;
const TICK_MS = 100;

/** A gate with its checker, its records and its checkpoints. */
export class GateRig {
  readonly checker: TimelineChecker = new TimelineChecker();
  readonly records: LinkRecord[] = [];
  readonly gate: Gate;
  checkpoint: GateCheckpoint | undefined;
  nowMs: number;
  /** Frames that were sent, by number. */
  readonly sent: Map<number, SimulatedFrame> = new Map();
  readonly #wallOffsetMs: number;

  constructor(
    options: {
      checkpoint?: GateCheckpoint | undefined;
      segmentMicros?: number;
      nowMs?: number;
      wallOffsetMs?: number;
      timelineId?: string;
    } = {},
  ) {
    this.nowMs = options.nowMs ?? 0;
    this.#wallOffsetMs = options.wallOffsetMs ?? EPOCH_OFFSET_MS;
    this.gate = new Gate({
      settings: {
        stream: "main",
        segmentMicros: options.segmentMicros ?? 2_000_000,
        partTargetMicros: 500_000,
        windowMicros: 60_000_000,
        quickStart: true,
      },
      fence: 1,
      timelineId: options.timelineId ?? "00112233445566aa",
      checkpoint: options.checkpoint,
      ports: {
        started: (hello) => this.#take(hello),
        emit: (record) => this.#take(record),
        checkpoint: (checkpoint) => {
          this.checkpoint = checkpoint;
        },
      },
    });
  }

  #take(record: LinkRecord): void {
    this.records.push(record);
    this.checker.take(record);
  }

  /** Lets time pass without frames. */
  idle(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const tickMs = (Math.floor(this.nowMs / TICK_MS) + 1) * TICK_MS;
      if (tickMs > until) break;
      this.nowMs = tickMs;
      this.gate.tick(tickMs, tickMs + this.#wallOffsetMs);
    }
    this.nowMs = until;
  }

  /** A session of an encoder from now on to its end. `batchMs`: frames arrive in batches of that length. Answers its start. */
  session(options: EncoderOptions, how: { batchMs?: number; metadata?: EncoderMetadata; open?: boolean } = {}): number {
    const startMs = this.nowMs;
    this.gate.openSession(startMs);
    this.announce(options, how.metadata);
    this.feed(encode(options, startMs), how.batchMs);
    if (how.open !== true) this.gate.closeSession(this.nowMs);
    return startMs;
  }

  /** Configurations and metadata as encoders send them first. */
  announce(options: EncoderOptions, metadata?: EncoderMetadata): void {
    const { video, audio } = options;
    const told: Record<string, string | number | boolean> = {};
    if (video !== undefined) {
      told["width"] = 1280;
      if (video.claimsRate !== false) told["framerate"] = video.rate.num / video.rate.den;
    }
    if (audio !== undefined) told["audiosamplerate"] = audio.sampleRate;
    this.gate.describe(metadata ?? told);
    if (video !== undefined) this.configure(VIDEO, video.config ?? videoConfig());
    if (audio !== undefined && audio.lateSeconds === undefined) {
      this.configure(AUDIO, audio.config ?? audioConfig(audio.sampleRate));
    }
  }

  /** Tells the parameters of a track. */
  configure(raw: RawTrack, config: TrackConfig): void {
    this.gate.configure(raw, config, this.nowMs);
  }

  /** Delivers frames at their times, with the ticks between. */
  feed(frames: readonly SimulatedFrame[], batchMs = 0): void {
    let announced = false;
    for (const frame of frames) {
      const atMs = batchMs === 0 ? frame.arrivalMs : Math.ceil(frame.arrivalMs / batchMs) * batchMs;
      if (atMs > this.nowMs) this.idle(atMs - this.nowMs);
      this.sent.set(frame.id, frame);
      if (frame.raw.track.kind === "audio" && !announced) {
        announced = true;
        if (frame.raw.track === AUDIO) this.onFirstSound?.();
      }
      this.gate.frame(frame.raw, this.nowMs, this.nowMs + this.#wallOffsetMs);
    }
  }

  /** Called before the first sound of each session is delivered. */
  onFirstSound: (() => void) | undefined;
}
