import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { startPublisher } from "#publish/index.ts";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { type Findings, listenForComplaints } from "./page-audit.ts";
import { factsOf, untilState } from "./page-player.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";

const OTHER_KEY = "other-key-0123456789abcdefghijkl";

const wordsOf = (page: Page): Promise<string> => page.locator("#player").innerText();

let platform: Platform;
let browser: Browser;
let encoder: Tool | undefined;

beforeAll(async () => {
  platform = await startPlatform({
    flags: ["--grace-seconds", "8"],
    config: "continuity: hold",
    streams: { other: OTHER_KEY },
  });
  browser = await startBrowser();
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await encoder?.[Symbol.asyncDispose]();
  await platform.stop();
});

describe("a page that is open before the broadcast", () => {
  let page: Page;
  let complaints: Findings;

  beforeAll(async () => {
    page = await browser.page();
    complaints = await listenForComplaints(page);
    await page.goto(`${platform.http}/watch/main`);
  });

  test("says that it starts soon, and plays by itself when it does", async () => {
    await untilState(page, "before");
    expect(await wordsOf(page)).toContain("Starts soon");
    encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    await untilState(page, "live");
    expect(await playbackOf(page)).toMatchObject({ width: 640, height: 360, paused: false });
    const facts = await eventually(10_000, "latency and quality", async () => {
      const { latencyMs, quality } = await factsOf(page);
      return latencyMs === undefined || quality === undefined ? undefined : { latencyMs, quality };
    });
    expect(facts.quality).toBe("360p");
    expect(facts.latencyMs).toBeLessThan(4_000);
    expect(await page.locator("#status").innerText()).toMatch(/Live\s+On air for/);
  }, 40_000);

  test("comes down to two seconds of latency and stays there", async () => {
    await eventually(15_000, "a latency of two seconds", async () => {
      const { latencyMs } = await factsOf(page);
      return latencyMs !== undefined && latencyMs <= 2_000 ? true : undefined;
    });
  }, 20_000);

  test("is muted until one tap brings the sound", async () => {
    const muted = () => page.evaluate(() => document.querySelector("video")?.muted);
    expect(await muted()).toBe(true);
    await page.getByRole("button", { name: "Tap for sound" }).click();
    expect(await muted()).toBe(false);
    expect(await page.getByRole("button", { name: "Tap for sound" }).count()).toBe(0);
  });

  test("is driven by the keyboard", async () => {
    const video = () =>
      page.evaluate(() => {
        const { paused, muted, volume } = document.querySelector("video") as HTMLVideoElement;
        return { paused, muted, volume: Math.round(volume * 10) / 10 };
      });
    expect(await video()).toEqual({ paused: false, muted: false, volume: 1 });
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("m");
    expect(await video()).toEqual({ paused: false, muted: true, volume: 0.9 });
    await page.keyboard.press("m");
    await page.keyboard.press("k");
    await untilState(page, "paused");
    await page.keyboard.press(" ");
    expect((await video()).paused).toBe(false);
    await eventually(20_000, "something to go back to", async () =>
      ((await playbackOf(page))?.currentTime ?? 0) > 8 ? true : undefined,
    );
    await page.keyboard.press("ArrowLeft");
    await untilState(page, "behind");
    expect(await wordsOf(page)).toContain("Go live");
    await page.keyboard.press("l");
    await untilState(page, "live");
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keys" });
    await help.waitFor();
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "detached" });
    // A key in the moment in which the dialog goes may still be the dialog's.
    await eventually(5_000, "the theatre", async () => {
      await page.keyboard.press("t");
      return (await page.evaluate(() => document.body.classList.contains("is-theatre"))) ? true : undefined;
    });
    await page.keyboard.press("t");
    await page.keyboard.press("f");
    await eventually(5_000, "full screen", async () =>
      (await page.evaluate(() => document.fullscreenElement?.id)) === "player" ? true : undefined,
    );
    await page.keyboard.press("f");
    await eventually(5_000, "the window again", async () =>
      (await page.evaluate(() => document.fullscreenElement)) === null ? true : undefined,
    );
  }, 40_000);

  test("offers the qualities in a menu that keys can use", async () => {
    await page.mouse.move(400, 400);
    await page.getByRole("button", { name: /^Quality/ }).press("Enter");
    const items = page.getByRole("menuitemradio");
    await eventually(5_000, "the focus in the menu", async () =>
      (await page.evaluate(() => document.activeElement?.getAttribute("role"))) === "menuitemradio" ? true : undefined,
    );
    expect(await items.allInnerTexts()).toEqual(["Auto (360p)", "360p"]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await items.count()).toBe(0);
    await page.getByRole("button", { name: /^Quality/ }).press("Enter");
    expect(await page.getByRole("menuitemradio", { checked: true }).innerText()).toBe("360p");
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
  });

  test("tells of an interruption over the last picture, then that it is over, and plays when it returns", async () => {
    encoder?.kill("SIGKILL");
    await eventually(12_000, "the line about the interruption", async () =>
      (await wordsOf(page)).includes("The broadcaster lost the connection") ? true : undefined,
    );
    await untilState(page, "over");
    expect(await wordsOf(page)).toContain("The broadcast is over");
    await encoder?.[Symbol.asyncDispose]();
    encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    await untilState(page, "live");
    await eventually(5_000, "sound as it was", async () =>
      (await page.evaluate(() => document.querySelector("video")?.muted)) === false ? true : undefined,
    );
    expect(complaints).toEqual([]);
  }, 60_000);

  test("keeps the last picture while offline and plays when the network is back", async () => {
    await browser.context.setOffline(true);
    await eventually(20_000, "the line about the server", async () =>
      (await wordsOf(page)).includes("The server cannot be reached") ? true : undefined,
    );
    expect(await page.evaluate(() => document.querySelector("canvas")?.hidden)).toBe(false);
    await browser.context.setOffline(false);
    await untilState(page, "live");
    await page.close();
  }, 60_000);
});

