import { afterAll, beforeAll, expect, test } from "bun:test";
import { Metrics } from "#observe/metrics.ts";
import { silentObserver } from "#observe/event.ts";
import { type HttpServer, startHttpServer } from "#runtime/http-server.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Edge, startEdge } from "./index.ts";
import type { Picture, PictureSource, Still, StoryboardSnapshot } from "./ports.ts";
import { storyboardVtt } from "./storyboard-document.ts";

const TIMELINE = "0123456789abcdef";
/** 2026-11-18T11:06:40Z. */
const ORIGIN_MICROS = 1_795_000_000_000_000;

const pictureOf = (version: string): Picture => ({
  bytes: Uint8Array.from(version, (letter) => letter.charCodeAt(0)),
  contentType: "image/webp",
  version,
});

const stillOf = (segment: number, seconds: number): Still => ({
  ...pictureOf(`${TIMELINE}-${segment}-0`),
  atMicros: ORIGIN_MICROS + Math.round(seconds * 1_000_000),
  width: 160,
  height: 90,
});

const storyboardOf = (stills: readonly Still[]): StoryboardSnapshot => ({
  timelineId: TIMELINE,
  originMicros: ORIGIN_MICROS,
  stills,
});

let poster: Picture | undefined;
let storyboard: StoryboardSnapshot | undefined;
const source: PictureSource = {
  poster: (stream) => (stream === "main" ? poster : undefined),
  storyboard: (stream) => (stream === "main" ? storyboard : undefined),
  still: (stream, wanted) =>
    stream === "main" ? storyboard?.stills.find(({ version }) => version === wanted) : undefined,
};
const metrics = new Metrics();
const bugs: Error[] = [];
let edge: Edge;
let server: HttpServer;

beforeAll(async () => {
  const around = { clock: systemClock, observer: silentObserver, metrics };
  edge = await startEdge({ ...around, source: { windows: () => [] }, posters: source });
  server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    handle: (request, context) => edge.handle(request, context) ?? new Response(null, { status: 404 }),
    onError: (error) => bugs.push(error),
  });
});

afterAll(async () => {
  await edge.close();
  await server.close({ deadlineMs: 0 });
  expect(bugs).toEqual([]);
});

const ask = (path = "main/poster.webp", init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.origin}/live/${path}`, init);

test("the newest still picture of a stream, for everybody, with a tag", async () => {
  poster = pictureOf("a-1");
  for (const path of ["main/poster.webp", "main/poster.webp", "main/poster.webp?t=5"]) {
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe("a-1");
    expect(answer.headers.get("content-type")).toBe("image/webp");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=5");
    expect(answer.headers.get("etag")).toBe('"a-1"');
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  }
  const head = await ask(undefined, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "3", ""]);
  const same = { headers: { "if-none-match": '"a-1"' } };
  expect((await ask(undefined, same)).status).toBe(304);
  poster = pictureOf("a-22");
  expect(await (await ask(undefined, same)).text()).toBe("a-22");
  expect((await ask(undefined, { method: "PUT" })).status).toBe(405);
  expect((await ask("other/poster.webp")).status).toBe(404);
  poster = undefined;
  const none = await ask();
  expect([none.status, none.headers.get("cache-control")]).toEqual([404, "public, max-age=1"]);
  expect(metrics.render()).toContain('grandstand_edge_requests_total{kind="poster",status="404"} 2');
});

test("a storyboard as WebVTT counts from the timeline's origin, as the DASH manifest does, and says its date", async () => {
  storyboard = storyboardOf([stillOf(7, 1.4667), stillOf(9, 6.5), stillOf(12, 3_725.001)]);
  const answer = await ask("main/storyboard.vtt");
  expect(answer.headers.get("content-type")).toBe("text/vtt; charset=utf-8");
  expect(answer.headers.get("cache-control")).toBe("public, max-age=2");
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  expect(await answer.text()).toBe(`WEBVTT

NOTE PROGRAM-DATE-TIME=2026-11-18T11:06:40.000Z

00:00:01.467 --> 00:00:06.500
still-0123456789abcdef-7-0.webp

00:00:06.500 --> 01:02:05.001
still-0123456789abcdef-9-0.webp

01:02:05.001 --> 01:02:35.001
still-0123456789abcdef-12-0.webp
`);
  // A broadcast of a week has hours with three digits.
  expect(storyboardVtt(storyboardOf([stillOf(1, 604_800)]))).toContain("168:00:00.000 --> 168:00:30.000\n");
});

test("a storyboard as JSON has the dates that playlists have", async () => {
  storyboard = storyboardOf([stillOf(7, 1.4667), stillOf(9, 6.5)]);
  const answer = await ask("main/storyboard.json");
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(await answer.json()).toEqual({
    timelineId: TIMELINE,
    originMs: 1_795_000_000_000,
    stills: [
      { timeMs: 1_795_000_001_467, width: 160, height: 90, url: "still-0123456789abcdef-7-0.webp" },
      { timeMs: 1_795_000_006_500, width: 160, height: 90, url: "still-0123456789abcdef-9-0.webp" },
    ],
  });
});

test("a storyboard is made anew only when stills come or go, compressed for whoever asks so", async () => {
  storyboard = storyboardOf([stillOf(7, 1)]);
  const plain = await ask("main/storyboard.json", { headers: { "accept-encoding": "identity" } });
  const zipped = await ask("main/storyboard.json", { headers: { "accept-encoding": "gzip" } });
  expect([plain.headers.get("content-encoding"), zipped.headers.get("content-encoding")]).toEqual([null, "gzip"]);
  expect(plain.headers.get("vary")).toBe("Accept-Encoding");
  expect(await zipped.text()).toBe(await plain.text());
  const tag = plain.headers.get("etag") ?? "";
  expect(zipped.headers.get("etag")).not.toBe(tag);
  const same = { headers: { "if-none-match": tag, "accept-encoding": "identity" } };
  expect((await ask("main/storyboard.json", same)).status).toBe(304);
  storyboard = storyboardOf([stillOf(7, 1), stillOf(9, 5)]);
  expect((await ask("main/storyboard.json", same)).status).toBe(200);
  storyboard = undefined;
  expect((await ask("main/storyboard.json")).status).toBe(404);
  expect((await ask("main/storyboard.vtt")).status).toBe(404);
});

test("a still may be kept for ever; one that has left the window is not there", async () => {
  storyboard = storyboardOf([stillOf(7, 1)]);
  const name = `main/still-${TIMELINE}-7-0.webp`;
  const answer = await ask(name);
  expect(await answer.text()).toBe(`${TIMELINE}-7-0`);
  expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  expect(answer.headers.get("content-type")).toBe("image/webp");
  // Two names for one object would be kept twice by a cache in front.
  expect((await ask(`${name}?t=1`)).status).toBe(400);
  expect((await ask(`${name}?CMCD=sf%3Dd`)).status).toBe(200);
  storyboard = storyboardOf([stillOf(9, 5)]);
  const left = await ask(name);
  expect([left.status, left.headers.get("cache-control")]).toEqual([404, "public, max-age=1"]);
  expect((await ask(`other/still-${TIMELINE}-9-0.webp`)).status).toBe(404);
});
