import { expect, test } from "bun:test";
import { connect, type ClientHttp2Session } from "node:http2";
import { selfSigned } from "#runtime/self-signed.ts";
import { type EdgeUnderTest, eventually, startEdgeUnderTest } from "./edge-under-test.ts";
import { HandFedWindow } from "./synthetic-broadcast.ts";

const FIRST = 189_302_400;
const TIMELINE = "0123456789abcdef";

/** Five segments of two seconds, the last one with one part of four. */
function onAir(): HandFedWindow {
  const window = new HandFedWindow();
  window.feed(8_600);
  return window;
}

function playlist(msn: number | string, part?: number | string): string {
  return `/live/main/source/index.m3u8?_HLS_msn=${msn}${part === undefined ? "" : `&_HLS_part=${part}`}`;
}

test("a blocking request is answered by the part it waits for, not before", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const answer = edge.get(playlist(FIRST + 4, 1));
  await edge.parked(1);
  window.feed(300);
  expect(edge.edge.parked).toBe(1);
  window.feed(200);
  const response = await answer;
  expect([response.status, response.headers.get("cache-control")]).toEqual([200, "public, max-age=12"]);
  expect(await response.text()).toContain(`${TIMELINE}-${FIRST + 4}.1.m4s"`);
  expect(edge.edge.parked).toBe(0);
});

test("a blocking request without a part waits for the whole segment", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const answer = edge.get(playlist(FIRST + 4));
  await edge.parked(1);
  window.feed(1_000);
  expect(edge.edge.parked).toBe(1);
  window.feed(500);
  expect(await (await answer).text()).toContain(`\n${TIMELINE}-${FIRST + 4}.m4s\n`);
});

test("what is listed already is answered at once, also what left the window long ago", async () => {
  await using edge = await startEdgeUnderTest([onAir()], { simulated: true });
  for (const path of [
    playlist(FIRST + 4, 0),
    playlist(FIRST + 3),
    playlist(FIRST + 3, 9),
    playlist(0),
    playlist(0, 0),
  ]) {
    const response = await edge.get(path);
    expect([path, response.status]).toEqual([path, 200]);
    await response.text();
  }
});

test("a part past the last of a segment is part 0 of the next", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const answer = edge.get(playlist(FIRST + 4, 4));
  await edge.parked(1);
  window.feed(1_500);
  expect(edge.edge.parked).toBe(1);
  window.feed(500);
  expect(await (await answer).text()).toContain(`${TIMELINE}-${FIRST + 5}.0.m4s`);
});

test("absurd directives are 400", async () => {
  await using edge = await startEdgeUnderTest([onAir()], { simulated: true });
  const absurd = [
    playlist(FIRST + 6),
    playlist(FIRST + 90, 0),
    playlist(FIRST + 4, 99),
    playlist("999999999999999"),
    playlist("99999999999999999999999999"),
    playlist("-1"),
    playlist("1e9"),
    playlist("0x10"),
    playlist(""),
    playlist("%31"),
    playlist(1, ""),
    playlist(1, "-1"),
    playlist("NaN"),
    `${playlist(1)}&_HLS_msn=2`,
    `${playlist(1, 1)}&_HLS_part=1`,
    "/live/main/source/index.m3u8?_HLS_part=0",
  ];
  for (const path of absurd) {
    const response = await edge.get(path);
    expect([path, response.status, response.headers.get("cache-control")]).toEqual([path, 400, "no-store"]);
    await response.text();
  }
  expect(edge.edge.parked).toBe(0);
});

test("blocked for three target durations is 503 with Retry-After, never a stale playlist", async () => {
  await using edge = await startEdgeUnderTest([onAir()], { simulated: true });
  const answer = edge.get(playlist(FIRST + 4, 1));
  await edge.parked(1);
  await edge.simulated?.advance(5_900);
  expect(edge.edge.parked).toBe(1);
  await edge.simulated?.advance(600);
  const response = await answer;
  expect([response.status, response.headers.get("retry-after"), response.headers.get("cache-control")]).toEqual([
    503,
    "1",
    "no-store",
  ]);
});

test("the end of the broadcast answers everybody who waits for more", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const answers = [edge.get(playlist(FIRST + 4, 3)), edge.get(playlist(FIRST + 5))];
  await edge.parked(2);
  window.end();
  for (const answer of answers) expect(await (await answer).text()).toEndWith("#EXT-X-ENDLIST\n");
});

test("the first playlist is held until it can be played without a stall, then 404 when that takes too long", async () => {
  const window = new HandFedWindow();
  window.feed(700);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const early = edge.get("/live/main/index.m3u8");
  await edge.parked(1);
  await edge.simulated?.advance(6_500);
  const refused = await early;
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([404, "1"]);
  const held = [
    edge.get("/live/main/index.m3u8"),
    edge.get("/live/main/source/index.m3u8"),
    edge.get("/live/main/manifest.mpd"),
  ];
  await edge.parked(3);
  window.feed(2_400);
  for (const answer of held) expect((await answer).status).toBe(200);
});

