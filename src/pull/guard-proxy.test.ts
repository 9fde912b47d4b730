import { afterAll, describe, expect, test } from "bun:test";
import { type AddressInfo, connect, createServer } from "node:net";
import * as fc from "fast-check";
import type { Fault } from "#faults/fault.ts";
import { systemClock } from "#time/system-clock.ts";
import { PROXY_HEAD_BYTES_MAX, requestOf, startGuardProxy } from "./guard-proxy.ts";

const refusals: Fault[] = [];
/** The rule of these tests: the second address of loopback stands for the operator's own network. */
const proxy = await startGuardProxy(
  { permits: (address) => address === "127.0.0.1", trust: { insecure: false }, clock: systemClock },
  (fault) => refusals.push(fault),
);
const web = Bun.serve({
  hostname: "0.0.0.0",
  port: 0,
  fetch: (request) => new Response(`${request.method} ${new URL(request.url).pathname}`),
});

afterAll(async () => {
  await proxy.close();
  await web.stop(true);
});

/** Sends bytes to the proxy and gives what comes until `isEnough` or the end. */
function say(bytes: string, isEnough: (text: string) => boolean = () => false): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1", () => socket.write(bytes));
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    if (isEnough(text)) socket.destroy();
  });
  socket.once("error", reject);
  socket.once("close", () => resolve(text));
  return promise;
}

describe("the way out for demuxers", () => {
  test("passes requests on to allowed addresses", async () => {
    const head = `GET http://127.0.0.1:${web.port}/a/b?c=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
    const answer = await say(head);
    expect(answer).toStartWith("HTTP/1.1 200");
    expect(answer).toEndWith("GET /a/b");
  });

  test("passes on the answer itself, not what announces it, and what is none as a failure", async () => {
    const sent = [
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nbody",
      "SSH-2.0\r\n\r\n",
    ];
    for (const [i, expected] of ["HTTP/1.1 200\r\nx-a: 1\r\nconnection: close\r\n\r\nbody", "HTTP/1.1 502"].entries()) {
      const server = createServer((socket) => socket.end(sent[i] ?? ""));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      expect(await say(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\n\r\n`)).toStartWith(expected);
      server.close();
    }
  });

  test("refuses every other address, by literal and by name, and says so", async () => {
    for (const host of ["127.0.0.2", "[::1]", "169.254.169.254", "0x7f000002"]) {
      refusals.length = 0;
      const answer = await say(`GET http://${host}:${web.port}/ HTTP/1.1\r\nConnection: close\r\n\r\n`);
      expect([host, answer.slice(0, 12)]).toEqual([host, "HTTP/1.1 403"]);
      expect([host, refusals.map(({ code }) => code)]).toEqual([host, ["PULL_REFUSED"]]);
    }
  });

  test("answers 502 where nobody listens", async () => {
    expect(await say("GET http://127.0.0.1:1/ HTTP/1.1\r\n\r\n")).toStartWith("HTTP/1.1 502");
  });

  test("answers 400 to what is no request of a proxy, at the latest when its head is too long", async () => {
    const requests = [
      "GET / HTTP/1.1\r\n\r\n",
      "GET ftp://x/ HTTP/1.1\r\n\r\n",
      "CONNECT 127.0.0.1:80 HTTP/1.1\r\n\r\n",
      "POST http://127.0.0.1/ HTTP/1.1\r\n\r\n",
      "?\r\n\r\n",
    ];
    for (const request of [...requests, "GET ".padEnd(PROXY_HEAD_BYTES_MAX + 1, "x")]) {
      expect(await say(request)).toStartWith("HTTP/1.1 400");
    }
  });
});

test("no head throws", () => {
  fc.assert(fc.property(fc.string(), (text) => void requestOf(text)));
  const line = fc.tuple(fc.constantFrom("GET", "HEAD", "POST"), fc.webUrl(), fc.string());
  fc.assert(fc.property(line, ([method, url, rest]) => void requestOf(`${method} ${url} HTTP/1.1\r\n${rest}\r\n\r\n`)));
}, 30_000);
