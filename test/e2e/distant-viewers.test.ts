import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { startBrowser } from "./browser.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { openHlsPlayer, smoothnessOf, untilPlayed } from "./hls-viewer.ts";
import { MAIN_KEY, startEncoder, startPlatform, untilOnAir } from "./platform.ts";
import { startPlayerPages } from "./player-pages.ts";

/*
 * What is asked for at once is answered at once: far from the edge a part and the playlist after it arrive together, time and again.
 */

/** There and back, milliseconds: next door, across a country, across an ocean, around the world. */
const ROUND_TRIPS_MS = [0, 30, 80, 200];
const SECONDS = 12;
/** A pause of this length is no want of processors, milliseconds: the player has stopped loading. */
const STUCK_MS = 1500;

interface Distance extends AsyncDisposable {
  readonly port: number;
}

/** A relay in front of a port of this machine behind which everything takes half a round trip in either direction. */
async function startDistance(toPort: number, roundTripMs: number): Promise<Distance> {
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(toPort, "127.0.0.1");
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("data", (chunk: Uint8Array) => setTimeout(() => to.write(chunk), roundTripMs / 2));
      from.on("error", () => from.destroy());
      from.on("close", () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), roundTripMs / 2);
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

test("viewers at any distance play without a pause", async () => {
  await using platform = await startPlatform();
  await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "320x180", gop: 30 });
  await untilOnAir(platform);
  using pages = startPlayerPages();
  await using browser = await startBrowser();
  const pressure = measureCpuPressure();
  const watched = ROUND_TRIPS_MS.map(async (roundTripMs) => {
    await using distance = await startDistance(Number(new URL(platform.http).port), roundTripMs);
    const far = { ...platform, http: `http://127.0.0.1:${distance.port}` };
    const page = await openHlsPlayer({ browser, pages, platform: far });
    await untilPlayed(page, SECONDS);
    const { pauses, stalls } = await smoothnessOf(page);
    await page.close();
    return { roundTripMs, pauses, stalls };
  });
  const viewers = await Promise.all(watched);
  for (const { roundTripMs, pauses } of viewers)
    console.log(`${roundTripMs} ms there and back: pauses of ${pauses.join(", ") || "none"} ms`);
  console.log(`pressure ${pressure().toFixed(2)}`);
  for (const { roundTripMs, pauses, stalls } of viewers) {
    expect([roundTripMs, ...pauses.filter((ms) => ms > STUCK_MS)]).toEqual([roundTripMs]);
    if (pressure() < PRESSURE_MAX) expect([roundTripMs, stalls]).toEqual([roundTripMs, 0]);
  }
}, 90_000);
