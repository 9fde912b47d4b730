import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { AuthorityUnderTest, type Identity } from "./authority-under-test.ts";
import type { PullOptions } from "./index.ts";
import { makeFilm, pullOf, type PullUnderTest } from "./pull-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-trust-"));
const authority = new AuthorityUnderTest();
const { ca } = authority;
const here = authority.issue("DNS:localhost", "IP:127.0.0.1");
const elsewhere = authority.issue("DNS:elsewhere.example");
/** Playlists by the path they are served at, with any certificate. */
const playlists = new Map<string, string>();
const asked: string[] = [];
const closers: (() => unknown)[] = [];

function serve(tls: Identity | undefined): number {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    fetch: (request) => {
      const { host, pathname } = new URL(request.url);
      asked.push(`${host}${pathname}`);
      const text = playlists.get(pathname);
      if (text?.startsWith("https:") === true) return Response.redirect(text);
      if (text !== undefined) return new Response(text, { headers: { "content-type": "application/x-mpegURL" } });
      const path = /^\/[a-z0-9.]+$/.test(pathname) ? join(folder, pathname) : undefined;
      return path === undefined ? new Response(null, { status: 404 }) : new Response(Bun.file(path));
    },
  });
  closers.push(() => server.stop(true));
  return server.port ?? 0;
}

/** Speaks TLS before a server that does not. */
async function front(identity: Identity, port: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ cert: identity.cert, key: identity.key }, (socket) => {
    const inner = connect(port, "127.0.0.1");
    for (const one of [socket, inner]) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.once("close", () => inner.destroy() && socket.destroy());
    }
    socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

let plain: number;
let trusted: number;
let misnamed: number;

beforeAll(() => {
  makeFilm(join(folder, "index.m3u8"), 4, ["-hls_time", "1", "-hls_list_size", "0", "-hls_playlist_type", "vod"]);
  [plain, trusted, misnamed] = [serve(undefined), serve(here), serve(elsewhere)];
});

afterAll(async () => {
  for (const close of closers) await close();
  authority[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const problemOf = (made: PullUnderTest): Promise<{ code: string; message: string; hint: string | null }> =>
  made.until(20_000, "the problem", () => made.pull.status("film")?.lastProblem ?? undefined);

/** Pulls to the end, and gives how many pictures came. */
async function picturesOf(url: string, options: Partial<PullOptions>): Promise<number> {
  await using made = await pullOf(url, options);
  await made.until(25_000, "the end", () => (made.sessions[0]?.ended === undefined ? undefined : true));
  return made.sessions[0]?.frames.filter(({ track }) => track.kind === "video").length ?? 0;
}

const segments = (origin: string): string =>
  [
    "#EXTM3U",
    "#EXT-X-TARGETDURATION:1",
    ...[0, 1, 2, 3].map((i) => `#EXTINF:1,\n${origin}/index${i}.ts`),
    "#EXT-X-ENDLIST",
  ].join("\n");

describe("HLS over TLS", () => {
  test("is refused where nobody vouches for the server, in words; pullInsecure takes it all the same", async () => {
    const url = `https://localhost:${trusted}/index.m3u8?token=secret-word`;
    asked.length = 0;
    await using made = await pullOf(url);
    const { code, message, hint } = await problemOf(made);
    expect([code, made.sessions.length, asked]).toEqual(["PULL_UNTRUSTED", 0, []]);
    expect(message).toMatch(
      new RegExp(`^the certificate of localhost:${trusted} is not one that is trusted for localhost \\(\\w+\\)$`),
    );
    expect(hint).toContain("pullInsecure: true");
    await made.pull.close();
    expect(await picturesOf(url, { insecure: true })).toBe(120);
  }, 60_000);

  test("is taken with its authority: its playlist, segments of another server, and after a redirect", async () => {
    playlists.set("/master.m3u8", `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttps://127.0.0.1:${trusted}/far.m3u8\n`);
    playlists.set("/far.m3u8", segments(`//localhost:${trusted}`));
    playlists.set("/away.m3u8", `https://localhost:${trusted}/master.m3u8`);
    asked.length = 0;
    expect(await picturesOf(`http://127.0.0.1:${plain}/away.m3u8`, { ca })).toBe(120);
    expect(new Set(asked)).toEqual(
      new Set([
        `127.0.0.1:${plain}/away.m3u8`,
        `localhost:${trusted}/master.m3u8`,
        `127.0.0.1:${trusted}/far.m3u8`,
        ...[0, 1, 2, 3].map((i) => `localhost:${trusted}/index${i}.ts`),
      ]),
    );
  }, 60_000);

  test("is refused when playlist or segments come from a server with another name in its certificate", async () => {
    playlists.set("/mixed.m3u8", segments(`https://localhost:${misnamed}`));
    asked.length = 0;
    for (const url of [`https://localhost:${misnamed}/index.m3u8`, `https://localhost:${trusted}/mixed.m3u8`]) {
      await using made = await pullOf(url, { ca });
      expect(await problemOf(made)).toMatchObject({
        code: "PULL_UNTRUSTED",
        message: `the certificate of localhost:${misnamed} is not one that is trusted for localhost (ERR_TLS_CERT_ALTNAME_INVALID)`,
      });
      expect(made.sessions.length).toBe(0);
    }
    expect(asked.filter((one) => one.startsWith(`localhost:${misnamed}`))).toEqual([]);
  }, 60_000);
});

describe("RTMP over TLS", () => {
  test("is refused where nobody vouches for the server, and taken with its authority", async () => {
    makeFilm(join(folder, "film.flv"), 4);
    const listening = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const { port } = listening;
    listening.stop(true);
    const url = `rtmps://localhost:${await front(here, port)}/live/key-0123456789`;
    const server = spawn("ffmpeg", [
      ...["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", join(folder, "film.flv"), "-c", "copy"],
      ...["-f", "flv", "-listen", "1", `rtmp://127.0.0.1:${port}/live/key-0123456789`],
    ]);
    try {
      await using refused = await pullOf(url);
      expect(await problemOf(refused)).toMatchObject({ code: "PULL_UNTRUSTED" });
      await refused.pull.close();
      await using made = await pullOf(url, { ca });
      await made.until(25_000, "pictures", () => ((made.sessions[0]?.frames.length ?? 0) > 60 ? true : undefined));
      expect(JSON.stringify(made.observer.events)).not.toContain("key-0123456789");
    } finally {
      server.kill("SIGKILL");
    }
  }, 60_000);
});
