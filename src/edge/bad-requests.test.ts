import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { connect } from "node:net";
import { eventually, rawExchange, startEdgeUnderTest } from "./edge-under-test.ts";
import { HandFedWindow } from "./synthetic-broadcast.ts";

const FIRST = 189_302_400;
const SEGMENT = `/live/main/source/0123456789abcdef-${FIRST}.m4s`;

function isWholeAnswer(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  return end >= 0;
}

test("path tricks are 400 or 404 and never reach anything", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  const tricks = [
    "/live/main/../../etc/passwd",
    "/live/main/%2e%2e/%2e%2e/etc/passwd",
    "/live/main/..%2f..%2fetc/passwd",
    "/live/main/source/..\\..\\x.m4s",
    "/live//main/index.m3u8",
    "/live/main//index.m3u8",
    "//live/main/index.m3u8",
    "/live/main/source//index.m3u8",
    "/live/main/source/index.m3u8/",
    "/live/main/source/index.m3u8%00",
    "/live/main/%00",
    "/live/main/source%2findex.m3u8",
    "/live/%6dain/index.m3u8",
    "/live/__proto__/index.m3u8",
    "/live/main/__proto__/index.m3u8",
    "/live/main/constructor",
    `/live/${"a".repeat(8_000)}/index.m3u8`,
    `/live/main/index.m3u8?CMCD=${"a".repeat(8_000)}`,
    `${SEGMENT.slice(0, -4)}.000000.m4s`,
    `/live/main/source/0123456789abcdef-0${FIRST}.m4s`,
    `/live/main/source/0123456789ABCDEF-${FIRST}.m4s`,
    "/live/main/source/0123456789abcdef-99999999999999999999.m4s",
    "/live/main/source/0123456789abcdef--1.m4s",
    "/live/main/source/0123456789abcdef-1e3.m4s",
  ];
  for (const path of tricks) {
    const answer = await rawExchange(
      edge.server.port,
      `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
      isWholeAnswer,
    );
    expect([path.slice(0, 80), answer.slice(9, 12)]).toEqual([
      path.slice(0, 80),
      expect.stringMatching(/^(400|404|431)$/),
    ]);
  }
  expect(edge.bugs).toEqual([]);
});

test("any target and any headers are answered and leave the edge as it was", async () => {
  const window = new HandFedWindow();
  window.feed(8_600);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const piece = fc.constantFrom(
    "live",
    "main",
    "source",
    "audio",
    "index.m3u8",
    "manifest.mpd",
    "time",
    "..",
    "%2e",
    "",
    SEGMENT.slice(18),
    "init-",
  );
  const path = fc
    .array(fc.oneof(piece, fc.webSegment({ size: "xsmall" })), { maxLength: 6 })
    .map((parts) => `/${parts.join("/")}`);
  const name = fc.constantFrom("_HLS_msn", "_HLS_part", "_HLS_skip", "CMCD", "_HLS_x", "q", "");
  const value = fc.oneof(
    fc.nat().map(String),
    fc.webQueryParameters({ size: "xsmall" }),
    fc.constant(String(FIRST + 3)),
  );
  const query = fc
    .array(fc.tuple(name, value), { maxLength: 4 })
    .map((pairs) => pairs.map(([n, v]) => `${n}=${v}`).join("&"));
  const header = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom("bytes=0-5", "bytes=-", "gzip;q", '"', "*", "W/", "bytes=5-1"),
  );
  const headers = fc.record(
    { range: header, "if-none-match": header, "accept-encoding": header, "if-range": header },
    { requiredKeys: [] },
  );
  const method = fc.constantFrom("GET", "HEAD", "OPTIONS", "POST");
  await fc.assert(
    fc.asyncProperty(path, query, headers, method, async (target, search, fields, verb) => {
      const clean = Object.fromEntries(
        Object.entries(fields).map(([key, text]) => [key, text.replaceAll(/[^\x20-\x7e]/g, "")]),
      );
      const abort = new AbortController();
      const request = new Request(`http://h${target}?${search}`, {
        method: verb,
        headers: clean,
        signal: abort.signal,
      });
      const answer = edge.edge.handle(request, { address: "", allowSilence: () => undefined });
      if (answer instanceof Promise) abort.abort();
      const response = await answer;
      if (response !== undefined) {
        expect([200, 204, 206, 304, 400, 404, 405, 410, 416, 499, 503]).toContain(response.status);
        await response.body?.cancel();
      }
    }),
    { numRuns: 1_500, interruptAfterTimeLimit: 4_000 },
  );
  expect(edge.edge.parked).toBe(0);
});

test("bytes that are no HTTP close the connection and nothing else", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  let seed = 42;
  const junk = Array.from({ length: 40 }, (_, i) => {
    const bytes = new Uint8Array(1 + ((i * 37) % 700));
    for (let at = 0; at < bytes.length; at++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      bytes[at] = seed >> 16;
    }
    return bytes;
  });
  for (const bytes of junk) {
    const socket = connect({ host: "127.0.0.1", port: edge.server.port });
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.end(bytes);
    socket.resume();
    await closed;
  }
  expect((await edge.get(SEGMENT)).status).toBe(200);
  expect(edge.bugs).toEqual([]);
});

test("connections cut in the middle of a response, and readers that stall, cost the others nothing", async () => {
  const window = new HandFedWindow({ frameBytes: 60_000 });
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  const stalled = Array.from({ length: 20 }, () => {
    const socket = connect({ host: "127.0.0.1", port: edge.server.port }, () =>
      socket.write(`GET ${SEGMENT} HTTP/1.1\r\nHost: h\r\n\r\n`),
    );
    socket.on("error", () => undefined);
    socket.pause();
    return socket;
  });
  for (let i = 0; i < 20; i++) {
    await rawExchange(
      edge.server.port,
      `GET ${SEGMENT} HTTP/1.1\r\nHost: h\r\n\r\n`,
      (answer) => answer.length > 10_000 * i,
    );
  }
  const whole = await edge.get(SEGMENT);
  expect((await whole.arrayBuffer()).byteLength).toBeGreaterThan(3_000_000);
  for (const socket of stalled) socket.destroy();
  await eventually(() => edge.server.requestsInFlight === 0, "no request in flight");
  expect(edge.bugs).toEqual([]);
});
