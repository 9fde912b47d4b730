import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EncoderFallback } from "#codecs/encoding.ts";
import { Fault } from "#faults/fault.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { type TrackConfig, VIDEO_TIMESCALE } from "#media/track.ts";
import type { Clock } from "#time/clock.ts";
import { microsToTicks, ticksToMicros } from "#time/ticks.ts";
import { soundRateOf } from "./sound-ladder.ts";
import { ALL_RUNGS, hasRung } from "./rung-mask.ts";
import {
  type TranscodeJob,
  type WireFrame,
  type WorkerCommand,
  type WorkerReport,
  WorkerReportReader,
  writeWorkerCommand,
} from "./worker-wire.ts";

const ENTRY = "./worker-process.ts";
/** How much of the process's own words is kept for a message, in characters. */
const WORDS_CHARS_MAX = 500;
/** How often the worker's progress is looked at, milliseconds. */
const LOOK_MS = 500;
/** So many looks without progress while frames wait (3 s): the worker hangs. Looks, not time: if we were stopped ourselves, it is not to blame. */
const IDLE_LOOKS_MAX = 6;
/** The same before it is ready (10 s): a process that begins on a busy machine takes its time. */
const OPENING_LOOKS_MAX = 20;
/** Bytes on their way to the worker; with more it is given up, for it will not catch up any more. */
const UNREAD_BYTES_MAX: number = 64 * 1024 * 1024;

/**
 * Codecs of sound are opened for each segment. With this, glibc gives their memory back when they are closed; otherwise it is split among what
 * lives longer, and half a megabyte is lost with each segment. Elsewhere it means nothing.
 */
const SOUND_ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: "131072" } as const;

/** A frame of a rung; the fields mean what they do in `Frame`. */
export interface RungFrame {
  /** Place in {@link TranscodeJob.rungs}. */
  readonly rung: number;
  /** The source's segment number. */
  readonly segment: number;
  /** Position in the rung's share of the segment, from 0. */
  readonly index: number;
  readonly dts: number;
  readonly ptsOffset: number;
  readonly duration: number;
  /** True for every sound, and for the first picture of a segment, which is an IDR, and no other. */
  readonly keyframe: boolean;
  /** As `Frame.payload`; parameter sets are in the rung's configuration alone. */
  readonly payload: Uint8Array;
}

/** What a worker tells. */
export interface TranscodeEvents {
  /** All rungs' codec parameters, once, before any frame. They never change while the worker lives, and depend on the job alone. */
  ready(configs: readonly TrackConfig[]): void;
  frame(frame: RungFrame): void;
  /** A rung's share of the segment is complete; it lacks frames only where the rung was switched off. */
  sealed(rung: number, segment: number, frameCount: number): void;
  /** The worker used so much processor time since it last said so. */
  spent(cpuMicros: number): void;
  /** Hardware was wanted and could not be opened: something else encodes. Once at most for each encoder that was wanted, before {@link ready}. */
  fellBack?(fallback: EncoderFallback): void;
  /**
   * The worker is gone: it crashed or told a fault (`TRANSCODER_FAILED`), or it hung or fell hopelessly behind and was killed
   * (`TRANSCODER_STALLED`). Once at most, not after `stop()`; nothing follows.
   */
  failed(fault: Fault): void;
}

/**
 * A transcode worker as its parent sees it: a process of its own that decodes a track of a broadcast and encodes its rungs. It ends with its
 * standard input, so it never outlives us.
 *
 *   opening ─ready─▶ working ─finish─▶ draining ─▶ ended
 *      └────────────────┴── fault, exit, hang ──┴──▶ failed        stop: ended at once, from everywhere
 */
export class TranscodeProcess {
  readonly #child: ChildProcess;
  readonly #events: TranscodeEvents;
  readonly #clock: Clock;
  readonly #reader = new WorkerReportReader();
  readonly #rungCount: number;
  readonly #isSound: boolean;
  /** Ticks per second of the source's track. */
  readonly #timescale: number;
  /** Ticks per second of the rungs. */
  readonly #rungTimescale: number;
  readonly #watching = new AbortController();
  readonly #exited = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;
  #isReady = false;
  #isFinishing = false;
  #words = "";
  /** Frames sent that the worker has not yet decoded. */
  #untaken = 0;
  #idleLooks = 0;
  /** Reports that came so far: a worker of which none comes makes nothing. */
  reports = 0;
  /**
   * Position the next frame must have to follow the last one, and whether the segment is whole; `undefined`: a picture must begin a segment with
   * a keyframe, a sound may be any.
   */
  #next: { segment: number; index: number; isSealed: boolean } | undefined;
  /** Decode times up to which frames were sent, were taken, and came back from each rung. Ticks of the track. */
  #sentTicks: number | undefined;
  readonly #takenTicks: number[] = [];
  readonly #backTicks: number[];
  /** Bits of the rungs that are made. */
  #mask = ALL_RUNGS;

