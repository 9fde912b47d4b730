import { cpus } from "node:os";
import { createConnection, type Socket } from "node:net";
import { eventually, within } from "#test/e2e/deadline.ts";
import { type PlaylistFacts, fetchPlaylist } from "#test/e2e/media-playlist.ts";
import { MAIN_KEY, type Platform, startPlatform } from "#test/e2e/platform.ts";
import { makeClipFile, replay } from "./clip.ts";
import { cpuSecondsOf, LOAD_CORE, median, quantile, SERVER_CORE } from "./measure.ts";
import type { Row } from "./table.ts";

const PARKED = 10_000;
const RELEASES = 5;
/** Releases tried: one that comes before everybody waits does not count. */
const ROUNDS_MAX = 20;
const REACH_MS = 300;

/** A bare HTTP/1.1 client: the load must cost less than what it measures. */
class Waiter {
  readonly #socket: Socket;
  #pending: ((atMs: number) => void) | undefined;
  #received = 0;
  #expected = -1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  static async connect(port: number): Promise<Waiter> {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Waiter(socket);
  }

  #take(chunk: Buffer): void {
    if (this.#expected < 0) {
      const end = chunk.indexOf("\r\n\r\n");
      const head = chunk.subarray(0, end).toString();
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(`a parked request was answered ${head.split("\r\n")[0]}`);
      this.#expected = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]);
    }
    this.#received += chunk.length;
    if (this.#received < this.#expected) return;
    this.#received = 0;
    this.#expected = -1;
    this.#pending?.(performance.now());
  }

  /** Sends a request; resolves with the time its whole answer was here. */
  ask(path: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#pending = resolve;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n`);
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Whether everybody waits at the server before the first is answered: a request still on its way would be answered late by nobody's fault. */
async function allParked(platform: Platform, asked: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  void asked.then(() => (isOver = true));
  return eventually(30_000, "10,000 requests to be parked", async () => {
    if (isOver) return false;
    const answer = await fetch(`${platform.http}/metrics`, {
      headers: { authorization: `Bearer ${platform.adminToken}` },
    });
    const value = /^grandstand_edge_parked_requests (\d+)$/m.exec(await answer.text())?.[1];
    return Number(value) >= PARKED ? true : undefined;
  });
}

/** Ties this process and its threads to a core, or to all of `cores`. */
function pin(cores: string): void {
  Bun.spawnSync(["taskset", "-apc", cores, String(process.pid)]);
}

function nextSegment(facts: PlaylistFacts): number {
  return (facts.segments.at(-1)?.number ?? 0) + 2;
}

/** Parks 10,000 blocking playlist requests and measures from the first answer to the last when one part releases them. */
export async function benchParked(): Promise<Row[]> {
  const limits = "limits: { connections: 20000, connectionsPerAddress: 20000, parkedRequests: 20000 }";
  await using platform = await startPlatform({ prefix: ["taskset", "-c", SERVER_CORE], config: limits });
  using clip = makeClipFile({ videoBitrate: 1_500_000, seconds: 20, audio: true });
  await using _encoder = replay(`${platform.rtmp}/${MAIN_KEY}`, clip.path);
  const playlist = `${platform.http}/live/main/source/index.m3u8`;
  await eventually(20_000, "a playlist", () => fetchPlaylist(playlist));
  const waiters: Waiter[] = [];
  for (let i = 0; i < PARKED; i += 100) {
    waiters.push(...(await Promise.all(Array.from({ length: 100 }, () => Waiter.connect(platform.httpPort)))));
  }
  const spreads: number[] = [];
  const clientCpuMs: number[] = [];
  const serverCpuMs: number[] = [];
  const pid = await platform.nodePid();
  pin(LOAD_CORE);
  for (let round = 0; spreads.length < RELEASES && round < ROUNDS_MAX; round++) {
    const facts = await eventually(5000, "a playlist", () => fetchPlaylist(playlist));
    const path = `/live/main/source/index.m3u8?_HLS_msn=${nextSegment(facts)}&_HLS_part=0`;
    const asked = Promise.all(waiters.map((waiter) => waiter.ask(path)));
    const counts = await allParked(platform, asked);
    const [before, serverBefore] = [cpuSecondsOf(process.pid), cpuSecondsOf(pid)];
    const answers = await within(30_000, "10,000 answers", asked);
    if (!counts) continue;
    serverCpuMs.push((cpuSecondsOf(pid) - serverBefore) * 1000);
    clientCpuMs.push((cpuSecondsOf(process.pid) - before) * 1000);
    spreads.push(quantile(answers, 1) - quantile(answers, 0));
  }
  pin(`0-${cpus().length - 1}`);
  for (const waiter of waiters) waiter.close();
  if (spreads.length === 0) throw new Error("the part always came before everybody waited: this machine is too busy");
  const figure = median(spreads);
  console.log(`parked: the client itself used ${median(clientCpuMs).toFixed(0)} ms of CPU while it was answered`);
  return [
    {
      what: "10,000 parked playlist requests released by one part, first answer to last",
      figure: `${figure.toFixed(0)} ms (best ${quantile(spreads, 0).toFixed(0)}, worst ${quantile(spreads, 1).toFixed(0)}; server CPU ${median(serverCpuMs).toFixed(0)} ms)`,
      reach: `≤ ${REACH_MS} ms`,
      ok: figure <= REACH_MS,
    },
  ];
}
