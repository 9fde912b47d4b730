import type { Role } from "#flow/role.ts";
import { parseAv1Config } from "#media/codecs/av1.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { parseHevcConfig } from "#media/codecs/hevc.ts";
import type { Slate, SlateMaker, SlateRequest } from "#media/slate.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import { runSlateProcess } from "./slate-process.ts";
import type { MadeSlate } from "./slate-wire.ts";

/** What {@link startSlates} needs. */
export interface SlatesOptions {
  readonly observer: Observer;
  readonly clock: Clock;
}

/** The role that makes slates. */
export interface Slates extends Role, SlateMaker {}

function configOf(record: Uint8Array, { codec, pixelAspect }: VideoConfig): VideoConfig {
  const parse = { avc: parseAvcConfig, hevc: parseHevcConfig, av1: parseAv1Config, vp9: parseAv1Config }[codec];
  // AV1's bitstream has no word for the samples' shape.
  return { ...parse(record), pixelAspect };
}

function slateOf(request: SlateRequest, { record, pictures, sound, fault }: MadeSlate): Slate {
  const { audio, frameRate } = request;
  return {
    video: configOf(record, request.video),
    frameRate,
    pictures,
    sound: sound === undefined || audio === undefined ? undefined : { config: audio, frames: sound },
    ...(fault === undefined ? {} : { fault }),
  };
}

class RunningSlates implements Slates {
  readonly closed: Promise<Error | null>;
  readonly #options: SlatesOptions;
  readonly #resolveClosed: (error: Error | null) => void;

  constructor(options: SlatesOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  async make(request: SlateRequest, signal: AbortSignal): Promise<Slate> {
    const { clock } = this.#options;
    return slateOf(request, await runSlateProcess(request, { clock, signal }));
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.#resolveClosed(null);
  }
}

/** Starts the maker of slates. */
export function startSlates(options: SlatesOptions): Promise<Slates> {
  return Promise.try(() => new RunningSlates(options));
}
