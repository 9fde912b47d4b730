import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Api, createApi } from "#api/index.ts";
import { type Control, FIRST_STREAM, startControl } from "#control/index.ts";
import { type Edge, startEdge } from "#edge/index.ts";
import { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import { type Hooks, startHooks } from "#hooks/index.ts";
import { type Ingest, startIngest } from "#ingest/index.ts";
import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import { type Origin, startOrigin } from "#origin/index.ts";
import { type Pictures, startPictures } from "#pictures/index.ts";
import { type Pull, startPull } from "#pull/index.ts";
import { type Restream, startRestream } from "#restream/index.ts";
import { type Router, startRouter } from "#router/index.ts";
import type { RouterPorts } from "#router/ports.ts";
import { startSlates } from "#slate/index.ts";
import { openSecretFiles } from "#store/files/secret-files.ts";
import { type Ladder, parseLadder } from "#media/ladder.ts";
import { startTranscoder, type Transcoder } from "#transcoder/index.ts";
import type { Store } from "#store/ports.ts";
import { type DataLock, lockDataFolder } from "#store/sqlite/data-lock.ts";
import { openSqliteStore } from "#store/sqlite/sqlite-store.ts";
import type { Clock } from "#time/clock.ts";
import { loopbackHost, reachableHosts } from "./addresses.ts";
import { type CertificatePair, followCertificate, readCertificate } from "./certificate.ts";
import type { Config } from "./config-schema.ts";
import { Closers } from "./closers.ts";
import { makeGatekeeper, makePullGate } from "./gatekeeper.ts";
import { guardAirtimes } from "./guarded-airtimes.ts";
import { guardCheckpoints } from "./guarded-checkpoints.ts";
import { type HttpListeners, openHttp } from "./http.ts";
import { keepAlwaysOn } from "./always-on.ts";
import { removeNodeFile, writeNodeFile } from "./node-file.ts";
import { declaredStreams, platformSettings } from "./platform-settings.ts";
import { probePorts } from "./port-probe.ts";
import { measureProcess } from "./process-metrics.ts";
import type { BannerFacts } from "./process-messages.ts";
import { withLadder } from "./ladder-health.ts";
import { loadSite } from "./site.ts";
import { tellSlateFiles } from "./slate-files.ts";
import { VERSION } from "./version.ts";

/** How long to wait for the lock of a predecessor that is just dying, milliseconds. */
const LOCK_WAIT_MS = 500;

/** What {@link startNode} needs. */
export interface NodeOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** Crashes before this start. */
  readonly restarts: number;
}

/** A node whose ports are open. */
export interface RunningNode extends Role {
  banner(): Promise<BannerFacts>;
}

interface Parts {
  readonly control: Control;
  readonly router: Router;
  readonly transcoder: Transcoder;
  readonly restream: Restream;
  readonly pictures: Pictures;
  readonly origin: Origin;
  readonly edge: Edge;
  readonly api: Api;
  readonly ingest: Ingest;
  readonly pull: Pull;
  readonly http: HttpListeners;
}

function openDataFolder(folder: string): DataLock {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Fault("DATA_DIR_UNUSABLE", `the data folder ${folder} cannot be made: ${(cause as Error).message}`, {
      cause,
      hint: "Make its parent writable for this user, or name another with --data-dir.",
    });
  }
  return lockDataFolder(folder, LOCK_WAIT_MS);
}

function certificateOf(config: Config): Promise<CertificatePair | undefined> {
  const { cert, key } = config.tls;
  return cert === undefined || key === undefined ? Promise.resolve(undefined) : readCertificate({ cert, key });
}

/** The catalogue, which expels encoders at the gate. */
async function startControlPlane(options: NodeOptions, store: Store, expeller: Router): Promise<Control> {
  const { config, clock, observer } = options;
  return startControl({
    store,
    secrets: openSecretFiles(config.dataDir),
    clock,
    observer,
    defaults: platformSettings(config),
    expeller,
    checkpoints: {
      remove: (stream) => {
        expeller.forget(stream);
        store.checkpoints.remove(stream);
      },
    },
    declared: declaredStreams(config),
    ...(config.adminToken === undefined ? {} : { adminToken: config.adminToken }),
  });
}

/** The router, and before it the hooks, so that they hear of the last broadcast's end. `judgeWith` gives it what decodes keyframes, once that is there. */
async function startGate(
  options: NodeOptions,
  store: Store,
  closers: Closers,
): Promise<{ readonly hooks: Hooks; readonly router: Router; readonly judgeWith: (pictures: Pictures) => void }> {
  const { config, clock, observer, metrics } = options;
  const around = { clock, observer, metrics };
  const hooks = await startHooks({ ...around, hooks: config.hooks, messages: store.hookMessages });
  closers.add("hooks", (deadlineMs) => hooks.close({ deadlineMs }));
  const checkpoints = guardCheckpoints({ table: store.checkpoints, ...around });
  const airtimes = guardAirtimes({ table: store.airtimes, ...around });
  tellSlateFiles(config, observer);
  const slates = await startSlates({ clock, observer });
  closers.add("slates", (deadlineMs) => slates.close({ deadlineMs }));
  let pictures: Pictures | undefined;
  const decodes: RouterPorts["decodes"] = (config, keyframe) =>
    pictures?.judge(config, keyframe) ?? Promise.resolve({ verdict: "unknown", why: "the node starts" });
  const router = await startRouter({ ...around, checkpoints, airtimes, slates, decodes });
  closers.add("router", () => router.close());
  router.onEvent((event) => hooks.tell(event));
  const judgeWith = (started: Pictures): void => {
    pictures = started;
    pictures.onReport((report) => router.judged(report));
  };
  return { hooks, router, judgeWith };
}

