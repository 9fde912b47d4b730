import { Fault } from "#faults/fault.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import type { StreamHealth } from "#web/wire.ts";
import { type Api, createApi } from "./index.ts";
import type { ApiOptions } from "./options.ts";
import type { CatalogueEntry, CatalogueEntryWithKey, LiveStatus, StreamCatalogue } from "./ports.ts";

/** The admin token of the API under test. */
export const TOKEN = "a-token-for-tests-0123456789";

/** Keeps streams in memory; keys count up. */
export class MemoryCatalogue implements StreamCatalogue {
  readonly entries: Map<string, CatalogueEntry> = new Map();
  keys = 0;

  list(): readonly CatalogueEntry[] {
    return [...this.entries.values()];
  }

  get(name: string): CatalogueEntry | undefined {
    return this.entries.get(name);
  }

  put(name: string, title = "", managedBy: "file" | "platform" = "platform"): CatalogueEntry {
    const entry = { name, title, createdAtMs: 1_000, managedBy };
    this.entries.set(name, entry);
    return entry;
  }

  #own(name: string): CatalogueEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Fault("STREAM_UNKNOWN", `there is no stream ${name}`);
    if (entry.managedBy === "file") throw new Fault("KEY_MANAGED", `the stream ${name} is declared in the file`);
    return entry;
  }

  async add({ name, title }: { name: string; title?: string }): Promise<CatalogueEntryWithKey> {
    if (!/^[a-z0-9-]+$/.test(name))
      throw new Fault("STREAM_NAME_INVALID", `${JSON.stringify(name)} cannot name a stream`);
    if (this.entries.has(name)) throw new Fault("STORE_CONFLICT", `there is already a stream ${name}`);
    return { stream: this.put(name, title), key: `key-${++this.keys}` };
  }

  async rotateKey(name: string): Promise<CatalogueEntryWithKey> {
    return { stream: this.#own(name), key: `key-${++this.keys}` };
  }

  async remove(name: string): Promise<void> {
    this.#own(name);
    this.entries.delete(name);
  }
}

/** Says what it is told to say. */
export class MemoryLiveStatus implements LiveStatus {
  readonly #health = new Map<string, StreamHealth>();
  readonly #listeners = new Set<() => void>();

  onAir(): readonly string[] {
    return [...this.#health.keys()];
  }

  status(stream: string): StreamHealth | undefined {
    return this.#health.get(stream);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Puts a stream on air, changes it, or takes it off. */
  set(stream: string, health: Partial<StreamHealth> | undefined): void {
    if (health === undefined) this.#health.delete(stream);
    else this.#health.set(stream, { ...HEALTH, ...health });
    for (const listener of this.#listeners) listener();
  }
}

/** A broadcast with picture and sound. */
export const HEALTH: StreamHealth = {
  state: "live",
  sinceMs: 5_000,
  sessions: [
    { address: "192.0.2.1", protocol: "rtmp", encoder: "obs-studio/30.2", connectedMs: 5_000, bitrate: 2_500_000 },
  ],
  tracks: [
    {
      name: "source",
      kind: "video",
      codec: "avc",
      codecs: "avc1.64001f",
      width: 1280,
      height: 720,
      frameRate: 30,
      sampleRate: null,
      channels: null,
      bitrate: 2_400_000,
      bitrateHistory: [2_300_000, 2_400_000],
    },
  ],
  keyframeIntervalMs: { last: 2000, average: 2000, max: 2000 },
  counters: { framesIn: 300, clamped: 0, interpolated: 0, dropped: 0, reconnects: 0 },
  warnings: [],
  segments: 5,
};

/** What a request under test may have. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | FormData | URLSearchParams;
  readonly address?: string;
}

/** An API with everything around it. */
export interface ApiUnderTest {
  readonly api: Api;
  readonly catalogue: MemoryCatalogue;
  readonly live: MemoryLiveStatus;
  readonly clock: SimulatedClock;
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
  ready: boolean;
  /** Asks as a browser at `http://stand.example` would. */
  ask(path: string, asked?: Asked): Promise<Response>;
  /** Asks with the admin token as bearer. */
  askAdmin(path: string, asked?: Asked): Promise<Response>;
}

/** Makes one. */
export function makeApi(change: Partial<ApiOptions> = {}): ApiUnderTest {
  const catalogue = new MemoryCatalogue();
  const live = new MemoryLiveStatus();
  const clock = new SimulatedClock();
  const observer = new RecordingObserver();
  const metrics = new Metrics();
  const admin = { text: TOKEN, verify: (token: string) => token === TOKEN };
  const made = {
    catalogue,
    live,
    clock,
    observer,
    metrics,
    ready: true,
    ask: async (path: string, { method = "GET", headers = {}, body, address = "192.0.2.9" }: Asked = {}) => {
      const request = new Request(`http://stand.example${path}`, {
        method,
        headers: { host: "stand.example", ...headers },
        ...(body === undefined ? {} : { body }),
      });
      const response = await api.handle(request, { address });
      if (response === undefined) throw new Error(`${path} is not the API's`);
      return response;
    },
    askAdmin: (path: string, asked: Asked = {}) =>
      made.ask(path, { ...asked, headers: { authorization: `Bearer ${TOKEN}`, ...asked.headers } }),
  };
  const api = createApi({
    catalogue,
    live,
    clock,
    observer,
    metrics,
    admin,
    version: "1.2.3",
    site: { name: "Test Stand" },
    ingest: { rtmpPort: 1935 },
    isReady: () => made.ready,
    ...change,
  });
  return Object.assign(made, { api });
}
