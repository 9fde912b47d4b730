import { connect, type Socket } from "node:net";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { type HttpServer, startHttpServer, type TlsIdentity } from "#runtime/http-server.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Edge, type EdgeOptions, startEdge } from "./index.ts";
import type { ServedWindow } from "./ports.ts";

/** An edge behind a real HTTP server, with windows a test feeds by hand. */
export interface EdgeUnderTest extends AsyncDisposable {
  readonly edge: Edge;
  readonly server: HttpServer;
  readonly metrics: Metrics;
  readonly observer: RecordingObserver;
  /** Faults the handler let out: must stay empty. */
  readonly bugs: Error[];
  readonly windows: Map<string, ServedWindow[]>;
  readonly simulated: SimulatedClock | undefined;
  get(path: string, init?: RequestInit & { decompress?: boolean }): Promise<Response>;
  /** Resolves when so many requests wait. */
  parked(count: number): Promise<void>;
}

/** Starts an edge on a free port. With `simulated`, its time moves only when the test moves it. */
export async function startEdgeUnderTest(
  served: readonly ServedWindow[],
  options: { simulated?: boolean; tls?: TlsIdentity; limits?: EdgeOptions["limits"] } = {},
): Promise<EdgeUnderTest> {
  const simulated = options.simulated === true ? new SimulatedClock() : undefined;
  const windows = new Map<string, ServedWindow[]>();
  for (const window of served) windows.set(window.stream, [...(windows.get(window.stream) ?? []), window]);
  const [metrics, observer] = [new Metrics(), new RecordingObserver()];
  const edge = await startEdge({
    source: { windows: (stream) => windows.get(stream) ?? [] },
    clock: simulated ?? systemClock,
    observer,
    metrics,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const bugs: Error[] = [];
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    handle: (request, context) => edge.handle(request, context) ?? new Response("elsewhere\n", { status: 404 }),
    onError: (error) => bugs.push(error),
  });
  return {
    edge,
    server,
    metrics,
    observer,
    bugs,
    windows,
    simulated,
    get: (path, init) => fetch(`${server.origin}${path}`, init),
    parked: (count) => eventually(() => edge.parked === count, `${count} parked requests`),
    async [Symbol.asyncDispose]() {
      await edge.close();
      await server.close({ deadlineMs: 0 });
    },
  };
}

/** Waits for a condition that a socket brings about; fails after five seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise(setImmediate);
  }
}

/** Sends bytes as they are and collects the answer until the server closes, or until `enough` says so. */
export function rawExchange(
  port: number,
  bytes: string | Uint8Array,
  enough: (answer: string) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket: Socket = connect({ host: "127.0.0.1", port }, () => socket.write(bytes));
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no complete answer: ${answer.slice(0, 200)}`)));
    socket.on("data", (chunk: Uint8Array) => {
      answer += new TextDecoder("latin1").decode(chunk);
      if (enough(answer)) {
        socket.destroy();
        resolve(answer);
      }
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}
