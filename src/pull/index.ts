import type { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import { isPublicAddress } from "./address-rule.ts";
import type { PullDirectory, PullGate, PullSpec } from "./ports.ts";
import { Puller, type PullStatus } from "./puller.ts";
import type { AddressRule } from "./reach.ts";

/** What {@link startPull} needs. */
export interface PullOptions {
  readonly directory: PullDirectory;
  readonly gate: PullGate;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** Sources inside the operator's own network are allowed. Default false. */
  readonly allowPrivate?: boolean;
  /** Any certificate of a source is taken. Default false. */
  readonly insecure?: boolean;
  /** Certificate authorities in PEM, in place of those that this machine knows. */
  readonly ca?: string;
  /** Which addresses may be reached, in place of the public ones. */
  readonly permits?: AddressRule;
  /** 0 to 1, for the pauses between attempts. */
  readonly random?: () => number;
}

/** The pulls of every stream that has a source elsewhere. */
export interface Pull extends Role {
  /** `undefined` for streams that are not pulled. */
  status(stream: string): PullStatus | undefined;
  /** Process id of the stream's worker, while there is one. */
  workerPid(stream: string): number | undefined;
}

/** Whether a pull goes on with what its stream has become. */
function isSame(a: PullSpec, b: PullSpec): boolean {
  return a.loop === b.loop && JSON.stringify(a.source) === JSON.stringify(b.source);
}

class RunningPull implements Pull {
  readonly closed: Promise<Error | null>;
  readonly #directory: PullDirectory;
  readonly #makePuller: (spec: PullSpec) => Puller;
  readonly #pullers = new Map<string, Puller>();
  /** What is done with a stream's pull comes after what was done before. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #stopListening: () => void;
  readonly #removeGauge: () => void;
  readonly #resolveClosed: (error: Error | null) => void;
  #closing: Promise<void> | undefined;

  constructor(options: PullOptions) {
    const { directory, gate, clock, observer, metrics, allowPrivate = false, random = Math.random } = options;
    const permits = options.permits ?? (allowPrivate ? () => true : isPublicAddress);
    const trust = { ca: options.ca, insecure: options.insecure ?? false };
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const attempts = metrics.counter("grandstand_pull_attempts_total", "Attempts to read a pull source.");
    const failures = metrics.counter("grandstand_pull_failures_total", "Attempts that failed, at once or later.");
    const around = {
      gate,
      clock,
      observer,
      way: { permits, trust, clock },
      allowPrivate,
      random,
      refused: ({ code, message, hint }: Fault) =>
        observer.event("warn", "pull.connection.refused", { code, hint }, message),
      attempted: () => attempts.add(),
      failed: () => failures.add(),
    };
    this.#directory = directory;
    this.#makePuller = (spec) => new Puller({ ...around, spec });
    for (const spec of directory.pulls()) this.#pullers.set(spec.stream, this.#makePuller(spec));
    this.#stopListening = directory.onChange((stream) => this.#changed(stream));
    this.#removeGauge = metrics.gauge("grandstand_pull_live", "Streams that are pulled and on air.", () =>
      [...this.#pullers.values()].reduce((sum, { status }) => sum + (status.state === "live" ? 1 : 0), 0),
    );
  }

  status(stream: string): PullStatus | undefined {
    return this.#pullers.get(stream)?.status;
  }

  workerPid(stream: string): number | undefined {
    return this.#pullers.get(stream)?.pid;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #changed(stream: string): void {
    const turn = (this.#turns.get(stream) ?? Promise.resolve())
      .then(() => this.#follow(stream))
      .finally(() => {
        if (this.#turns.get(stream) === turn) this.#turns.delete(stream);
      });
    this.#turns.set(stream, turn);
  }

  /** Brings a stream's pull to what the directory says of it now. */
  async #follow(stream: string): Promise<void> {
    const puller = this.#pullers.get(stream);
    const before = this.#directory.pullOf(stream);
    if (puller !== undefined && before !== undefined && isSame(puller.spec, before)) return;
    await puller?.close();
    const wanted = this.#closing === undefined ? this.#directory.pullOf(stream) : undefined;
    if (wanted === undefined) this.#pullers.delete(stream);
    else this.#pullers.set(stream, this.#makePuller(wanted));
  }

  async #close(): Promise<void> {
    this.#stopListening();
    await Promise.all(this.#turns.values());
    await Promise.all([...this.#pullers.values()].map((puller) => puller.close()));
    this.#removeGauge();
    this.#resolveClosed(null);
  }
}

/** Starts to pull every source; each is tried again and again by itself, whatever becomes of it. */
export function startPull(options: PullOptions): Promise<Pull> {
  return Promise.try(() => new RunningPull(options));
}
