import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, startBrowser, VIEWPORTS } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { type Findings, listenForComplaints } from "./page-audit.ts";
import { factsOf, untilState } from "./page-player.ts";
import { MAIN_KEY, type Platform, startPlatform, startTool, type Tool, untilOnAir } from "./platform.ts";

/** The test picture turns through all colours at this pace, so that a colour tells the time. */
const DEGREES_PER_SECOND = 9;
/** Time a colour is read to: half a second. */
const DEGREES_OFF = 4.5;

interface Storyboard {
  readonly timelineId: string;
  readonly originMs: number;
  readonly stills: readonly { timeMs: number; width: number; height: number; url: string }[];
}

let platform: Platform;
let encoder: Tool;
let browser: Browser;
let page: Page;
let complaints: Findings;

function startTurningColours(url: string): Tool {
  const picture = `color=c=0xb05050:size=640x360:rate=30,hue=h=t*${DEGREES_PER_SECOND}`;
  const input = ["-hide_banner", "-loglevel", "warning", "-nostdin", "-re", "-f", "lavfi", "-i", picture];
  const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"];
  // Named, so that browser and still take the same one.
  const matrix = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];
  return startTool("ffmpeg", [...input, ...x264, ...matrix, "-b:v", "800k", "-g", "30", "-bf", "0", "-f", "flv", url]);
}

