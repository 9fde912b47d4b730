import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { ANSWER_BYTES_MAX, HttpFailure, postText } from "./http-client.ts";
import { startHttpServer } from "./http-server.ts";
import { selfSigned } from "./self-signed.ts";

const servers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of servers) await close();
});

/** A server that answers a request with whatever bytes it likes. */
async function rawServer(answer: (socket: Socket, request: string) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", (data) => answer(socket, data.toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

function post(url: string, signal: AbortSignal = AbortSignal.timeout(5000)): ReturnType<typeof postText> {
  return postText({ url, headers: { "content-type": "application/json" }, body: '{"a":1}', signal });
}

async function failure(url: string, signal?: AbortSignal): Promise<string> {
  try {
    await post(url, signal);
  } catch (error) {
    return error instanceof HttpFailure ? error.message : `foreign: ${String(error)}`;
  }
  return "none";
}

/** Writes until the other side has enough. */
function flood(socket: Socket, chunk: string, sent: (bytes: number) => void): void {
  const more = (): void => {
    while (!socket.destroyed) {
      sent(chunk.length);
      if (!socket.write(chunk)) break;
    }
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
}

describe("an answer", () => {
  test("is its status, its text and what it says of trying again", async () => {
    const seen: string[] = [];
    const server = await startHttpServer({
      host: "127.0.0.1",
      port: 0,
      async handle(request) {
        seen.push(`${request.method} ${request.headers.get("content-type")} ${await request.text()}`);
        return new Response("wait", { status: 429, headers: { "retry-after": "7" } });
      },
    });
    servers.push(() => server.close());
    expect(await post(server.origin)).toEqual({ status: 429, body: "wait", retryAfterSeconds: 7 });
    expect(seen).toEqual(['POST application/json {"a":1}']);
  });

  test("of a redirect is the redirect", async () => {
    let asked = 0;
    const url = await rawServer((socket) => {
      asked++;
      socket.end("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    });
    expect(await post(url)).toEqual({ status: 307, body: "", retryAfterSeconds: undefined });
    expect(asked).toBe(1);
  });

  test("without end keeps its status, loses its body and is cut off", async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    let sent = 0;
    const url = await rawServer((socket) => {
      socket.once("close", () => resolve());
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      flood(socket, "x".repeat(65_536), (bytes) => (sent += bytes));
    });
    expect(await post(url)).toEqual({ status: 200, body: undefined, retryAfterSeconds: undefined });
    await closed;
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test("of the longest size is whole; a byte more is too long", async () => {
    const url = await rawServer((socket, request) => {
      const size = request.startsWith("POST /more") ? ANSWER_BYTES_MAX + 1 : ANSWER_BYTES_MAX;
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${"y".repeat(size)}`);
    });
    expect((await post(url)).body?.length).toBe(ANSWER_BYTES_MAX);
    expect((await post(`${url}/more`)).body).toBeUndefined();
  });

  test("that is compressed is not unpacked", async () => {
    const url = await rawServer((socket) => {
      const body = Bun.gzipSync(new Uint8Array(1_000_000));
      socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.end(body);
    });
    expect(await post(url)).toMatchObject({ status: 200, body: undefined });
  });

  test("that breaks off keeps its status", async () => {
    const url = await rawServer((socket) => socket.end("HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\nab"));
    expect((await post(url)).status).toBe(204);
  });
});

describe("no answer", () => {
  test("is told in words without the URL", async () => {
    expect(await failure("http://127.0.0.1:1/secret")).toBe("the connection was refused");
    expect(await failure("http://does-not-exist.invalid/secret")).toBe("the host name is not known");
    const closing = await rawServer((socket) => socket.destroy());
    expect(await failure(`${closing}/secret`)).toBe("the connection was reset");
    const plain = await rawServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    expect(await failure(`${plain.replace("http", "https")}/secret`)).toBe("the TLS handshake failed");
    const nonsense = await rawServer((socket) => socket.end("secret nonsense\r\n\r\n"));
    expect(await failure(`${nonsense}/secret`)).toMatch(/^it failed: \w+$/);
  });

  test("is what headers without end give", async () => {
    const url = await rawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      flood(socket, `X-More: ${"z".repeat(8000)}\r\n`, () => undefined);
    });
    expect(await failure(url)).toBe("its headers are too long");
  });

  test("is what a certificate nobody vouches for gives", async () => {
    const server = await startHttpServer({
      host: "127.0.0.1",
      port: 0,
      tls: selfSigned("localhost"),
      handle: () => new Response("ok"),
    });
    servers.push(() => server.close());
    expect(await failure(server.origin)).toMatch(/^its certificate is not valid: \w+$/);
  });

  test("in time gives the signal's reason, before and during the exchange", async () => {
    const url = await rawServer(() => undefined);
    const stop = new AbortController();
    const asked = failure(url, stop.signal);
    stop.abort(new Error("too late"));
    expect(await asked).toBe("foreign: Error: too late");
    expect(await failure(url, stop.signal)).toBe("foreign: Error: too late");
  });
});
