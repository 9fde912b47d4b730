import type { EncoderFallback } from "#codecs/encoding.ts";
import type { Fault } from "#faults/fault.ts";
import type { Frame } from "#media/frame.ts";
import type { TrackConfig } from "#media/track.ts";
import type { Clock } from "#time/clock.ts";
import { systemClock } from "#time/system-clock.ts";
import { type RungFrame, TranscodeProcess } from "./transcode-process.ts";
import type { TranscodeJob } from "./worker-wire.ts";

/** For tests: a run of a worker and all it told. */
export class WorkerRun<Config extends TrackConfig> {
  readonly process: TranscodeProcess;
  configs: readonly Config[] = [];
  readonly frames: RungFrame[][];
  /** Per rung: segment → frame count. */
  readonly sealed: Map<number, number>[];
  readonly faults: Fault[] = [];
  readonly fallbacks: EncoderFallback[] = [];
  /** Processor time that the worker told of, microseconds. */
  cpuMicros = 0;
  /** Milliseconds from the start to the first frame of a rung. */
  firstFrameMs: number | undefined;
  #changed = Promise.withResolvers<void>();
  #open: Frame | undefined;

  constructor(job: TranscodeJob, isOwn: (config: TrackConfig) => config is Config, clock: Clock = systemClock) {
    const startedMs = systemClock.nowMs();
    this.frames = job.rungs.map(() => []);
    this.sealed = job.rungs.map(() => new Map());
    const events = {
      ready: (configs: readonly TrackConfig[]) => {
        this.configs = configs.filter(isOwn);
        this.#happened();
      },
      frame: (frame: RungFrame) => {
        this.firstFrameMs ??= systemClock.nowMs() - startedMs;
        this.frames[frame.rung]?.push(frame);
        this.#happened();
      },
      sealed: (rung: number, segment: number, frameCount: number) => {
        this.sealed[rung]?.set(segment, frameCount);
        this.#happened();
      },
      spent: (cpuMicros: number) => {
        this.cpuMicros += cpuMicros;
        this.#happened();
      },
      fellBack: (fallback: EncoderFallback) => {
        this.fallbacks.push(fallback);
        this.#happened();
      },
      failed: (fault: Fault) => {
        this.faults.push(fault);
        this.#happened();
      },
    };
    this.process = new TranscodeProcess(job, events, clock);
  }

  /** Sends frames and, where a segment ends, its seal. */
  feed(frames: readonly Frame[]): this {
    for (const frame of frames) {
      const before = this.#open;
      if (before !== undefined && before.segment !== frame.segment) this.process.seal(before.segment, before.index + 1);
      this.process.frame(frame);
      this.#open = frame;
    }
    return this;
  }

  /** Seals the last segment and ends the worker. */
  async finish(): Promise<this> {
    if (this.#open !== undefined) this.process.seal(this.#open.segment, this.#open.index + 1);
    await this.process.finish();
    return this;
  }

  /** Resolves when `reached` holds after some event. */
  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await this.#changed.promise;
  }

  /** A rung's frames of one segment. */
  segment(rung: number, segment: number): RungFrame[] {
    return (this.frames[rung] ?? []).filter((frame) => frame.segment === segment);
  }

  #happened(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
