import type { Role } from "#flow/role.ts";
import type { BroadcastDirectory, LinkSource } from "#link/subscription.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import type { RestreamTarget, TargetDirectory, TargetState, TargetStatus } from "./ports.ts";
import { TargetRun } from "./target-run.ts";

/** What we call ourselves to other servers. */
const ENCODER = "Grandstand";
const STATES: readonly TargetState[] = ["waiting", "connecting", "live", "retrying", "refused", "stopped"];

/** What {@link startRestream} needs. */
export interface RestreamOptions {
  /** Where broadcasts come from, rungs and all: the transcoder. */
  readonly directory: BroadcastDirectory;
  readonly targets: TargetDirectory;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** Certificate authorities in PEM that are trusted beside the usual ones. */
  readonly ca?: string;
}

/** Pushes broadcasts on to other servers. */
export interface Restream extends Role {
  /** How each of the stream's targets stands, in their order. */
  statusOf(stream: string): readonly TargetStatus[];
}

/** A target that was on air at least once, with its metrics. */
interface Kept {
  readonly run: TargetRun;
  readonly removeMetrics: () => void;
}

/** Whether a run goes on with what its target has become. */
function isSame(a: RestreamTarget, b: RestreamTarget): boolean {
  return a.name === b.name && a.url === b.url && a.key === b.key && a.rendition === b.rendition;
}

function initialStatus({ id, enabled }: RestreamTarget): TargetStatus {
  return {
    id,
    state: enabled ? "waiting" : "stopped",
    sinceMs: undefined,
    nextTryMs: undefined,
    lastProblem: undefined,
    sentBytes: 0,
    reconnects: 0,
    droppedGops: 0,
  };
}

class RunningRestream implements Restream {
  readonly closed: Promise<Error | null>;
  readonly #options: RestreamOptions;
  /** By stream, then by the target's id. Bounded by the targets there are. */
  readonly #streams = new Map<string, Map<string, Kept>>();
  /** Runs that are ending. */
  readonly #ending = new Set<Promise<void>>();
  readonly #stopListening: readonly (() => void)[];
  readonly #resolveClosed: (error: Error | null) => void;
  #isClosing = false;

  constructor(options: RestreamOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const { directory, targets } = options;
    this.#stopListening = [
      directory.onStarted((source) => this.#follow(source)),
      targets.onChange((stream) => this.#changed(stream)),
    ];
    for (const source of directory.broadcasts()) this.#follow(source);
  }

  statusOf(stream: string): readonly TargetStatus[] {
    const kept = this.#streams.get(stream);
    return this.#options.targets
      .targetsOf(stream)
      .map((target) => kept?.get(target.id)?.run.status ?? initialStatus(target));
  }

  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      for (const stop of this.#stopListening) stop();
      for (const [stream, kept] of this.#streams) for (const id of kept.keys()) this.#end(stream, id);
    }
    await Promise.all(this.#ending);
    this.#resolveClosed(null);
  }

  #follow(source: LinkSource): void {
    for (const target of this.#options.targets.targetsOf(source.stream)) {
      if (target.enabled) this.#keep(source.stream, target).run.begin(source);
    }
  }

  #changed(stream: string): void {
    const targets = new Map(this.#options.targets.targetsOf(stream).map((target) => [target.id, target]));
    for (const [id, { run }] of this.#streams.get(stream) ?? []) {
      const target = targets.get(id);
      if (target === undefined || !isSame(target, run.target)) this.#end(stream, id);
    }
    const source = this.#onAir(stream);
    for (const target of targets.values()) {
      const kept = this.#streams.get(stream)?.get(target.id);
      if (!target.enabled) {
        if (kept !== undefined) this.#awaitEnd(kept.run.pause());
      } else if (kept === undefined || kept.run.status.state === "stopped") {
        const { run } = this.#keep(stream, target);
        if (source !== undefined) run.begin(source);
        else run.wait();
      }
    }
  }

  #onAir(stream: string): LinkSource | undefined {
    for (const source of this.#options.directory.broadcasts()) if (source.stream === stream) return source;
    return undefined;
  }

  #keep(stream: string, target: RestreamTarget): Kept {
    let kept = this.#streams.get(stream);
    if (kept === undefined) this.#streams.set(stream, (kept = new Map<string, Kept>()));
    const existing = kept.get(target.id);
    if (existing !== undefined) return existing;
    const { directory, clock, observer, ca } = this.#options;
    const run = new TargetRun({ stream, target, directory, clock, observer, encoder: ENCODER, ca });
    const made: Kept = { run, removeMetrics: this.#measure(stream, run) };
    kept.set(target.id, made);
    return made;
  }

  #end(stream: string, id: string): void {
    const kept = this.#streams.get(stream);
    const ended = kept?.get(id);
    if (kept === undefined || ended === undefined) return;
    kept.delete(id);
    if (kept.size === 0) this.#streams.delete(stream);
    ended.removeMetrics();
    this.#awaitEnd(ended.run.pause());
  }

  #awaitEnd(pausing: Promise<void>): void {
    const ending = pausing.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #measure(stream: string, run: TargetRun): () => void {
    const { metrics } = this.#options;
    const labels = { stream, target: run.target.name };
    const removers = [
      ...STATES.map((state) =>
        metrics.gauge(
          "grandstand_restream_state",
          "1 for the state a restream target is in.",
          () => (run.status.state === state ? 1 : 0),
          { ...labels, state },
        ),
      ),
      metrics.total(
        "grandstand_restream_sent_bytes_total",
        "Bytes handed to a restream target's connections.",
        () => run.status.sentBytes,
        labels,
      ),
      metrics.total(
        "grandstand_restream_reconnects_total",
        "Connections to a restream target made anew after a loss.",
        () => run.status.reconnects,
        labels,
      ),
      metrics.total(
        "grandstand_restream_dropped_gops_total",
        "Groups of pictures left out because a restream target took less than the stream has.",
        () => run.status.droppedGops,
        labels,
      ),
    ];
    return () => {
      for (const remove of removers) remove();
    };
  }
}

/** Starts restreaming: every broadcast goes to its stream's targets, each over a connection of its own that nobody else waits for. */
export function startRestream(options: RestreamOptions): Promise<Restream> {
  return Promise.try(() => new RunningRestream(options));
}
