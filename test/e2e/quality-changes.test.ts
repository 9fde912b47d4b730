import { expect, test } from "bun:test";
import { playbackOf, startBrowser } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { untilPlayed } from "./hls-viewer.ts";
import { factsOf } from "./page-player.ts";
import { MAIN_KEY, startEncoder, startPlatform, untilOnAir } from "./platform.ts";

/** Each in the middle of some segment, as it happens. */
const CHANGES = 6;

test("a viewer who changes the quality time and again never waits for the picture", async () => {
  await using platform = await startPlatform({ flags: ["--transcode-ladder", "240"] });
  await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "480x270", gop: 30 });
  await untilOnAir(platform);
  await using browser = await startBrowser();
  const page = await browser.page();
  await page.goto(`${platform.http}/watch/main`);
  await eventually(20_000, "a picture", async () => ((await playbackOf(page))?.frames ?? 0) > 10 || undefined);
  await untilPlayed(page, 2);
  const before = (await factsOf(page)).stalls;
  const button = page.getByRole("button", { name: /^Quality/ });
  for (let i = 0; i < CHANGES; i++) {
    const height = i % 2 === 0 ? 240 : 270;
    await page.mouse.move(300, 300 + i);
    await button.click();
    await page.getByRole("menuitemradio", { name: `${height}p`, exact: true }).click();
    await eventually(10_000, `${height} lines`, async () => (await playbackOf(page))?.height === height || undefined);
    await untilPlayed(page, 1.3);
  }
  expect((await factsOf(page)).stalls).toBe(before);
  await page.close();
}, 90_000);
