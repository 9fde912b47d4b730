import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { startEdgeUnderTest } from "./edge-under-test.ts";
import { HandFedWindow } from "./synthetic-broadcast.ts";

const FIRST = 189_302_400;
const TIMELINE = "0123456789abcdef";
const segment = (number: number, track = "source"): string => `/live/main/${track}/${TIMELINE}-${number}.m4s`;
const part = (number: number, index: number): string => `/live/main/source/${TIMELINE}-${number}.${index}.m4s`;

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

test("playlists, manifest, clock and objects have their types, cache rules and CORS headers", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  const playlist = await (await edge.get("/live/main/source/index.m3u8")).text();
  const init = /URI="(init-[0-9a-f]{16}\.mp4)"/.exec(playlist)?.[1] ?? "";
  const immutable = "public, max-age=31536000, immutable";
  const cases: readonly (readonly [string, string, string])[] = [
    ["/live/main/index.m3u8", "application/vnd.apple.mpegurl", "public, max-age=1"],
    ["/live/main/audio.m3u8", "application/vnd.apple.mpegurl", "public, max-age=1"],
    ["/live/main/manifest.mpd", "application/dash+xml", "public, max-age=1"],
    ["/live/main/source/index.m3u8", "application/vnd.apple.mpegurl", "public, max-age=1"],
    [
      `/live/main/source/index.m3u8?_HLS_msn=${FIRST + 4}&_HLS_part=1`,
      "application/vnd.apple.mpegurl",
      "public, max-age=12",
    ],
    [`/live/main/source/index.m3u8?CMCD=sid%3D%22x%22`, "application/vnd.apple.mpegurl", "public, max-age=1"],
    [segment(FIRST + 1), "video/mp4", immutable],
    [segment(FIRST + 1, "audio"), "audio/mp4", immutable],
    [part(FIRST + 4, 1), "video/mp4", immutable],
    [`${part(FIRST + 4, 1)}?CMCD=bl%3D500`, "video/mp4", immutable],
    [`/live/main/source/${init}`, "video/mp4", immutable],
    ["/live/time", "text/plain; charset=utf-8", "no-store"],
    ["/time?x=1", "text/plain; charset=utf-8", "no-store"],
  ];
  for (const [path, type, cache] of cases) {
    for (let round = 0; round < 3; round++) {
      const response = await edge.get(path);
      const body = await bytesOf(response);
      expect([path, response.status, body.length > 0]).toEqual([path, 200, true]);
      expect(response.headers.get("content-type")).toBe(type);
      expect(response.headers.get("cache-control")).toBe(cache);
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
      expect(response.headers.get("date")).not.toBeNull();
    }
  }
  expect(edge.bugs).toEqual([]);
});

test("HEAD answers what GET would, without the body", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  for (const path of [
    "/live/main/index.m3u8",
    "/live/main/audio/index.m3u8",
    segment(FIRST),
    part(FIRST + 4, 0),
    "/live/main/manifest.mpd",
  ]) {
    const plain = { headers: { "accept-encoding": "identity" } };
    const [get, head] = [await edge.get(path, plain), await edge.get(path, { ...plain, method: "HEAD" })];
    expect([path, head.status]).toEqual([path, 200]);
    for (const name of ["content-type", "content-length", "cache-control", "etag", "vary", "accept-ranges"]) {
      expect([path, name, head.headers.get(name)]).toEqual([path, name, get.headers.get(name)]);
    }
    expect(head.headers.get("date")).not.toBeNull();
    expect((await bytesOf(head)).length).toBe(0);
    expect((await bytesOf(get)).length).toBe(Number(get.headers.get("content-length")));
  }
});