describe("the embed page", () => {
  test("plays in a frame of another site, which may ask it to wait for a tap", async () => {
    await untilOnAir(platform);
    const page = await browser.page();
    const other = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response(
          `<!doctype html><iframe src="${platform.http}/embed/main?autoplay=0" width="640" height="360" allow="autoplay; fullscreen"></iframe>
<iframe id="refused" src="${platform.http}/watch/main"></iframe>`,
          { headers: { "content-type": "text/html" } },
        ),
    });
    try {
      await page.goto(`http://localhost:${other.port}/`);
      const frame = page.frameLocator("iframe").first();
      await frame.getByRole("button", { name: "Play main" }).click();
      await eventually(15_000, "a picture in the frame", async () =>
        (await frame.locator("video").evaluate((video) => (video as HTMLVideoElement).currentTime)) > 0.5
          ? true
          : undefined,
      );
      expect(await frame.locator(".bar").count()).toBe(0);
      expect(await page.frameLocator("#refused").locator(".stage").count()).toBe(0);
    } finally {
      await other.stop(true);
      await page.close();
    }
  }, 40_000);
});

describe("a page without script", () => {
  test("still says what is on air", async () => {
    const html = await (await fetch(`${platform.http}/`)).text();
    expect(html).toContain('href="/watch/main"');
    expect(await (await fetch(`${platform.http}/watch/other`)).text()).toContain("Starts soon");
  });
});

describe("a broadcast in a format without a decoder", () => {
  test("is told in words instead of a spinner", async () => {
    const publisher = await startPublisher({
      source: { kind: "test", width: 320, height: 180, codec: "hevc", videoBitrate: 300_000 },
      urls: [`${platform.rtmp}/${OTHER_KEY}`],
    });
    const page = await browser.page();
    try {
      await untilOnAir(platform, "other");
      await page.goto(`${platform.http}/watch/other`);
      await eventually(15_000, "words about the decoder", async () =>
        (await wordsOf(page)).includes("This browser cannot play the stream") ? true : undefined,
      );
      expect(await wordsOf(page)).toContain("no decoder");
    } finally {
      await page.close();
      await publisher.close();
    }
  }, 45_000);
});
