import type { Clock } from "#time/clock.ts";
import type { LiveState, LiveStream } from "#web/wire.ts";
import type { LiveStatus, StreamCatalogue } from "./ports.ts";

/** What {@link LiveBoard} needs. */
export interface LiveBoardOptions {
  readonly catalogue: StreamCatalogue;
  readonly live: LiveStatus;
  readonly clock: Clock;
}

/** A time line that begins later than its broadcast by more than this is that of a node which was started again, milliseconds. */
const BEGUN_HERE_MS = 5000;

/** Whether a broadcast began with its slate and has had no encoder. */
function startsSoon({ state, sinceMs, airtime }: NonNullable<ReturnType<LiveStatus["status"]>>): boolean {
  const { stretches, forgotten } = airtime;
  const isWhole = forgotten === 0 && (stretches[0]?.fromMs ?? sinceMs) - sinceMs < BEGUN_HERE_MS;
  return state === "slate" && isWhole && stretches.every(({ source }) => source.kind !== "encoder");
}

/** The public view of what is on air: states and titles, nothing an operator would keep to himself. */
export class LiveBoard {
  readonly #options: LiveBoardOptions;
  /** End of each stream's last broadcast. Bounded by the catalogue: removed streams are dropped. */
  readonly #endedMs = new Map<string, number>();
  #onAir: ReadonlySet<string> = new Set();
  readonly #listeners = new Set<() => void>();
  readonly #stop: () => void;

  constructor(options: LiveBoardOptions) {
    this.#options = options;
    this.#onAir = new Set(options.live.onAir());
    this.#stop = options.live.onChange(() => this.#changed());
  }

  #changed(): void {
    const now = new Set(this.#options.live.onAir());
    for (const name of this.#onAir) if (!now.has(name)) this.#endedMs.set(name, this.#options.clock.wallMs());
    for (const name of this.#endedMs.keys()) {
      if (now.has(name) || this.#options.catalogue.get(name) === undefined) this.#endedMs.delete(name);
    }
    this.#onAir = now;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change. The answer ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** One stream, on air or not; `undefined` when there is none of this name. */
  stream(name: string): LiveStream | undefined {
    const entry = this.#options.catalogue.get(name);
    if (entry === undefined) return undefined;
    const health = this.#options.live.status(name);
    const picture = health?.tracks.find((track) => track.kind === "video");
    const state: LiveState = health?.state ?? "offline";
    return {
      name,
      title: entry.title,
      state,
      startsSoon: health !== undefined && startsSoon(health),
      sinceMs: health?.sinceMs ?? null,
      endedMs: health === undefined ? (this.#endedMs.get(name) ?? null) : null,
      width: picture?.width ?? null,
      height: picture?.height ?? null,
    };
  }

  /** Every stream on air, the latest first. */
  onAir(): LiveStream[] {
    const streams: LiveStream[] = [];
    for (const name of this.#options.live.onAir()) {
      const stream = this.stream(name);
      if (stream !== undefined && stream.state !== "offline") streams.push(stream);
    }
    return streams.sort((a, b) => (b.sinceMs ?? 0) - (a.sinceMs ?? 0));
  }

  close(): void {
    this.#stop();
    this.#listeners.clear();
  }
}
