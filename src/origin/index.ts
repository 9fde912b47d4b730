import type { Role } from "#flow/role.ts";
import type { BroadcastDirectory, LinkSource } from "#link/subscription.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import { feedWindow } from "#packaging/window-feeder.ts";
import type { Clock } from "#time/clock.ts";
import { OpenWindow } from "./open-window.ts";

/** Windows kept for one stream: the one on air and ended ones that are still watched. A stream that restarts faster loses the oldest. */
export const WINDOWS_PER_STREAM_MAX = 3;

/** What {@link startOrigin} needs. */
export interface OriginOptions {
  readonly directory: BroadcastDirectory;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}

/** Keeps the live window of every broadcast. */
export interface Origin extends Role {
  /** The newest window of a stream; `undefined` while it is not on air and its last one is gone. */
  open(stream: string): OpenWindow | undefined;
  /** Every window kept of a stream, newest first: an ended broadcast stays for its window length beside a new one. */
  windows(stream: string): readonly OpenWindow[];
}

/** Bytes of whole parts in all segments of a window, retrievable ones included. */
function sizeBytes(open: OpenWindow): number {
  let total = 0;
  for (const track of open.window.tracks) for (const segment of track.segments) total += segment.sizeBytes;
  return total;
}

class RunningOrigin implements Origin {
  readonly closed: Promise<Error | null>;
  readonly #options: OriginOptions;
  readonly #byStream = new Map<string, OpenWindow[]>();
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #stopListening: () => void;
  readonly #removeGauges: (() => void)[];
  readonly #resolveClosed: (error: Error | null) => void;

  constructor(options: OriginOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const { metrics, directory } = options;
    const all = (): OpenWindow[] => [...this.#byStream.values()].flat();
    this.#removeGauges = [
      metrics.gauge("grandstand_origin_windows", "Live windows kept, ended broadcasts included.", () => all().length),
      metrics.gauge("grandstand_origin_window_bytes", "Media bytes in all live windows.", () =>
        all().reduce((total, open) => total + sizeBytes(open), 0),
      ),
    ];
    this.#stopListening = directory.onStarted((source) => this.#follow(source));
    for (const source of directory.broadcasts()) this.#follow(source);
  }

  open(stream: string): OpenWindow | undefined {
    return this.#byStream.get(stream)?.[0];
  }

  windows(stream: string): readonly OpenWindow[] {
    return this.#byStream.get(stream) ?? [];
  }

  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) {
      this.#stopListening();
      this.#abort.abort(new Error("the origin closes"));
    }
    await Promise.all(this.#running);
    for (const remove of this.#removeGauges.splice(0)) remove();
    this.#resolveClosed(null);
  }

  #follow(source: LinkSource): void {
    if (this.#abort.signal.aborted) return;
    const run = this.#keep(source).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** One broadcast from its start to the end of its window's keeping. */
  async #keep(source: LinkSource): Promise<void> {
    const { clock, observer } = this.#options;
    const { signal } = this.#abort;
    let open: OpenWindow | undefined;
    try {
      const window = await feedWindow({
        subscription: source.subscribe({ from: "window", name: "origin" }),
        signal,
        clock,
        opened: (window) => {
          open = new OpenWindow({ stream: source.stream, window, nowMs: clock.nowMs() });
          this.#admit(open);
        },
        changed: () => open?.changed(clock.nowMs()),
      });
      if (window === undefined || open === undefined) return;
      if (window.ended === undefined && !signal.aborted) {
        // The link broke without saying why: nobody can continue this timeline in this process, so players are told that it is over.
        window.apply({ type: "end", why: "shutdown" });
        open.changed(clock.nowMs());
      }
      await clock.sleep(window.parameters.windowMicros / 1_000, signal);
    } catch (error) {
      if (!signal.aborted) {
        observer.event(
          "error",
          "origin.window.failed",
          {
            stream: source.stream,
            timelineId: source.timelineId,
            error: error instanceof Error ? (error.stack ?? error.message) : String(error),
          },
          `The live window of ${source.stream} failed and is dropped`,
        );
      }
    } finally {
      if (open !== undefined) this.#drop(open);
    }
  }

  #admit(open: OpenWindow): void {
    const windows = this.#byStream.get(open.stream) ?? [];
    const kept = [open, ...windows];
    for (const oldest of kept.splice(WINDOWS_PER_STREAM_MAX)) oldest.drop(this.#options.clock.nowMs());
    this.#byStream.set(open.stream, kept);
    this.#options.observer.event("info", "origin.window.opened", { stream: open.stream, timelineId: open.timelineId });
  }

  #drop(open: OpenWindow): void {
    const kept = (this.#byStream.get(open.stream) ?? []).filter((other) => other !== open);
    if (kept.length === 0) this.#byStream.delete(open.stream);
    else this.#byStream.set(open.stream, kept);
    open.drop(this.#options.clock.nowMs());
    this.#options.observer.event("info", "origin.window.dropped", { stream: open.stream, timelineId: open.timelineId });
  }
}

/** Starts the origin: follows every broadcast of the directory from its beginning and keeps its live window in memory. */
export function startOrigin(options: OriginOptions): Promise<Origin> {
  return Promise.try(() => new RunningOrigin(options));
}