/** The transcoder, which asks the catalogue for each stream's ladder. */
function startLadder(options: NodeOptions, router: Router, catalogue: Control["catalogue"]): Promise<Transcoder> {
  const { config, clock, observer, metrics } = options;
  const { profile, coding, hardware, extraCodec, redundancy, megapixelsPerSecond } = config.transcode;
  const ladderOf = (stream: string): Ladder => parseLadder(catalogue.effectiveOf(stream)?.ladder ?? "off") ?? "off";
  const encoding = { profile, coding: hardware === "none" ? coding : "locked", hardware, extraCodec } as const;
  const settings = { ladderOf, encoding, redundancy, megapixelsPerSecond };
  return startTranscoder({ clock, observer, metrics, directory: router, settings });
}

/** The pulls of the streams that are fetched from elsewhere. */
async function startPulls(
  options: NodeOptions,
  router: Router,
  { catalogue, pulls }: Control,
  closers: Closers,
): Promise<Pull> {
  const { config, clock, observer, metrics } = options;
  const gate = makePullGate({ config, catalogue, router });
  const { pullPrivate: allowPrivate, pullInsecure: insecure } = config;
  const pull = await startPull({ clock, observer, metrics, directory: pulls, gate, allowPrivate, insecure });
  closers.add("pull", () => pull.close());
  return pull;
}

/** Starts every role, each with what the ones before it offer. What was started is in `closers`, whatever happens. */
async function startParts(options: NodeOptions, closers: Closers, isReady: () => boolean): Promise<Parts> {
  const { config, clock, observer, metrics } = options;
  const [certificate, site] = await Promise.all([certificateOf(config), loadSite(config.site)]);
  // A port that is taken is told before the data folder is touched.
  await probePorts(config);
  const lock = openDataFolder(config.dataDir);
  closers.add("data folder", () => lock.release());
  const store = openSqliteStore(join(config.dataDir, "grandstand.db"));
  closers.add("store", () => store.close());
  const around = { clock, observer, metrics };
  const { hooks, router, judgeWith } = await startGate(options, store, closers);
  const control = await startControlPlane(options, store, router);
  const { catalogue } = control;
  const transcoder = await startLadder(options, router, catalogue);
  closers.add("transcoder", (deadlineMs) => transcoder.close({ deadlineMs }));
  const restream = await startRestream({ ...around, directory: transcoder, targets: control.targets });
  closers.add("restream", (deadlineMs) => restream.close({ deadlineMs }));
  const pictures = await startPictures({ ...around, directory: router });
  judgeWith(pictures);
  closers.add("pictures", (deadlineMs) => pictures.close({ deadlineMs }));
  const origin = await startOrigin({ ...around, directory: transcoder });
  closers.add("origin", (deadlineMs) => origin.close({ deadlineMs }));
  const { parkedRequests } = config.limits;
  const edge = await startEdge({ ...around, source: origin, posters: pictures, limits: { parkedRequests } });
  closers.add("edge", (deadlineMs) => edge.close({ deadlineMs }));
  const pull = await startPulls(options, router, control, closers);
  closers.add("streams that are always on", keepAlwaysOn({ config, catalogue, router }));
  const ingestPorts = {
    rtmpPort: config.rtmpPort,
    ...(certificate === undefined ? {} : { rtmpsPort: config.tls.rtmpsPort }),
  };
  const api = createApi({
    ...around,
    catalogue,
    admin: control.adminToken,
    live: {
      onAir: () => router.onAir(),
      status: (stream) => withLadder(router.health(stream), transcoder.health(stream)),
      lastAirtime: (stream) => router.lastAirtime(stream),
      pullStatus: (stream) => pull.status(stream),
      onChange: (listener) => router.onChange(listener),
    },
    broadcasts: router,
    targets: control.targets,
    pulls: control.pulls,
    restream,
    hooks,
    version: VERSION,
    site,
    ingest: ingestPorts,
    isReady,
    ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
  });
  const { connections, connectionsPerAddress } = config.limits;
  const ingest = await startIngest({
    ...around,
    gatekeeper: makeGatekeeper({ config, catalogue, hooks, router }),
    rtmp: { host: config.host, port: config.rtmpPort },
    ...(certificate === undefined
      ? {}
      : { rtmps: { host: config.host, port: config.tls.rtmpsPort, tls: certificate } }),
    limits: { connectionsMax: connections, connectionsPerAddressMax: connectionsPerAddress },
  });
  closers.add("ingest", (deadlineMs) => ingest.close({ deadlineMs }));
  const http = await openHttp({ config, certificate, edge, api, observer });
  closers.add("http", (deadlineMs) => http.close({ deadlineMs }));
  // Pushed events never end by themselves: they end before the listeners wait for what is being answered.
  closers.add("api", () => api.close());
  return { control, router, transcoder, restream, pictures, origin, edge, api, ingest, pull, http };
}

