import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, startBrowser } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { type Findings, listenForComplaints } from "./page-audit.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";

let platform: Platform;
let encoder: Tool;
let browser: Browser;
let page: Page;
let complaints: Findings;

beforeAll(async () => {
  platform = await startPlatform();
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "1280x720", gop: 30 });
  browser = await startBrowser();
  page = await browser.page();
  complaints = await listenForComplaints(page);
  await untilOnAir(platform);
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await encoder[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

const poster = (): Promise<Response> => fetch(`${platform.http}/live/main/poster.webp`);

/** Width and address of the page's picture of a stream, once it was loaded. */
const loaded = (from: Page): Promise<{ width: number; src: string }> =>
  eventually(15_000, "a loaded picture", () =>
    from.evaluate(() => {
      const image = document.querySelector<HTMLImageElement>("img.thumbnail[src*='/live/main/poster.webp?']");
      if (image === null || !image.complete || image.naturalWidth === 0) return undefined;
      return { width: image.naturalWidth, src: image.src };
    }),
  );

test("a stream on air has a picture within seconds, and a newer one soon after", async () => {
  const first = await eventually(10_000, "a picture", async () => {
    const answer = await poster();
    return answer.ok ? answer : undefined;
  });
  expect(first.headers.get("content-type")).toBe("image/webp");
  const tag = first.headers.get("etag");
  await eventually(10_000, "a newer picture", async () =>
    (await poster()).headers.get("etag") === tag ? undefined : true,
  );
}, 30_000);

test("the home page shows it, also before its script runs, and keeps it new", async () => {
  const html = await (await fetch(`${platform.http}/`)).text();
  expect(html).toContain('src="/live/main/poster.webp"');
  await page.goto(`${platform.http}/`);
  const { width, src } = await loaded(page);
  expect(width).toBe(640);
  await eventually(15_000, "a newer picture on the page", async () =>
    (await loaded(page)).src === src ? undefined : true,
  );
  expect(complaints).toEqual([]);
}, 45_000);

test("the player shows it until the picture moves", async () => {
  await page.goto(`${platform.http}/embed/main?autoplay=0`);
  const posterOf = (): Promise<string> =>
    page.evaluate(() => (document.querySelector("video") as HTMLVideoElement).poster);
  await eventually(10_000, "the poster", async () =>
    (await posterOf()).includes("/live/main/poster.webp") ? true : undefined,
  );
  expect(await page.locator(".stage-state-poster").count()).toBe(1);
  await page.getByRole("button", { name: "Play main" }).click();
  await eventually(15_000, "the moving picture", async () => ((await posterOf()) === "" ? true : undefined));
  expect(await (await fetch(`${platform.http}/watch/main`)).text()).toContain('src="/live/main/poster.webp"');
  expect(complaints).toEqual([]);
}, 40_000);

test("the control room's list has a small one", async () => {
  await page.goto(`${platform.http}/admin`);
  await page.locator("input[name=token]").fill(platform.adminToken);
  await page.keyboard.press("Enter");
  await page.locator(".list-row").first().waitFor();
  await loaded(page);
  const box = await page.locator(".list-picture").boundingBox();
  expect(box?.width).toBe(76);
  expect(complaints).toEqual([]);
}, 30_000);

test("a worker that is killed is started again; nobody else notices", async () => {
  const node = await platform.nodePid();
  const workerOf = async (): Promise<number | undefined> => {
    const children = (await Bun.file(`/proc/${node}/task/${node}/children`).text()).trim().split(" ");
    for (const pid of children.filter((word) => word !== ""))
      if ((await Bun.file(`/proc/${pid}/cmdline`).text()).includes("pictures")) return Number(pid);
    return undefined;
  };
  const pid = await eventually(10_000, "the worker", workerOf);
  process.kill(pid, "SIGKILL");
  await eventually(10_000, "another worker", async () => ((await workerOf()) ?? pid) !== pid || undefined);
  expect((await poster()).ok).toBe(true);
  expect(await platform.nodePid()).toBe(node);
}, 60_000);
