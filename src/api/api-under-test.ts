import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAdminToken } from "#control/admin-token.ts";
import { Catalogue, type NewStream } from "#control/catalogue.ts";
import { openPulls, openTargets } from "#control/index.ts";
import type { PullSources } from "#control/pull-sources.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { formatAirRecord, parseAirRecord } from "#router/air-log-record.ts";
import { type Router, startRouter } from "#router/index.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { formatCheckpoint, parseCheckpoint } from "#timeline/checkpoint.ts";
import type { PullHealth } from "#web/wire.ts";
import { EncoderUnderTest, type EncoderUnderTestOptions } from "./encoder-under-test.ts";
import { type Api, createApi } from "./index.ts";
import type { ApiOptions } from "./options.ts";

/** The admin token of the API under test. */
export const TOKEN = "a-token-for-tests-0123456789";

/** What a request under test may have. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | FormData | URLSearchParams;
  readonly address?: string;
}

/** Asks the API something. */
export type Ask = (path: string, asked?: Asked) => Promise<Response>;

/** An API over a real catalogue in a folder of its own and a real gate in simulated time. */
export interface ApiUnderTest extends AsyncDisposable {
  readonly api: Api;
  readonly catalogue: Catalogue;
  readonly router: Router;
  readonly clock: SimulatedClock;
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
  /** How pulls stand. */
  readonly pulls: Map<string, PullHealth>;
  /** Where streams are fetched from. */
  readonly sources: PullSources;
  /** Where the database is. */
  readonly folder: string;
  ready: boolean;
  /** Asks as a browser at `http://stand.example` would. */
  readonly ask: Ask;
  /** Asks with the admin token as bearer. */
  readonly askAdmin: Ask;
  /** Sends a JSON body with the admin token as bearer. */
  sendAdmin(method: "POST" | "PUT" | "PATCH", path: string, body: unknown): Promise<Response>;
  /** Adds a stream; the answer is its key. */
  add(stream: NewStream): Promise<string>;
  /** Lets an encoder publish to a stream that was added here, and puts it on air. */
  publish(stream: string, as?: Pick<EncoderUnderTestOptions, "address" | "encoder">): Promise<EncoderUnderTest>;
}

async function openPlatform(folder: string, around: { clock: SimulatedClock; observer: RecordingObserver }) {
  const metrics = new Metrics();
  const store = openSqliteStore(join(folder, "grandstand.db"));
  const secrets = openSecretFiles(folder);
  const { airtimes, checkpoints } = store;
  const router = await startRouter({
    ...around,
    metrics,
    checkpoints: {
      load: (stream) => {
        const text = checkpoints.load(stream);
        return text === undefined ? undefined : parseCheckpoint(text);
      },
      save: (stream, checkpoint) => checkpoints.save(stream, formatCheckpoint(checkpoint)),
      remove: (stream) => checkpoints.remove(stream),
    },
    airtimes: {
      list: () => airtimes.list().flatMap(({ stream, body }) => parseAirRecord(stream, body) ?? []),
      save: (record) => {
        airtimes.save(record.stream, formatAirRecord(record));
        return true;
      },
      remove: (stream) => airtimes.remove(stream),
    },
    slates: { make: () => Promise.reject(new Error("no test of the API needs a slate")) },
  });
  const catalogue = new Catalogue({
    ...around,
    store,
    secrets,
    checkpoints: {
      remove: (stream) => {
        router.forget(stream);
        checkpoints.remove(stream);
      },
    },
    expeller: router,
    defaults: {
      latency: "lowest",
      segmentSeconds: 2,
      partMs: 500,
      graceSeconds: 60,
      ladder: "off",
      whenBusy: "backup",
      switchBack: "sticky",
      continuity: "hold",
      slateAfterMs: 1000,
      slateWords: "We'll be right back",
      alwaysOn: false,
    },
  });
  await catalogue.load();
  const targets = await openTargets(catalogue, { ...around, store, secrets });
  const sources = await openPulls(catalogue, { ...around, store, secrets });
  return { metrics, store, router, catalogue, targets, sources, admin: await openAdminToken(secrets, TOKEN) };
}

function asker(api: Api): Ask {
  return async (path, { method = "GET", headers = {}, body, address = "192.0.2.9" } = {}) => {
    const request = new Request(`http://stand.example${path}`, {
      method,
      headers: { host: "stand.example", ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const response = await api.handle(request, { address });
    if (response === undefined) throw new Error(`${path} is not the API's`);
    return response;
  };
}

/** Makes one. */
export async function makeApi(change: Partial<ApiOptions> = {}): Promise<ApiUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-api-"));
  const around = { clock: new SimulatedClock(), observer: new RecordingObserver() };
  const { metrics, store, router, catalogue, targets, sources, admin } = await openPlatform(folder, around);
  const keys = new Map<string, string>();
  const pulls = new Map<string, PullHealth>();
  const api = createApi({
    ...around,
    catalogue,
    admin,
    metrics,
    live: {
      onAir: () => router.onAir(),
      status: (stream) => router.health(stream),
      lastAirtime: (stream) => router.lastAirtime(stream),
      pullStatus: (stream) => pulls.get(stream),
      onChange: (listener) => router.onChange(listener),
    },
    broadcasts: router,
    targets,
    pulls: sources,
    restream: { statusOf: () => [] },
    hooks: { statuses: () => [] },
    version: "1.2.3",
    site: { name: "Test Stand" },
    ingest: { rtmpPort: 1935 },
    isReady: () => made.ready,
    ...change,
  });
  const ask = asker(api);
  const askAdmin: Ask = (path, asked = {}) =>
    ask(path, { ...asked, headers: { authorization: `Bearer ${TOKEN}`, ...asked.headers } });
  const made: ApiUnderTest = {
    ...around,
    api,
    catalogue,
    router,
    metrics,
    pulls,
    sources,
    folder,
    ready: true,
    ask,
    askAdmin,
    sendAdmin: (method, path, body) =>
      askAdmin(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    add: async (stream) => {
      const { key } = await catalogue.add(stream);
      keys.set(stream.name, key);
      return key;
    },
    publish: async (stream, as = {}) => {
      const key = keys.get(stream);
      if (key === undefined) throw new Error(`${stream} was not added`);
      const { clock } = around;
      const encoder = new EncoderUnderTest({ router, clock, stream, admission: { catalogue, key }, ...as });
      await encoder.goLive();
      return encoder;
    },
    [Symbol.asyncDispose]: async () => {
      api.close();
      await router.close();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return made;
}
