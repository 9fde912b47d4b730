import type { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import { isPublicAddress } from "./address-rule.ts";
import type { PullGate } from "./ports.ts";
import { Puller, type PullSpec, type PullStatus } from "./puller.ts";
import type { AddressRule } from "./reach.ts";

/** What {@link startPull} needs. */
export interface PullOptions {
  readonly sources: readonly PullSpec[];
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

class RunningPull implements Pull {
  readonly closed: Promise<Error | null>;
  readonly #pullers: ReadonlyMap<string, Puller>;
  readonly #removeGauge: () => void;
  readonly #resolveClosed: (error: Error | null) => void;
  #closing: Promise<void> | undefined;

  constructor(options: PullOptions) {
    const { sources, gate, clock, observer, metrics, allowPrivate = false, random = Math.random } = options;
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
    this.#pullers = new Map(sources.map((spec) => [spec.stream, new Puller({ ...around, spec })]));
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

  async #close(): Promise<void> {
    await Promise.all([...this.#pullers.values()].map((puller) => puller.close()));
    this.#removeGauge();
    this.#resolveClosed(null);
  }
}

/** Starts to pull every source; each is tried again and again by itself, whatever becomes of it. */
export function startPull(options: PullOptions): Promise<Pull> {
  return Promise.try(() => new RunningPull(options));
}