function followCertificateFiles(options: NodeOptions, parts: Parts, signal: AbortSignal): void {
  const { config, clock, observer } = options;
  const { cert, key } = config.tls;
  if (cert === undefined || key === undefined) return;
  const replace = async (pair: CertificatePair): Promise<void> => {
    await parts.http.replaceCertificate(pair);
    parts.ingest.replaceCertificate(pair);
  };
  void followCertificate({ files: { cert, key }, clock, observer, signal, replace });
}

/** Tells when a role has died; one that was closed says nothing. */
async function watchRole(role: Role, died: (error: Error) => void): Promise<void> {
  const error = await role.closed;
  if (error !== null) died(error);
}

/** Leaves word for the command line. A full disk is no reason not to start. */
async function announce({ config, observer }: NodeOptions, url: string): Promise<void> {
  try {
    await writeNodeFile(config.dataDir, { pid: process.pid, url });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const message = "the command line will not find this node by itself: give it --url";
    observer.event("warn", "node.file.failed", { error: text }, message);
  }
}

async function bannerOf(config: Config, control: Control): Promise<BannerFacts> {
  const { tls, publicUrl, httpPort, rtmpPort } = config;
  const hosts = reachableHosts(config.host);
  const streams = control.catalogue.list();
  const first = streams.find((stream) => stream.name === (config.streams[0]?.name ?? FIRST_STREAM)) ?? streams[0];
  const declared = config.streams.find((stream) => stream.name === first?.name);
  const key = declared?.key ?? (first === undefined ? undefined : await control.catalogue.readableKey(first.name));
  const hasTls = tls.cert !== undefined && tls.key !== undefined;
  const named = hosts[0] ?? config.host;
  const web = [
    ...hosts.map((host) => `http://${host}:${httpPort}`),
    ...(hasTls ? [`https://${named}:${tls.httpsPort}`] : []),
  ];
  const rtmps = hasTls ? [`rtmps://${named}:${tls.rtmpsPort}/live`] : [];
  return {
    version: VERSION,
    ingest: [...hosts.map((host) => `rtmp://${host}:${rtmpPort}/live`), ...rtmps],
    web: publicUrl === undefined ? web : [publicUrl.replace(/\/+$/, "")],
    stream: first === undefined ? undefined : { name: first.name, ...(key === undefined ? {} : { key }) },
    streamCount: streams.length,
    adminToken: control.adminToken.text,
  };
}

/**
 * Starts a whole node: the only place that sees every role. Resolves when every port is open.
 *
 * It ends in the inverse order of its start, in phases that share one deadline: not ready (load balancers turn away) → no new encoders and
 * viewers → the broadcasts say that they end → parked requests are answered → what is left is cut.
 * @throws Fault `DATA_DIR_UNUSABLE`, `DATA_DIR_BUSY`, `STORE_FAILED`, `DISK_FULL`, `TLS_UNUSABLE`, `PORT_IN_USE`, `PORT_FORBIDDEN`, `CONFIG_INVALID`; nothing is left open then.
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, clock, observer, metrics, restarts } = options;
  const startMs = clock.nowMs();
  const closers = new Closers({ clock, observer });
  let isReady = false;
  let parts: Parts;
  try {
    parts = await startParts(options, closers, () => isReady);
  } catch (error) {
    await closers.closeAll(0);
    throw error;
  }
  const stop = new AbortController();
  followCertificateFiles(options, parts, stop.signal);
  closers.add("process gauges", measureProcess(metrics, clock));
  metrics.gauge("grandstand_build_info", "The running version.", () => 1, { version: VERSION });
  const url = `http://${loopbackHost(config.host)}:${config.httpPort}`;
  await announce(options, url);
  closers.add("node file", () => removeNodeFile(config.dataDir));
  isReady = true;
  observer.event(
    "info",
    "node.listening",
    { url, restarts, startMs: Math.round(clock.nowMs() - startMs) },
    "listening",
  );
  const { promise: closed, resolve } = Promise.withResolvers<Error | null>();
  for (const role of [
    parts.router,
    parts.transcoder,
    parts.restream,
    parts.pictures,
    parts.origin,
    parts.edge,
    parts.ingest,
    parts.pull,
  ]) {
    void watchRole(role, resolve);
  }
  let closing: Promise<void> | undefined;
  const close = async (deadlineMs: number): Promise<void> => {
    observer.event("info", "node.draining", { deadlineMs }, "stopping");
    isReady = false;
    stop.abort();
    await closers.closeAll(deadlineMs);
    observer.event("info", "node.stopped", {}, "stopped");
    resolve(null);
  };
  return {
    closed,
    banner: () => bannerOf(config, parts.control),
    close: ({ deadlineMs = 5000 } = {}) => (closing ??= close(deadlineMs)),
  };
}