beforeAll(async () => {
  platform = await startPlatform();
  encoder = startTurningColours(`${platform.rtmp}/${MAIN_KEY}`);
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

const live = (name: string): Promise<Response> => fetch(`${platform.http}/live/main/${name}`);

const storyboard = async (): Promise<Storyboard> => (await (await live("storyboard.json")).json()) as Storyboard;

/** Angle of a colour among the colour differences of Rec. ITU-R BT.709, degrees: what the encoder's filter turns. */
function hue([red = 0, green = 0, blue = 0]: readonly number[]): number {
  const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (Math.atan2((red - luma) / 1.5748, (blue - luma) / 1.8556) * 180) / Math.PI;
}

/** Hue of the player's picture or of the still above the bar; `undefined` while it is not there. */
async function hueOf(selector: string): Promise<number | undefined> {
  const colour = await page.evaluate((what) => {
    const picture = document.querySelector<HTMLVideoElement | HTMLImageElement>(what);
    if (picture === null) return undefined;
    const isThere =
      picture instanceof HTMLVideoElement
        ? picture.readyState >= 2 && !picture.seeking
        : picture.complete && picture.naturalWidth > 0;
    const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    if (!isThere || context === null) return undefined;
    context.drawImage(picture, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  }, selector);
  return colour === undefined ? undefined : hue(colour);
}

/** The nearest way round from one hue to another, degrees. */
function turn(from: number, to: number): number {
  return ((((to - from) % 360) + 540) % 360) - 180;
}

/** Seconds on the bar. */
const barSeconds = async (): Promise<number> => -Number(await page.locator(".seek-slider").getAttribute("min"));

/** Puts the mouse on the bar, 0 to 1; the moment that is shown there, milliseconds. */
async function point(at: number): Promise<number> {
  const box = await page.locator(".seek").boundingBox();
  if (box === null) throw new Error("there is no bar");
  await page.mouse.move(box.x + box.width * at, box.y + box.height / 2);
  return Date.parse((await page.locator(".seek-time").getAttribute("datetime")) ?? "");
}

/** The file name of the still that is shown and loaded. */
const shownStill = (): Promise<string> =>
  eventually(5000, "a still above the bar", () =>
    page.evaluate(() => {
      const image = document.querySelector<HTMLImageElement>(".seek-still");
      return image?.complete === true && image.naturalWidth > 0 ? image.src.split("/").at(-1) : undefined;
    }),
  );

test("the window's stills are listed with their moments, as WebVTT too, and are there", async () => {
  const { timelineId, originMs, stills } = await eventually(30_000, "three stills", async () => {
    const list = await storyboard();
    return list.stills.length >= 3 ? list : undefined;
  });
  const playlist = await (await live("source/index.m3u8")).text();
  expect(playlist).toContain(timelineId);
  for (const [index, { timeMs, width, height, url }] of stills.entries()) {
    expect([width, height]).toEqual([160, 90]);
    expect(timeMs - (stills[index - 1]?.timeMs ?? timeMs - 5000)).toBeWithin(3500, 9000);
    const still = await live(url);
    expect(still.headers.get("content-type")).toBe("image/webp");
    expect(still.headers.get("cache-control")).toContain("immutable");
    expect((await still.arrayBuffer()).byteLength).toBeWithin(40, 10_000);
  }
  // A keyframe begins each segment: the list and the playlist tell the same time.
  const dates = [...playlist.matchAll(/DATE-TIME:(.*)/g)].map(([, date = ""]) => Date.parse(date));
  const inPlaylist = stills.filter(({ timeMs }) => dates.some((date) => Math.abs(date - timeMs) <= 1));
  expect(inPlaylist.length).toBeGreaterThan(0);
  const vtt = await (await live("storyboard.vtt")).text();
  const [hours = 0, minutes = 0, seconds = 0] = /^(\d+):(\d+):([\d.]+) -->/m.exec(vtt)?.slice(1).map(Number) ?? [];
  expect(originMs + (hours * 3600 + minutes * 60 + seconds) * 1000).toBeCloseTo(stills[0]?.timeMs ?? 0, 0);
  expect(vtt).toContain(`\n${stills[0]?.url}\n`);
}, 45_000);

/** Points at a place on the bar and clicks; the still that was shown there, its colour, and the moment that was pointed at, milliseconds. */
async function clickAt(at: number): Promise<{ atMs: number; stillMs: number; stillHue: number }> {
  const atMs = await point(at);
  const name = await shownStill();
  const { stills } = await storyboard();
  const index = stills.findIndex(({ url }) => url === name);
  const stillMs = stills[index]?.timeMs ?? 0;
  // It is the last one before that moment.
  expect(atMs - stillMs).toBeWithin(0, 9000);
  expect(stills[index + 1]?.timeMs ?? Number.POSITIVE_INFINITY).toBeGreaterThan(atMs - 1000);
  const stillHue = await eventually(5000, "the colour of the still", () => hueOf(".seek-still"));
  await page.mouse.down();
  await page.mouse.up();
  return { atMs, stillMs, stillHue };
}

/** The player's picture is as much later in its turn than the still as its date is, and that is where the click pointed. */
async function expectMoment({ atMs, stillMs, stillHue }: Awaited<ReturnType<typeof clickAt>>): Promise<void> {
  const off = await eventually(5000, "the picture of that moment", async () => {
    const hue = await hueOf("video");
    const { dateMs = 0 } = await factsOf(page);
    if (hue === undefined || Math.abs(dateMs - atMs) > 2000) return undefined;
    return turn(((dateMs - stillMs) * DEGREES_PER_SECOND) / 1000, turn(stillHue, hue));
  });
  expect(Math.abs(off)).toBeLessThan(DEGREES_OFF);
}

test("a mouse over the bar sees the moment it points at, and a click goes there", async () => {
  await page.goto(`${platform.http}/watch/main`);
  await untilState(page, "live");
  await eventually(20_000, "something to go back to", async () => ((await barSeconds()) > 12 ? true : undefined));
  const moment = await clickAt(0.5);
  await page.keyboard.press("k");
  await untilState(page, "paused");
  await expectMoment(moment);
  expect(await page.locator(".live-button").innerText()).toContain("Go live");
  // Paused, it goes there as well.
  await expectMoment(await clickAt(0.2));
  expect((await factsOf(page)).state).toBe("paused");
  expect(complaints).toEqual([]);
}, 60_000);

test("every still has the colour of its moment", async () => {
  const { stills } = await storyboard();
  const colours = await page.evaluate(
    async (urls) => {
      const found: number[][] = [];
      for (const url of urls) {
        const bitmap = await createImageBitmap(await (await fetch(`/live/main/${url}`)).blob());
        const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
        context?.drawImage(bitmap, 0, 0, 1, 1);
        found.push([...(context?.getImageData(0, 0, 1, 1).data ?? [])]);
      }
      return found;
    },
    stills.map(({ url }) => url),
  );
  const hues = colours.map(hue);
  for (const [index, { timeMs }] of stills.entries()) {
    const expected = ((timeMs - (stills[0]?.timeMs ?? 0)) * DEGREES_PER_SECOND) / 1000;
    expect(Math.abs(turn(expected, turn(hues[0] ?? 0, hues[index] ?? 0)))).toBeLessThan(DEGREES_OFF);
  }
}, 30_000);

test("the bar is a slider for keys, and says how far behind live it is", async () => {
  const slider = page.getByRole("slider", { name: "Time" });
  await page.mouse.move(700, 300);
  await slider.focus();
  await page.keyboard.press("End");
  await untilState(page, "live");
  await eventually(5000, "the word for live", async () =>
    (await slider.getAttribute("aria-valuetext")) === "Live" ? true : undefined,
  );
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await untilState(page, "behind");
  expect(await slider.getAttribute("aria-valuetext")).toMatch(/^(9|10|11|12) seconds behind live$/);
  await page.keyboard.press("ArrowRight");
  await eventually(5000, "five seconds less", async () =>
    /^(4|5|6|7) seconds behind live$/.test((await slider.getAttribute("aria-valuetext")) ?? "") ? true : undefined,
  );
  await page.keyboard.press("Home");
  await eventually(5000, "the start of the window", async () => {
    const behind = -Number(await slider.inputValue());
    return behind > (await barSeconds()) - 3 ? true : undefined;
  });
  await page.keyboard.press("l");
  await untilState(page, "live");
  expect(complaints).toEqual([]);
}, 45_000);

test("a finger that moves along the bar sees the moments, and goes where it is lifted", async () => {
  const context = browser.context;
  const phone = await context.newPage();
  try {
    await phone.setViewportSize(VIEWPORTS.phone);
    await phone.goto(`${platform.http}/watch/main`);
    const session = await context.newCDPSession(phone);
    await session.send("Emulation.setTouchEmulationEnabled", { enabled: true });
    await eventually(20_000, "a live picture", async () =>
      (await phone.locator(".live-mark").count()) === 1 ? true : undefined,
    );
    const box = await phone.locator(".seek").boundingBox();
    if (box === null) throw new Error("there is no bar");
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", at: number): Promise<unknown> =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: type === "touchEnd" ? [] : [{ x: box.x + box.width * at, y: box.y + 4 }],
      });
    await touch("touchStart", 0.9);
    await touch("touchMove", 0.6);
    await touch("touchMove", 0.4);
    await phone.waitForFunction(() => document.querySelector<HTMLImageElement>(".seek-still")?.naturalWidth === 160);
    // Nothing of it is cut off.
    const [still, stage] = [
      await phone.locator(".seek-preview").boundingBox(),
      await phone.locator(".stage").boundingBox(),
    ];
    expect((still?.y ?? 0) - (stage?.y ?? 0)).toBeGreaterThanOrEqual(0);
    expect(still?.x ?? -1).toBeGreaterThanOrEqual(0);
    await touch("touchEnd", 0.4);
    await phone.locator(".live-button").waitFor();
    expect(await phone.locator(".seek-preview").count()).toBe(0);
    await phone.locator(".live-button").click();
    await phone.locator(".live-mark").waitFor();
  } finally {
    await phone.close();
  }
}, 45_000);

test("without pictures the bar still shows the time", async () => {
  await page.route("**/storyboard.json", (route) => route.fulfill({ status: 404 }));
  await page.goto(`${platform.http}/embed/main`);
  await untilState(page, "live");
  await point(0.4);
  expect(await page.locator(".seek-time").innerText()).toMatch(/^−\d/);
  expect(await page.locator(".seek-still").count()).toBe(0);
  await page.unroute("**/storyboard.json");
  expect(complaints).toEqual([]);
}, 30_000);

test("the control room shows the latest of them", async () => {
  await page.goto(`${platform.http}/admin#main`);
  await page.locator("input[name=token]").fill(platform.adminToken);
  await page.keyboard.press("Enter");
  const strip = page.getByRole("list", { name: "Latest pictures" });
  await strip.waitFor();
  await eventually(10_000, "loaded stills", async () => {
    const widths = await strip
      .locator("img")
      .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth));
    return widths.length >= 3 && widths.every((width) => width === 160) ? true : undefined;
  });
  expect(complaints).toEqual([]);
}, 30_000);
