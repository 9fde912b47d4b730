import { expect, test } from "bun:test";
import { connect } from "node:net";
import { eventually, rawExchange, startEdgeUnderTest } from "./edge-under-test.ts";
import { GROWING_DRAIN_MS_MAX } from "./growing-segment.ts";
import { HandFedWindow } from "./synthetic-broadcast.ts";

const FIRST = 189_302_400;
const TIMELINE = "0123456789abcdef";
const segment = (number: number): string => `/live/main/source/${TIMELINE}-${number}.m4s`;

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

test("a segment read while it grows, after its seal, and as the sum of its parts is the same bytes", async () => {
  const window = new HandFedWindow();
  window.feed(8_600);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const growing = await edge.get(segment(FIRST + 4));
  expect([growing.status, growing.headers.get("content-length")]).toEqual([200, null]);
  const reader = growing.body?.getReader();
  const chunks: Uint8Array[] = [];
  const first = await reader?.read();
  expect(first?.done).toBe(false);
  if (first?.value !== undefined) chunks.push(first.value);
  const parts: Uint8Array[] = [await bytesOf(await edge.get(`/live/main/source/${TIMELINE}-${FIRST + 4}.0.m4s`))];
  expect(chunks[0]).toEqual(parts[0] ?? new Uint8Array());
  for (let index = 1; index < 4; index++) {
    window.feed(500);
    const read = await reader?.read();
    if (read?.value !== undefined) chunks.push(read.value);
    parts.push(await bytesOf(await edge.get(`/live/main/source/${TIMELINE}-${FIRST + 4}.${index}.m4s`)));
    expect(chunks[index]).toEqual(parts[index] ?? new Uint8Array());
  }
  window.feed(500);
  expect((await reader?.read())?.done).toBe(true);
  const sealed = await edge.get(segment(FIRST + 4));
  expect(sealed.headers.get("etag")).toBe(growing.headers.get("etag"));
  const whole = await bytesOf(sealed);
  expect(joined(chunks)).toEqual(whole);
  expect(joined(parts)).toEqual(whole);
});

test("HEAD of a growing segment has no length and takes no reader", async () => {
  const window = new HandFedWindow();
  window.feed(8_600);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const response = await edge.get(segment(FIRST + 4), { method: "HEAD" });
  expect([response.status, (await bytesOf(response)).length]).toEqual([200, 0]);
  expect(edge.metrics.render()).toContain("grandstand_edge_growing_responses 0\n");
});

test("a reader that goes away in the middle of a growing segment leaves nothing behind", async () => {
  const window = new HandFedWindow();
  window.feed(8_600);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  await rawExchange(edge.server.port, `GET ${segment(FIRST + 4)} HTTP/1.1\r\nHost: h\r\n\r\n`, (answer) =>
    answer.includes("moof"),
  );
  await eventually(
    () => edge.metrics.render().includes("grandstand_edge_growing_responses 0\n"),
    "no growing response",
  );
  await eventually(() => edge.server.requestsInFlight === 0, "no request in flight");
  window.feed(2_000);
  expect((await edge.get(segment(FIRST + 4))).status).toBe(200);
});

test("a segment that turns out to have a hole ends its readers with an error, not with a short body", async () => {
  const window = new HandFedWindow();
  window.feed(8_600);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const growing = await edge.get(segment(FIRST + 4));
  const body = growing.arrayBuffer().then(
    () => "whole",
    () => "failed",
  );
  window.lose(100);
  window.feed(4_000);
  expect(await body).toBe("failed");
  const after = await edge.get(segment(FIRST + 4));
  expect(after.status).toBe(404);
});

test("a reader that does not read is cut after the seal, and others do not notice", async () => {
  const window = new HandFedWindow({ frameBytes: 400_000 });
  window.feed(8_600);
  await using edge = await startEdgeUnderTest([window], { simulated: true });
  const stalled = connect({ host: "127.0.0.1", port: edge.server.port }, () => {
    stalled.write(`GET ${segment(FIRST + 4)} HTTP/1.1\r\nHost: h\r\n\r\n`);
  });
  stalled.pause();
  const closed = new Promise<void>((resolve) => stalled.once("close", () => resolve()));
  stalled.on("error", () => undefined);
  const gauge = (count: number): boolean =>
    edge.metrics.render().includes(`grandstand_edge_growing_responses ${count}\n`);
  await eventually(() => gauge(1), "a growing response");
  const other = await edge.get(segment(FIRST + 4));
  window.feed(2_000);
  expect((await other.arrayBuffer()).byteLength).toBeGreaterThan(20_000_000);
  expect(gauge(1)).toBe(true);
  await edge.simulated?.advance(GROWING_DRAIN_MS_MAX + 1_000);
  expect(gauge(0)).toBe(true);
  stalled.resume();
  await closed;
});