  /** Starts the worker; what becomes of it is told to `events`. */
  constructor(job: TranscodeJob, events: TranscodeEvents, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
    this.#rungCount = job.rungs.length;
    this.#isSound = job.kind === "audio";
    this.#timescale = job.kind === "audio" ? job.timescale : VIDEO_TIMESCALE;
    this.#rungTimescale = job.kind === "audio" ? soundRateOf(job.timescale) : VIDEO_TIMESCALE;
    this.#backTicks = job.rungs.map(() => 0);
    // It needs nothing of our environment, and our secrets may be in it.
    this.#child = spawn(process.execPath, [fileURLToPath(new URL(ENTRY, import.meta.url)), job.kind], {
      stdio: ["pipe", "pipe", "pipe"],
      env: job.kind === "audio" ? SOUND_ENVIRONMENT : {},
    });
    this.#listen();
    this.#send({ kind: "open", job });
    void this.#watch();
  }

  /** The worker's process id; `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Microseconds of stream time that were sent and have not come back in all rungs; a reordering source keeps some pictures even from a fast worker. */
  get behindMicros(): number {
    if (this.#sentTicks === undefined) return 0;
    const sentTicks = this.#sentTicks;
    const made = this.#backTicks.filter((_, rung) => hasRung(this.#mask, rung));
    return ticksToMicros(sentTicks - Math.min(sentTicks, ...made), this.#timescale);
  }

  /**
   * Takes a frame of the source's track; never blocks. Pictures before the first keyframe that begins a segment are left out, and so is the
   * rest of a segment in which a frame is missing: the rungs then lack the end of it. A worker listens to a sound from any frame on, and makes
   * the first segment before which it heard enough.
   */
  frame(frame: Frame): void {
    if (this.#isOver || this.#isFinishing || !this.#follows(frame)) return;
    this.#next = { segment: frame.segment, index: frame.index + 1, isSealed: false };
    const endTicks = frame.dts + frame.duration;
    if (this.#sentTicks === undefined) this.#backTicks.fill(frame.dts);
    this.#sentTicks = endTicks;
    this.#takenTicks.push(endTicks);
    this.#untaken++;
    const { segment, index, dts, ptsOffset, duration, flags, payload } = frame;
    this.#send({ kind: "frame", frame: { segment, index, dts, ptsOffset, duration, flags, payload } });
    const unreadBytes = this.#child.stdin?.writableLength ?? 0;
    if (unreadBytes > UNREAD_BYTES_MAX)
      this.#fail(new Fault("TRANSCODER_STALLED", `the transcoder is ${unreadBytes} bytes behind`, HINTS.slow));
  }

  /** The source's share of the segment is complete: `frameCount` frames. */
  seal(segment: number, frameCount: number): void {
    const next = this.#next;
    if (next === undefined) return;
    const isEmpty = this.#isSound && segment > next.segment && frameCount === 0;
    if (isEmpty) this.#next = { segment, index: 0, isSealed: true };
    else if (next.segment !== segment) return;
    else if (next.index !== frameCount) return this.#abandon();
    next.isSealed = true;
    this.#send({ kind: "seal", segment, frameCount });
  }

  /** Changed parameters of the source, from its next frame on, which is a keyframe that begins a segment. The rungs stay as they are. */
  source(config: TrackConfig): void {
    this.#send({ kind: "source", source: config });
  }

  /** From the next segment on, makes only the rungs whose bits are set, counted from the lowest. All are made at first. */
  setRungs(mask: number): void {
    const sentTicks = this.#sentTicks;
    for (const [rung] of this.#backTicks.entries()) {
      if (sentTicks !== undefined && !hasRung(this.#mask, rung)) this.#backTicks[rung] = sentTicks;
    }
    this.#mask = mask;
    this.#send({ kind: "rungs", mask });
  }

  /** Has everything encoded and told that was sent, and ends the worker. Resolves when it is gone, also when it failed meanwhile. */
  async finish(): Promise<void> {
    if (!this.#isFinishing) this.#send({ kind: "finish" });
    this.#isFinishing = true;
    await this.#over.promise;
    this.#child.kill("SIGKILL");
    await this.#exited.promise;
  }

  /** Ends the worker at once; resolves when it is gone. No event follows. */
  async stop(): Promise<void> {
    this.#end();
    this.#child.kill("SIGKILL");
    await this.#exited.promise;
  }

  /** Whether the frame can be decoded with what was sent before it. */
  #follows(frame: Frame): boolean {
    const next = this.#next;
    const isStart = this.#isSound || (frame.index === 0 && (frame.flags & FrameFlag.KEY) !== 0);
    if (next === undefined) return isStart;
    if (this.#isSound) return this.#followsAsSound(frame, next);
    const isNext = frame.segment === next.segment ? frame.index === next.index : frame.index === 0;
    // A later segment without a keyframe needs all of the one before it.
    if (isNext && (isStart || frame.segment === next.segment || frame.segment === next.segment + 1)) return true;
    this.#abandon();
    return isStart;
  }

  /** A sound can be heard from any frame on; where some are missing, the worker begins anew. */
  #followsAsSound({ segment, index, dts }: Frame, next: { segment: number; index: number; isSealed: boolean }): true {
    const isNext = segment === next.segment ? index === next.index : index === 0 && segment > next.segment;
    if (!isNext || (dts !== this.#sentTicks && !next.isSealed)) this.#abandon();
    return true;
  }

  #abandon(): void {
    this.#next = undefined;
    this.#send({ kind: "abandon" });
  }

  #send(command: WorkerCommand): void {
    if (!this.#isOver && !this.#isFinishing) this.#child.stdin?.write(writeWorkerCommand(command));
  }

  #listen(): void {
    const child = this.#child;
    child.once("error", (error) => {
      this.#words = error.message;
      this.#gone("could not be started");
    });
    // Not `exit`: its last reports may still be in the pipe then.
    child.once("close", (code, signal) => this.#gone(`ended with ${signal ?? `code ${code}`}`));
    child.stdin?.on("error", () => undefined);
    child.stderr?.on("data", (chunk: Uint8Array) => {
      this.#words = (this.#words + new TextDecoder().decode(chunk)).slice(-WORDS_CHARS_MAX);
    });
    child.stdout?.on("data", (chunk: Uint8Array) => {
      try {
        for (const report of this.#reader.receive(chunk)) this.#take(report);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#fail(new Fault("TRANSCODER_FAILED", `the transcoder wrote nonsense: ${error.message}`, HINTS.failed));
      }
    });
  }

  #take(report: WorkerReport): void {
    if (this.#isOver) return;
    this.#idleLooks = 0;
    this.reports++;
    switch (report.kind) {
      case "ready":
        this.#takeReady(report.configs);
        return;
      case "frame":
        this.#takeFrame(report.rung, report.frame);
        return;
      case "sealed":
        this.#events.sealed(report.rung, report.segment, report.frameCount);
        return;
      case "spent":
        this.#events.spent(report.cpuMicros);
        return;
      case "fallback":
        this.#events.fellBack?.(report.fallback);
        return;
      case "taken": {
        this.#untaken--;
        const endTicks = this.#takenTicks.shift();
        if (report.isUnused && endTicks !== undefined) this.#backTicks.fill(endTicks);
        return;
      }
      case "end":
        this.#end();
        return;
      case "fault":
        this.#fail(new Fault("TRANSCODER_FAILED", `the transcoder gave up: ${report.message}`, HINTS.failed));
        return;
    }
  }

  #takeReady(configs: readonly TrackConfig[]): void {
    if (this.#isReady || configs.length !== this.#rungCount) {
      this.#fail(
        new Fault("TRANSCODER_FAILED", "the transcoder told of other rungs than it was asked for", HINTS.failed),
      );
      return;
    }
    this.#isReady = true;
    this.#events.ready(configs);
  }

  #takeFrame(rung: number, { flags, ...frame }: WireFrame): void {
    if (rung >= this.#rungCount) {
      this.#fail(
        new Fault("TRANSCODER_FAILED", `the transcoder made a frame of an unknown rung ${rung}`, HINTS.failed),
      );
      return;
    }
    this.#backTicks[rung] = this.#sourceTicks(frame.dts + frame.duration);
    this.#events.frame({ rung, keyframe: (flags & FrameFlag.KEY) !== 0, ...frame });
  }

  /** Time of a rung in ticks of the source's track. */
  #sourceTicks(rungTicks: number): number {
    if (this.#rungTimescale === this.#timescale) return rungTicks;
    return microsToTicks(ticksToMicros(rungTicks, this.#rungTimescale), this.#timescale);
  }

  /** Kills a worker that has something to do and does nothing. */
  async #watch(): Promise<void> {
    const { signal } = this.#watching;
    while (!signal.aborted) {
      // Aborted by the end of the worker.
      await this.#clock.sleep(LOOK_MS, signal).catch(() => undefined);
      const hasWork = this.#untaken > 0 || !this.#isReady || this.#isFinishing;
      this.#idleLooks = hasWork ? this.#idleLooks + 1 : 0;
      const looksMax = this.#isReady ? IDLE_LOOKS_MAX : OPENING_LOOKS_MAX;
      if (this.#idleLooks < looksMax || signal.aborted) continue;
      const seconds = (LOOK_MS * looksMax) / 1000;
      this.#fail(new Fault("TRANSCODER_STALLED", `the transcoder did nothing for ${seconds} s`, HINTS.slow));
    }
  }

  /** The process is gone; unless that was expected, it failed. */
  #gone(outcome: string): void {
    const words = this.#words.trim();
    const message = `the transcoder ${outcome}${words === "" ? "" : `: ${words}`}`;
    this.#fail(new Fault("TRANSCODER_FAILED", message, HINTS.failed));
    this.#exited.resolve();
  }

  #fail(fault: Fault): void {
    if (this.#isOver) return;
    this.#end();
    this.#child.kill("SIGKILL");
    this.#events.failed(fault);
  }

  /** Nothing is told any more. */
  #end(): void {
    this.#isOver = true;
    this.#watching.abort();
    this.#child.stdin?.end();
    this.#over.resolve();
  }
}

const HINTS = {
  failed: { hint: "it is started again by itself; if it fails again and again, look at the source's codec" },
  slow: { hint: "take fewer or smaller rungs, the profile realtime, or a faster machine" },
} as const;