test("OPTIONS is a preflight without credentials, other methods are 405 with Allow", async () => {
  await using edge = await startEdgeUnderTest([new HandFedWindow()]);
  const preflight = await edge.get("/live/main/index.m3u8", {
    method: "OPTIONS",
    headers: { origin: "https://example.org" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
  expect(preflight.headers.get("access-control-allow-methods")).toBe("GET, HEAD, OPTIONS");
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const refused = await edge.get("/live/main/index.m3u8", { method });
    expect([method, refused.status, refused.headers.get("allow")]).toEqual([method, 405, "GET, HEAD, OPTIONS"]);
    expect(refused.headers.get("cache-control")).toBe("no-store");
  }
});

test("a body the client has is 304, with the tag of its encoding", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  for (const path of ["/live/main/source/index.m3u8", "/live/main/index.m3u8", segment(FIRST)]) {
    const first = await edge.get(path, { headers: { "accept-encoding": "identity" } });
    const tag = first.headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[^"]+"$/);
    for (const condition of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await edge.get(path, { headers: { "accept-encoding": "identity", "if-none-match": condition } });
      expect([path, condition, again.status]).toEqual([path, condition, 304]);
      expect(again.headers.get("etag")).toBe(tag);
      expect(again.headers.get("cache-control")).toBe(first.headers.get("cache-control"));
      expect((await bytesOf(again)).length).toBe(0);
    }
    const other = await edge.get(path, {
      headers: { "accept-encoding": "identity", "if-none-match": `"x${tag.slice(1)}` },
    });
    expect(other.status).toBe(200);
  }
  const zipped = await edge.get("/live/main/source/index.m3u8", { headers: { "accept-encoding": "gzip" } });
  const plain = await edge.get("/live/main/source/index.m3u8", { headers: { "accept-encoding": "identity" } });
  expect(zipped.headers.get("etag")).not.toBe(plain.headers.get("etag"));
  window.feed(500);
  const changed = await edge.get("/live/main/source/index.m3u8", {
    headers: { "accept-encoding": "identity", "if-none-match": plain.headers.get("etag") ?? "" },
  });
  expect(changed.status).toBe(200);
});

test("playlists are gzipped when that is accepted, and say that they vary", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  const plain = await bytesOf(
    await edge.get("/live/main/source/index.m3u8", { headers: { "accept-encoding": "identity" } }),
  );
  const cases: readonly (readonly [string, boolean])[] = [
    ["gzip", true],
    ["gzip, deflate, br", true],
    ["br;q=1.0, gzip;q=0.8, *;q=0.1", true],
    ["GZIP", true],
    ["*", true],
    ["gzip;q=0", false],
    ["gzip;q=0.000, *", false],
    ["br", false],
    ["", false],
    ["identity", false],
  ];
  for (const [accepts, zipped] of cases) {
    const response = await edge.get("/live/main/source/index.m3u8", {
      headers: { "accept-encoding": accepts },
      decompress: false,
    });
    expect([accepts, response.headers.get("content-encoding")]).toEqual([accepts, zipped ? "gzip" : null]);
    expect(response.headers.get("vary")).toBe("Accept-Encoding");
    const body = await bytesOf(response);
    expect(zipped ? new Uint8Array(gunzipSync(body)) : body).toEqual(plain);
  }
  const object = await edge.get(segment(FIRST), { headers: { "accept-encoding": "gzip" }, decompress: false });
  expect([object.headers.get("content-encoding"), object.headers.get("vary")]).toEqual([null, null]);
  await object.arrayBuffer();
});

