import { connect, createServer, type Socket } from "node:net";

/** How often what is due goes on, milliseconds. */
const PUMP_MS = 5;

/** A TCP relay in front of a port of this machine, for tests that cut, hold up or slow down what passes. */
export interface PathRelay extends AsyncDisposable {
  readonly port: number;
  /** Breaks the connections that pass; what is under way is lost. New ones are not slow. */
  kill(): void;
  /** Stops to read for so long, milliseconds; everything comes late then. */
  stall(ms: number): void;
  /** Everything takes so long from now on, milliseconds, and comes in order. */
  lag(ms: number): void;
  /** What came after the last of these is at the other end. */
  readonly isFlowing: boolean;
}

interface Passing {
  readonly client: Socket;
  readonly server: Socket;
  readonly waiting: { readonly cameMs: number; readonly dueMs: number; readonly chunk: Uint8Array }[];
}

/** Starts a relay to a port. */
export async function startPathRelay(toPort: number): Promise<PathRelay> {
  const passing = new Set<Passing>();
  let lagMs = 0;
  let stalledUntilMs = 0;
  let changedMs = performance.now();
  let deliveredMs = changedMs;
  const end = (one: Passing): void => {
    passing.delete(one);
    one.client.destroy();
    one.server.destroy();
  };
  const listener = createServer((client) => {
    const one: Passing = { client, server: connect(toPort, "127.0.0.1"), waiting: [] };
    passing.add(one);
    client.setNoDelay(true);
    one.server.setNoDelay(true);
    client.on("data", (chunk: Uint8Array) => {
      const cameMs = performance.now();
      one.waiting.push({ cameMs, dueMs: cameMs + lagMs, chunk });
    });
    one.server.on("data", (chunk: Uint8Array) => client.write(chunk));
    for (const socket of [client, one.server]) {
      socket.on("error", () => end(one));
      socket.on("close", () => end(one));
    }
  });
  const pump = (): void => {
    const nowMs = performance.now();
    if (nowMs < stalledUntilMs) return;
    for (const { client, server, waiting } of passing) {
      if (client.isPaused()) client.resume();
      for (let next = waiting[0]; next !== undefined && next.dueMs <= nowMs; next = waiting[0]) {
        waiting.shift();
        server.write(next.chunk);
        deliveredMs = next.cameMs;
      }
    }
  };
  const timer = setInterval(pump, PUMP_MS);
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    kill: () => {
      changedMs = performance.now();
      lagMs = 0;
      for (const one of passing) end(one);
    },
    stall: (ms) => {
      changedMs = performance.now();
      stalledUntilMs = changedMs + ms;
      for (const { client } of passing) client.pause();
    },
    lag: (ms) => {
      changedMs = performance.now();
      lagMs = ms;
    },
    get isFlowing() {
      return deliveredMs > Math.max(changedMs, stalledUntilMs);
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      for (const one of passing) end(one);
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
