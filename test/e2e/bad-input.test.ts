import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { eventually, within } from "./deadline.ts";
import { fetchPlaylist } from "./media-playlist.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";

const OTHER_KEY = "other-key-0123456789abcdefghijkl";

let platform: Platform;
let encoder: Tool;
let nodePid = 0;

beforeAll(async () => {
  platform = await startPlatform({ streams: { other: OTHER_KEY }, config: "continuity: hold" });
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
  await untilOnAir(platform);
  nodePid = await platform.nodePid();
}, 60_000);

afterAll(async () => {
  await encoder[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

async function connect(port: number): Promise<Socket> {
  const socket = createConnection({ host: "127.0.0.1", port });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => undefined);
  return socket;
}

async function residentBytes(): Promise<number> {
  const status = await Bun.file(`/proc/${nodePid}/status`).text();
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

/** The stream that nobody attacks goes on: a new segment appears in time, without gap or discontinuity, and the node is the same process. */
async function untouched(): Promise<void> {
  const url = `${platform.http}/live/main/source/index.m3u8`;
  const before = await eventually(5000, "the playlist", () => fetchPlaylist(url));
  const newest = before.segments.at(-1)?.number ?? 0;
  const after = await eventually(6000, "the next segment of the other stream", async () => {
    const facts = await fetchPlaylist(url);
    return (facts?.segments.at(-1)?.number ?? 0) > newest ? facts : undefined;
  });
  expect(after.gaps).toBe(0);
  expect(after.discontinuities).toBe(0);
  expect(await platform.nodePid()).toBe(nodePid);
}

function randomBytes(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

async function sendAndWaitForEnd(bytes: Buffer): Promise<void> {
  const socket = await connect(platform.rtmpPort);
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resume();
  socket.end(bytes);
  await within(15_000, "the server to end the connection", ended);
}

describe("the RTMP port", () => {
  test("takes random bytes as an error of that connection only", async () => {
    await Promise.all(Array.from({ length: 40 }, (_, i) => sendAndWaitForEnd(randomBytes(5000 + i * 997, i + 1))));
    const valid = Array.from({ length: 20 }, (_, i) => {
      const bytes = randomBytes(1537 + 1536 + 4000, i + 77);
      bytes[0] = 3;
      return sendAndWaitForEnd(bytes);
    });
    await Promise.all(valid);
    await untouched();
  }, 60_000);

  test("bears 2,000 idle half-open connections with little memory", async () => {
    const before = await residentBytes();
    const sockets: Socket[] = [];
    for (let i = 0; i < 2000; i += 100) {
      sockets.push(
        ...(
          await Promise.all(Array.from({ length: 100 }, () => connect(platform.rtmpPort).catch(() => undefined)))
        ).flatMap((s) => s ?? []),
      );
    }
    for (const socket of sockets.slice(0, 1000)) socket.write(Buffer.concat([Buffer.from([3]), randomBytes(700, 5)]));
    await untouched();
    expect((await residentBytes()) - before).toBeLessThan(150e6);
    const closed = sockets.map(
      (socket) =>
        new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.once("close", () => resolve()))),
    );
    for (const socket of sockets) socket.resume();
    await within(25_000, "the server to give up on them", Promise.all(closed));
    await untouched();
  }, 60_000);

  test("refuses a wrong key in words and lets the encoder know", async () => {
    await using wrong = startEncoder({ url: `${platform.rtmp}/not-a-key`, size: "160x90" });
    expect(await within(20_000, "ffmpeg to be refused", wrong.exited)).not.toBe(0);
    await eventually(5000, "a log line", () => (platform.output().includes("KEY_REFUSED") ? true : undefined));
    expect(platform.output()).not.toContain("not-a-key");
    await untouched();
  }, 40_000);

  test("lets a second publisher with the same key stand by, and the first goes on", async () => {
    await using _second = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "160x90" });
    const states = await eventually(20_000, "the second to be there", async () => {
      const headers = { authorization: `Bearer ${platform.adminToken}` };
      const answer = await fetch(`${platform.http}/api/v1/streams/main`, { headers });
      const { health } = (await answer.json()) as { health: { sessions: readonly { state: string }[] } | null };
      return health?.sessions.length === 2 ? health.sessions.map(({ state }) => state) : undefined;
    });
    expect(states).toEqual(["on-air", "standby"]);
    await untouched();
    expect(encoder.process.exitCode).toBeNull();
  }, 40_000);

  test("keeps what a publisher sent that stops in the middle of a frame", async () => {
    const first = startEncoder({ url: `${platform.rtmp}/${OTHER_KEY}`, size: "320x180" });
    await untilOnAir(platform, "other");
    first.kill("SIGSTOP");
    await untouched();
    first.kill("SIGKILL");
    await first.exited;
    await using _again = startEncoder({ url: `${platform.rtmp}/${OTHER_KEY}`, size: "320x180" });
    const url = `${platform.http}/live/other/source/index.m3u8`;
    const newest = (await fetchPlaylist(url))?.segments.at(-1)?.number ?? 0;
    await eventually(15_000, "the stream to go on", async () => {
      const facts = await fetchPlaylist(url);
      return (facts?.segments.at(-1)?.number ?? 0) > newest + 1 ? true : undefined;
    });
  }, 60_000);
});

describe("the HTTP port", () => {
  test("answers absurd blocking requests at once", async () => {
    const base = `${platform.http}/live/main/source/index.m3u8`;
    for (const query of [
      "_HLS_msn=99999999999",
      "_HLS_msn=-1",
      "_HLS_msn=1e9",
      "_HLS_part=3",
      "_HLS_msn=",
      `_HLS_msn=${"9".repeat(400)}`,
    ]) {
      const answer = await within(2000, query, fetch(`${base}?${query}`));
      expect([query, answer.status]).toEqual([query, 400]);
    }
    const stale = await within(2000, "a stale request", fetch(`${base}?_HLS_msn=5`));
    expect(stale.status).toBe(200);
  }, 20_000);

  test("gives nothing away by tricks with paths", async () => {
    const paths = [
      "/live/../../../etc/passwd",
      "/live/%2e%2e/%2e%2e/etc/passwd",
      "/live/main/..%2f..%2fetc%2fpasswd",
      "/live/main/%00",
      "/live//index.m3u8",
      `/live/${"a".repeat(5000)}/index.m3u8`,
      "/assets/../package.json",
      "/watch/%3Cscript%3Ealert(1)%3C/script%3E",
    ];
    for (const path of paths) {
      const socket = await connect(platform.httpPort);
      const answer = await within(
        5000,
        path,
        new Promise<string>((resolve) => {
          let text = "";
          socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
          socket.on("close", () => resolve(text));
          socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        }),
      );
      const status = Number(answer.split(" ")[1]);
      expect([path, status >= 400 && status < 500]).toEqual([path, true]);
      expect(answer).not.toContain("root:");
      expect(answer).not.toContain("<script>alert");
    }
  }, 40_000);

  test("serves others while slow readers sit on their answers", async () => {
    const facts = await eventually(5000, "segments", () =>
      fetchPlaylist(`${platform.http}/live/main/source/index.m3u8`),
    );
    const uri = facts.segments[0]?.uri ?? "";
    const before = await residentBytes();
    const slow = await Promise.all(Array.from({ length: 200 }, () => connect(platform.httpPort)));
    for (const socket of slow) {
      socket.pause();
      for (let i = 0; i < 20; i++) socket.write(`GET /live/main/source/${uri} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    }
    await untouched();
    expect((await residentBytes()) - before).toBeLessThan(400e6);
    for (const socket of slow) socket.destroy();
    await untouched();
  }, 40_000);
});