test("a hinted part is held until it is whole; one that never comes is 404", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const hinted = edge.get(`/live/main/source/${TIMELINE}-${FIRST + 4}.1.m4s`);
  await edge.parked(1);
  window.feed(200);
  expect(edge.edge.parked).toBe(1);
  // Exactly to the end of the part, so that the end finds no frame for another one.
  window.feed(200);
  const response = await hinted;
  expect(response.status).toBe(200);
  expect((await response.arrayBuffer()).byteLength).toBe(Number(response.headers.get("content-length")));
  const never = edge.get(`/live/main/source/${TIMELINE}-${FIRST + 4}.2.m4s`);
  await edge.parked(1);
  window.end();
  expect((await never).status).toBe(404);
});

test("a request for the next segment is held for a second at most", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const path = `/live/main/source/${TIMELINE}-${FIRST + 5}.m4s`;
  const late = edge.get(path);
  await edge.parked(1);
  await edge.simulated?.advance(1_300);
  expect((await late).status).toBe(404);
  const early = edge.get(path, { method: "HEAD" });
  await edge.parked(1);
  window.feed(2_000);
  expect((await early).status).toBe(200);
});

test("parked requests are limited, and the refusal comes at once", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true, limits: { parkedRequests: 3 } });
  const held = Array.from({ length: 3 }, () => edge.get(playlist(FIRST + 4, 1)));
  await edge.parked(3);
  const refused = await edge.get(playlist(FIRST + 4, 1));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  await (await edge.get(playlist(FIRST + 4, 1))).text();
  expect(edge.observer.named("edge.parked.full").map((event) => event.fields)).toEqual([
    { stream: "main", parked: 3, refused: 1 },
  ]);
  window.feed(500);
  for (const answer of held) expect((await answer).status).toBe(200);
});

test("a client that goes away leaves nothing behind", async () => {
  await using edge = await startEdgeUnderTest([onAir()], { simulated: true });
  const aborts = Array.from({ length: 50 }, () => new AbortController());
  const requests = aborts.map(({ signal }, i) =>
    edge.get(playlist(FIRST + 4, 1 + (i % 3)), { signal }).catch(() => undefined),
  );
  await edge.parked(50);
  for (const abort of aborts) abort.abort();
  await Promise.all(requests);
  await edge.parked(0);
  await eventually(() => edge.server.requestsInFlight === 0, "no request in flight");
});

test("closing answers everybody who waits with 503", async () => {
  const edge = await startEdgeUnderTest([onAir()], { simulated: true });
  const held = [edge.get(playlist(FIRST + 4, 1)), edge.get(`/live/main/source/${TIMELINE}-${FIRST + 4}.1.m4s`)];
  await edge.parked(2);
  await edge.edge.close();
  for (const answer of held) expect((await answer).status).toBe(503);
  await edge.server.close();
});

/** One request on an HTTP/2 session; resolves with its status and its body. */
function ask(session: ClientHttp2Session, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path });
    let [status, body] = [0, ""];
    stream.setEncoding("utf8");
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
    });
    stream.on("data", (text: string) => {
      body += text;
    });
    stream.on("end", () => resolve({ status, body }));
    stream.on("error", reject);
  });
}

async function crowd(
  edge: EdgeUnderTest,
  window: HandFedWindow,
  options: { sessions: number; each: number; ca?: string },
): Promise<number> {
  const sessions = Array.from({ length: options.sessions }, () =>
    connect(edge.server.origin, options.ca === undefined ? {} : { ca: options.ca }),
  );
  const asked = sessions.flatMap((session) =>
    Array.from({ length: options.each }, () => ask(session, playlist(FIRST + 4, 1))),
  );
  await edge.parked(asked.length);
  const before = performance.now();
  window.feed(500);
  const answers = await Promise.all(asked);
  const elapsedMs = performance.now() - before;
  const bodies = new Set(answers.map((answer) => answer.body));
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
  expect(bodies.size).toBe(1);
  expect([...bodies][0]).toContain(`${FIRST + 4}.1.m4s`);
  for (const session of sessions) session.destroy();
  return elapsedMs;
}

test("ten thousand parked requests are released together by one part", async () => {
  const window = onAir();
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const rssBefore = process.memoryUsage().rss;
  const elapsedMs = await crowd(edge, window, { sessions: 100, each: 100 });
  // The client's ten thousand streams live in this process too; the server's share is a fraction of either figure. What it costs is `bench parked`'s.
  expect(elapsedMs).toBeLessThan(20_000);
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(400_000_000);
  expect(edge.metrics.render()).toContain("grandstand_edge_released_requests_total 10000\n");
}, 60_000);

test("a crowd over HTTP/2 with TLS gets the same", async () => {
  const window = onAir();
  const tls = selfSigned("edge");
  await using edge = await startEdgeUnderTest([window], { simulated: true, tls });
  await crowd(edge, window, { sessions: 4, each: 50, ca: tls.cert });
  const response = await fetch(`${edge.server.origin}/live/main/source/${TIMELINE}-${FIRST}.m4s`, {
    tls: { ca: tls.cert },
  });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}, 30_000);
