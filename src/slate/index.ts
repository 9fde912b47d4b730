import { stat } from "node:fs/promises";
import { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import { parseAv1Config } from "#media/codecs/av1.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { parseHevcConfig } from "#media/codecs/hevc.ts";
import type { Slate, SlateMaker, SlateRequest } from "#media/slate.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import { SlateCache } from "./slate-cache.ts";
import { runSlateProcess, type SlateProcessOptions } from "./slate-process.ts";
import type { MadeSlate } from "./slate-wire.ts";
import { Turns } from "./turns.ts";

/** Workers at the same time at most; further requests wait. */
const WORKERS_MAX = 2;
/** How many of them may be busy with operators' files: a clip takes long, and cards are wanted at once. */
const FILE_WORKERS_MAX = 1;
/** Requests that may wait at most; further ones are refused with `LIMIT_REACHED`. */
const WAITING_MAX = 1000;

/** What {@link startSlates} needs. */
export interface SlatesOptions {
  readonly observer: Observer;
  readonly clock: Clock;
  /** For tests: how workers are run. */
  readonly worker?: Pick<SlateProcessOptions, "entry" | "deadlineMs" | "onStarted">;
}

/**
 * The role that makes slates. A slate of an operator's file that cannot be used is the card, and the event `slate.file.refused` tells why; one of a
 * keyframe that cannot be decoded has our own background.
 */
export interface Slates extends Role, SlateMaker {}

function configOf(record: Uint8Array, { codec, pixelAspect }: VideoConfig): VideoConfig {
  const parse = { avc: parseAvcConfig, hevc: parseHevcConfig, av1: parseAv1Config, vp9: parseAv1Config }[codec];
  // AV1's bitstream has no word for the samples' shape.
  return { ...parse(record), pixelAspect };
}

/** @throws ProtocolError when the worker's parameter sets are none. */
function slateOf({ audio, frameRate, video }: SlateRequest, { record, pictures, sound }: MadeSlate): Slate {
  return {
    video: configOf(record, video),
    frameRate,
    pictures,
    sound: sound === undefined || audio === undefined ? undefined : { config: audio, frames: sound },
  };
}

/** Everything that a slate is made of, as one text; `undefined` when it is made of the broadcast's own picture. */
async function contentOf(request: SlateRequest): Promise<string | undefined> {
  const { video, frameRate, audio, file, title, words, background } = request;
  if (background !== undefined) return undefined;
  let version = "";
  if (file !== undefined) {
    // One that is not there is told of by the worker.
    const found = await stat(file).catch(() => undefined);
    version = `${found?.mtimeMs} ${found?.size}`;
  }
  const { codec, width, height, pixelAspect, colour } = video;
  const sound = audio && { ...audio, record: [...audio.record] };
  const picture = { codec, width, height, pixelAspect, colour };
  return JSON.stringify({ picture, frameRate, sound, file, version, title, words });
}

/** A slate that is being made, and how many wait for it. */
interface Making {
  readonly slate: Promise<Slate>;
  readonly abort: AbortController;
  waiting: number;
}

class RunningSlates implements Slates {
  readonly closed: Promise<Error | null>;
  readonly #options: SlatesOptions;
  readonly #kept = new SlateCache();
  /** By what they are made of. */
  readonly #making = new Map<string, Making>();
  readonly #running = new Set<Making>();
  readonly #turns = new Turns(WORKERS_MAX, WAITING_MAX);
  readonly #fileTurns = new Turns(FILE_WORKERS_MAX, WAITING_MAX);
  readonly #abort = new AbortController();
  readonly #resolveClosed: (error: Error | null) => void;

  constructor(options: SlatesOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  async make(request: SlateRequest, signal: AbortSignal): Promise<Slate> {
    const content = await contentOf(request);
    signal.throwIfAborted();
    this.#abort.signal.throwIfAborted();
    const kept = content === undefined ? undefined : this.#kept.get(content);
    if (kept !== undefined) return kept;
    const making = (content === undefined ? undefined : this.#making.get(content)) ?? this.#begin(request, content);
    making.waiting++;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([making.slate, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (--making.waiting === 0) {
        this.#forget(making, content);
        making.abort.abort(signal.reason);
      }
    }
  }

  async close(): Promise<void> {
    this.#abort.abort(new Fault("SLATE_FAILED", "slates are no longer made: the node closes"));
    const running = [...this.#running];
    for (const { abort } of running) abort.abort(this.#abort.signal.reason);
    await Promise.allSettled(running.map(({ slate }) => slate));
    this.#resolveClosed(null);
  }

  #begin(request: SlateRequest, content: string | undefined): Making {
    const abort = new AbortController();
    const making = { slate: this.#produce(request, content, abort.signal), abort, waiting: 0 };
    this.#running.add(making);
    if (content !== undefined) this.#making.set(content, making);
    const end = (): void => {
      this.#running.delete(making);
      this.#forget(making, content);
    };
    making.slate.then(end, end);
    return making;
  }

  #forget(making: Making, content: string | undefined): void {
    if (content !== undefined && this.#making.get(content) === making) this.#making.delete(content);
  }

  async #produce(request: SlateRequest, content: string | undefined, signal: AbortSignal): Promise<Slate> {
    try {
      const slate = await this.#run(request, signal);
      if (content !== undefined) this.#kept.keep(content, slate);
      return slate;
    } catch (error) {
      if (request.file === undefined || signal.aborted || !(error instanceof Fault)) throw error;
      const slate = await this.#run({ ...request, file: undefined }, signal);
      this.#tellRefused(request.stream, request.file, error);
      return { ...slate, fault: error };
    }
  }

  #run(request: SlateRequest, signal: AbortSignal): Promise<Slate> {
    const { clock, worker } = this.#options;
    const work = async (): Promise<Slate> =>
      slateOf(request, await runSlateProcess(request, { ...worker, clock, signal }));
    const inTurn = (): Promise<Slate> => this.#turns.run(work, signal);
    return request.file === undefined ? inTurn() : this.#fileTurns.run(inTurn, signal);
  }

  #tellRefused(stream: string, file: string, { code, message, hint }: Fault): void {
    const told = `${file} cannot be the slate of ${stream}, which shows the card instead: ${message}`;
    this.#options.observer.event("warn", "slate.file.refused", { stream, file, code, hint }, told);
  }
}

/** Starts the maker of slates: each is made by a process of its own, {@link WORKERS_MAX} at a time, and equal ones are made once. */
export function startSlates(options: SlatesOptions): Promise<Slates> {
  return Promise.try(() => new RunningSlates(options));
}