test("ranges of objects are 206 or 416, and the whole body when they are no range we serve", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  const path = segment(FIRST + 1);
  const whole = await edge.get(path);
  const body = await bytesOf(whole);
  const size = body.length;
  const tag = whole.headers.get("etag") ?? "";
  expect(whole.headers.get("accept-ranges")).toBe("bytes");
  const cases: readonly (readonly [string, string | undefined, number, number, number])[] = [
    ["bytes=0-0", undefined, 206, 0, 1],
    ["bytes=0-", undefined, 206, 0, size],
    ["bytes=100-199", undefined, 206, 100, 200],
    [`bytes=${size - 1}-`, undefined, 206, size - 1, size],
    ["bytes=-10", undefined, 206, size - 10, size],
    [`bytes=-${size * 2}`, undefined, 206, 0, size],
    [`bytes=5-${size * 9}`, undefined, 206, 5, size],
    ["bytes=5-9", tag, 206, 5, 10],
    ["bytes=5-9", '"other"', 200, 0, size],
    [`bytes=${size}-`, undefined, 416, 0, 0],
    ["bytes=-0", undefined, 416, 0, 0],
    ["bytes=9-5", undefined, 200, 0, size],
    ["bytes=1-2,4-5", undefined, 200, 0, size],
    ["bytes=a-b", undefined, 200, 0, size],
    ["bytes=-", undefined, 200, 0, size],
    ["lines=1-2", undefined, 200, 0, size],
    ["bytes=1-99999999999999999999", undefined, 200, 0, size],
  ];
  for (const [range, condition, status, from, to] of cases) {
    const headers: Record<string, string> = condition === undefined ? { range } : { range, "if-range": condition };
    const response = await edge.get(path, { headers });
    const got = await bytesOf(response);
    expect([range, response.status]).toEqual([range, status]);
    if (status === 416) expect(response.headers.get("content-range")).toBe(`bytes */${size}`);
    else expect(got).toEqual(body.slice(from, to));
    if (status === 206) expect(response.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${size}`);
  }
});

test("a name that never was is 404, one that left the window 410, one of the future 404 for a second", async () => {
  const window = new HandFedWindow();
  window.feed(61_000);
  await using edge = await startEdgeUnderTest([window]);
  const cases: readonly (readonly [string, number, string])[] = [
    [segment(FIRST), 410, "no-store"],
    [part(FIRST, 0), 410, "no-store"],
    [segment(FIRST + 99), 404, "public, max-age=1"],
    [part(FIRST + 30, 9), 404, "public, max-age=1"],
    ["/live/main/source/fedcba9876543210-189302400.m4s", 404, "no-store"],
    ["/live/main/nothing/index.m3u8", 404, "no-store"],
    [`/live/main/nothing/${TIMELINE}-${FIRST + 29}.m4s`, 404, "no-store"],
    ["/live/main/source/init-0000000000000000.mp4", 404, "no-store"],
    ["/live/main/source/index.m3u", 404, "no-store"],
    ["/live/main/", 404, "no-store"],
    ["/live/main", 404, "no-store"],
    ["/live/", 404, "no-store"],
    ["/live/main/source/index.m3u8?session=1", 400, "no-store"],
    [`${segment(FIRST + 29)}?token=1`, 400, "no-store"],
    ["/live/main/index.m3u8?x", 400, "no-store"],
  ];
  for (const [path, status, cache] of cases) {
    const response = await edge.get(path);
    expect([path, response.status, response.headers.get("cache-control")]).toEqual([path, status, cache]);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    await response.text();
  }
  const offAir = await edge.get("/live/other/index.m3u8");
  expect([offAir.status, offAir.headers.get("retry-after")]).toEqual([404, "1"]);
});

test("an older broadcast's media stays beside the new one's, and its playlist is the new one's", async () => {
  const old = new HandFedWindow({ timelineId: "00000000000000aa" });
  old.feed(9_750);
  old.end();
  const fresh = new HandFedWindow({ timelineId: "00000000000000bb", firstSegment: FIRST + 50 });
  fresh.feed(9_750);
  await using edge = await startEdgeUnderTest([fresh, old]);
  expect(await (await edge.get("/live/main/source/index.m3u8")).text()).toContain("00000000000000bb-");
  for (const name of [`00000000000000aa-${FIRST}`, `00000000000000bb-${FIRST + 50}`]) {
    const response = await edge.get(`/live/main/source/${name}.m4s`);
    expect([name, response.status]).toEqual([name, 200]);
    await response.arrayBuffer();
  }
});

test("after the end the playlist says so for as long as the window is kept, then the stream is off air", async () => {
  const window = new HandFedWindow();
  window.feed(9_750);
  await using edge = await startEdgeUnderTest([window]);
  window.end();
  for (const query of ["", `?_HLS_msn=${FIRST + 40}`]) {
    const response = await edge.get(`/live/main/source/index.m3u8${query}`);
    expect(response.status).toBe(200);
    expect(await response.text()).toEndWith("#EXT-X-ENDLIST\n");
  }
  window.drop();
  edge.windows.delete("main");
  expect((await edge.get("/live/main/source/index.m3u8")).status).toBe(404);
});
