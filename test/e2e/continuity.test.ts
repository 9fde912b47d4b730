import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, startBrowser } from "./browser.ts";
import { watchChanges } from "./change-watch.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually } from "./deadline.ts";
import { FAR_KILOBITS, type FarHost, farEncoder, startFarHost } from "./far-encoder.ts";
import { openHlsPlayer, smoothnessOf, untilPlayed } from "./hls-viewer.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import { type PlayerPages, startPlayerPages } from "./player-pages.ts";
import { healthOf } from "./stream-health.ts";
import { complaintsOf, watch, withoutStarvation } from "./watching.ts";

/*
 * What the audience sees when the one encoder there is fails: the last picture for a second, the slate, and the picture again.
 */

/** From the loss to the first part of the slate, milliseconds. */
const SLATE_MS_MAX = 1500;
/** Longest pause of a player that is none to speak of, milliseconds. */
const PAUSE_MS_MAX = 300;

let browser: Browser;
let pages: PlayerPages;

beforeAll(async () => {
  browser = await startBrowser();
  pages = startPlayerPages();
}, 30_000);

afterAll(async () => {
  pages[Symbol.dispose]();
  await browser[Symbol.asyncDispose]();
}, 30_000);

/** Whether the machine left the platform and the browser enough time, to be asked at the end. */
async function expectSmooth(page: Page, pressure: number): Promise<void> {
  const { pauses, problems } = await smoothnessOf(page);
  console.log(`pauses of ${pauses.join(", ") || "none"} ms, pressure ${pressure.toFixed(2)}`);
  expect(problems.filter((problem) => problem.includes("fatal"))).toEqual([]);
  if (pressure < PRESSURE_MAX) expect(pauses.filter((ms) => ms > PAUSE_MS_MAX)).toEqual([]);
}

const isSlate = async (platform: Platform): Promise<true | undefined> =>
  (await healthOf(platform))?.state === "slate" ? true : undefined;

/** The slate is made some seconds after the encoder came. */
async function untilSlateIsMade(platform: Platform): Promise<void> {
  await eventually(15_000, "the slate", () => Promise.resolve(platform.output().includes("slate.made") || undefined));
}

test("an encoder is killed and comes back after five seconds: slate, picture, and nobody's player stands still", async () => {
  await using platform = await startPlatform();
  const url = `${platform.rtmp}/${MAIN_KEY}`;
  const first = startEncoder({ url, size: "320x180", gop: 30 });
  await untilOnAir(platform);
  await untilSlateIsMade(platform);
  const page = await openHlsPlayer({ browser, pages, platform });
  const watched = watch(`${platform.http}/live/main/index.m3u8`, { seconds: 20 });
  await using changes = watchChanges(platform);
  await untilPlayed(page, 2);
  const pressure = measureCpuPressure();
  const killedMs = performance.now();
  first.kill("SIGKILL");
  const slateMs = (await changes.until(1, 5000)) - killedMs;
  await untilPlayed(page, 4);
  expect(await isSlate(platform)).toBe(true);
  await using _again = startEncoder({ url, size: "320x180", gop: 30 });
  await eventually(10_000, "the encoder", async () =>
    (await healthOf(platform))?.sessions.length === 1 ? true : undefined,
  );
  const connectedMs = performance.now();
  const backMs = (await changes.until(2, 10_000)) - connectedMs;
  await untilPlayed(page, 5);
  console.log(`slate after ${Math.round(slateMs)} ms, picture ${Math.round(backMs)} ms after the connection`);
  await expectSmooth(page, pressure());
  expect(withoutStarvation(complaintsOf(await watched, { timing: false }))).toEqual([]);
  if (pressure() < PRESSURE_MAX) {
    expect(slateMs).toBeLessThan(SLATE_MS_MAX);
    // Its first keyframe comes at once, and is in a part half a second later.
    expect(backMs).toBeLessThan(1000);
  }
  await page.close();
}, 90_000);

interface UplinkFault {
  readonly name: string;
  readonly seconds: number;
  happen(host: FarHost): void;
}

const FAULTS: readonly UplinkFault[] = [
  {
    name: "is cut for twenty seconds without a word",
    seconds: 20,
    happen: (host) => host.cut(),
  },
  {
    name: "takes a fifth of what it should for fifteen seconds",
    seconds: 15,
    happen: (host) => host.thin(FAR_KILOBITS / 5),
  },
];

for (const { name, seconds, happen } of FAULTS) {
  test(`an uplink ${name}: slate, picture, and nobody's player stands still`, async () => {
    using host = startFarHost();
    await using platform = await startPlatform({ flags: ["--host", "0.0.0.0"] });
    await using _encoder: Tool = farEncoder(host, `rtmp://${host.address}:${platform.rtmpPort}/live/${MAIN_KEY}`);
    await untilOnAir(platform);
    await untilSlateIsMade(platform);
    const page = await openHlsPlayer({ browser, pages, platform });
    const watched = watch(`${platform.http}/live/main/index.m3u8`, { seconds: seconds + 25 });
    await using changes = watchChanges(platform);
    await untilPlayed(page, 2);
    const pressure = measureCpuPressure();
    const faultMs = performance.now();
    happen(host);
    const slateMs = (await changes.until(1, 10_000)) - faultMs;
    await eventually(seconds * 1000, "the end of the fault", () =>
      Promise.resolve(performance.now() - faultMs > (seconds - 1) * 1000 || undefined),
    );
    expect(await isSlate(platform)).toBe(true);
    host.mend();
    const mendedMs = performance.now();
    // TCP waits longer and longer before it tries again.
    const heardMs = await eventually(60_000, "frames", async () =>
      ((await healthOf(platform))?.sessions[0]?.silentMs ?? 10_000) < 300 ? performance.now() : undefined,
    );
    const backMs = await changes.until(2, 60_000);
    await untilPlayed(page, 5);
    console.log(
      `slate after ${Math.round(slateMs)} ms; frames ${Math.round(heardMs - mendedMs)} ms after the fault, picture ${Math.round(backMs - heardMs)} ms later`,
    );
    await expectSmooth(page, pressure());
    expect(withoutStarvation(complaintsOf(await watched, { timing: false }))).toEqual([]);
    if (pressure() < PRESSURE_MAX) expect(slateMs).toBeLessThan(SLATE_MS_MAX);
    await page.close();
  }, 150_000);
}
