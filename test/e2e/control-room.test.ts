import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { AdminStream } from "#web/wire.ts";
import { type Browser, startBrowser, VIEWPORTS } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { auditAccess, auditContrast, type Findings, listenForComplaints } from "./page-audit.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";

let platform: Platform;
let encoder: Tool;
let browser: Browser;
let page: Page;
let complaints: Findings;

beforeAll(async () => {
  platform = await startPlatform();
  // Keyframes five seconds apart: one second more than is good.
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, gop: 150 });
  browser = await startBrowser();
  page = await browser.page();
  complaints = await listenForComplaints(page);
  await untilOnAir(platform, "main", 30_000);
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await encoder[Symbol.asyncDispose]();
  await platform.stop();
});

const shown = (text: string | RegExp, ms = 15_000): Promise<void> =>
  page.getByText(text).first().waitFor({ timeout: ms });

async function logIn(): Promise<void> {
  await page.goto(`${platform.http}/admin`);
  await page.getByLabel("Admin token").fill(platform.adminToken);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Streams" }).waitFor();
}

/** Parts of the page, and the page itself, that are wider than the room they have. */
function sidewaysScrollers(shownPage: Page): Promise<string[]> {
  return shownPage.evaluate(() =>
    [...document.querySelectorAll("html, dialog, .table-box, .detail")]
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map((element) => `${element.tagName} ${element.className}: ${element.scrollWidth} > ${element.clientWidth}`),
  );
}

describe("the control room", () => {
  test("opens with the token only", async () => {
    await page.goto(`${platform.http}/admin`);
    await page.getByLabel("Admin token").fill("not-the-admin-token");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").waitFor();
    await logIn();
    const cookies = await browser.context.cookies();
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ["grandstand-admin", true, "Lax"],
    ]);
  }, 30_000);

  test("shows how the stream is doing, and what to change about its keyframes", async () => {
    await shown(/Keyframes every 5\.0 s: viewers wait up to 5 s to join\./, 30_000);
    const figure = (label: string) => page.locator(".figure", { hasText: label }).first();
    expect(await figure("Picture").innerText()).toMatch(/640 × 360/);
    await eventually(15_000, "a measured frame rate", async () =>
      /(29\.\d+|30(\.\d+)?) fps/.test(await figure("Frame rate").innerText()) ? true : undefined,
    );
    expect(await figure("Keyframe interval").innerText()).toContain("5.0 s");
    expect(await page.getByRole("table", { name: "Encoders" }).innerText()).toContain("Lavf");
    expect(await page.getByRole("table", { name: "Tracks" }).innerText()).toMatch(/H\.264[\s\S]*AAC[\s\S]*48 kHz/);
    await page.getByRole("button", { name: /^Bitrate/ }).click();
    await page.locator(".graph canvas").waitFor();
  }, 60_000);

  test("makes a stream, shows its key once, makes a new key after asking, and removes it after asking", async () => {
    await page.getByRole("button", { name: "New stream" }).click();
    await page.getByLabel("Name").fill("Not allowed");
    await page.getByRole("button", { name: "Create stream" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Name").fill("second");
    await page.getByLabel("Title").fill('<img src=x onerror="alert(1)">');
    await page.getByRole("button", { name: "Create stream" }).click();
    const dialog = page.getByRole("dialog", { name: "Key of second" });
    await dialog.waitFor();
    const [url = "", key = ""] = await dialog.locator("code").allInnerTexts();
    expect(url).toBe(`rtmp://127.0.0.1:${platform.rtmpPort}/live`);
    expect(key.length).toBeGreaterThan(20);
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByRole("heading", { name: "<img src=x" }).waitFor();
    await page.getByRole("button", { name: "New key" }).click();
    await page.getByRole("button", { name: "Make a new key" }).click();
    await dialog.waitFor();
    const second = (await dialog.locator("code").allInnerTexts())[1];
    expect(second).not.toBe(key);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Remove stream" }).click();
    await eventually(10_000, "the stream to be gone", async () =>
      (await page.locator(".list-row").count()) === 1 ? true : undefined,
    );
    // A stream of the configuration file is changed there.
    await page.locator(".list-row").click();
    expect(await page.getByRole("button", { name: "Remove" }).isDisabled()).toBe(true);
    expect(complaints).toEqual([]);
  }, 60_000);

  test("changes a stream's title, latency, segment length and ladder, and gives them back to the platform", async () => {
    const headers = { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" };
    const address = `${platform.http}/api/v1/streams`;
    const body = JSON.stringify({ name: "final", settings: { graceSeconds: 9 } });
    expect((await fetch(address, { method: "POST", headers, body })).status).toBe(201);
    await page.goto(`${platform.http}/admin#final`);
    const setting = (label: string) => page.locator(".setting", { hasText: label });
    const dialog = page.getByRole("dialog", { name: "Settings of final" });
    const change = async (): Promise<void> => page.getByRole("button", { name: "Change" }).click();
    const save = async (): Promise<void> => dialog.getByRole("button", { name: "Save" }).click();
    const kept = async (): Promise<unknown> => {
      const { title, settings } = (await (await fetch(`${address}/final`, { headers })).json()) as AdminStream;
      return { title, ...settings };
    };
    await change();
    await dialog.getByLabel("Title").fill("Cup final");
    await dialog.getByLabel("Latency").selectOption("low");
    await dialog.getByLabel("Segment length").fill("4");
    await dialog.getByLabel("Ladder").selectOption("own");
    await dialog.getByLabel("Rungs").fill("480:900k, fast");
    await save();
    expect(await dialog.getByRole("alert").innerText()).toStartWith('Ladder = "480:900k, fast" is not allowed: off, ');
    await dialog.getByLabel("Rungs").fill("480:900k, 360");
    await save();
    await dialog.waitFor({ state: "detached" });
    expect(await setting("Ladder").innerText()).toMatch(/480p at 900 kbit\/s, 360p\s+this stream's own/);
    expect(await setting("Latency").innerText()).toContain("parts of 1000 ms");
    const own = { title: "Cup final", latency: "low", segmentSeconds: 4, graceSeconds: 9, ladder: "480:900k, 360" };
    expect(await kept()).toEqual(own);
    await change();
    expect(await dialog.getByLabel("Rungs").inputValue()).toBe("480:900k, 360");
    for (const label of ["Latency", "Ladder"]) await dialog.getByLabel(label).selectOption("platform");
    await dialog.getByLabel("Segment length").fill("");
    expect([...(await auditAccess(page)), ...(await auditContrast(page))]).toEqual([]);
    await save();
    await dialog.waitFor({ state: "detached" });
    expect(await setting("Segments").innerText()).toMatch(/2 s\s+as the platform/);
    expect(await kept()).toEqual({ title: "Cup final", graceSeconds: 9 });
    expect((await fetch(`${address}/final`, { method: "DELETE", headers })).status).toBe(204);
    expect(complaints).toEqual([]);
  }, 60_000);

  test("decides on a phone what viewers see when the encoder fails", async () => {
    const headers = { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" };
    const address = `${platform.http}/api/v1/streams`;
    const body = JSON.stringify({ name: "final", settings: { slateAfterMs: 1500 } });
    expect((await fetch(address, { method: "POST", headers, body })).status).toBe(201);
    await page.setViewportSize(VIEWPORTS.phone);
    // The page as it begins, not one that remembers the stream of another test.
    await page.goto("about:blank");
    await page.goto(`${platform.http}/admin#final`);
    const dialog = page.getByRole("dialog", { name: "Settings of final" });
    const group = dialog.getByRole("group", { name: "When the encoder fails" });
    const held = group.getByLabel("Last picture held before that");
    const setting = (label: string) => page.locator(".setting", { hasText: label });
    const save = async (): Promise<unknown> => {
      await dialog.getByRole("button", { name: "Save" }).click();
      await dialog.waitFor({ state: "detached" });
      return ((await (await fetch(`${address}/final`, { headers })).json()) as AdminStream).settings;
    };
    await page.getByRole("button", { name: "Change" }).click();
    expect(await held.inputValue()).toBe("1.5");
    await held.fill("0.5");
    await group.getByLabel("Words on the slate").fill("Gleich geht's weiter");
    await group.getByLabel("Waits for an encoder").fill("120");
    await group.getByLabel("Without any encoder").selectOption("always");
    await group.getByLabel("A second encoder").selectOption("replace");
    await group.getByLabel("The backup, when").selectOption("prefer-primary");
    expect(await auditAccess(page)).toEqual([]);
    expect(await sidewaysScrollers(page)).toEqual([]);
    const slate = { slateAfterMs: 500, slateWords: "Gleich geht's weiter", alwaysOn: true };
    const encoders = { graceSeconds: 120, whenBusy: "replace", switchBack: "prefer-primary" };
    expect(await save()).toEqual({ ...slate, ...encoders });
    expect(await setting("When the encoder fails").innerText()).toContain(
      "A slate after 0.5 s: “Gleich geht's weiter”",
    );
    expect(await setting("Without any encoder").innerText()).toMatch(/Always on, with the slate\s+this stream's own/);
    await page.getByRole("button", { name: "Change" }).click();
    for (const label of ["A second encoder", "The backup, when"])
      await group.getByLabel(label).selectOption("platform");
    await group.getByLabel("Words on the slate").fill("");
    await group.getByLabel("Without any encoder").selectOption("Off air");
    await group.getByLabel("Waits for an encoder").fill("");
    await group.getByLabel("Viewers see").selectOption("hold");
    await held.waitFor({ state: "detached" });
    expect(await save()).toEqual({ continuity: "hold", slateAfterMs: 500 });
    expect(await setting("When the encoder fails").innerText()).toContain("The last picture, held");
    expect((await fetch(`${address}/final`, { method: "DELETE", headers })).status).toBe(204);
    expect(complaints).toEqual([]);
  }, 60_000);

  test("shows encoders and tracks on a phone as cards, in no need of sideways scrolling", async () => {
    await page.setViewportSize(VIEWPORTS.phone);
    await page.goto(`${platform.http}/admin#main`);
    const row = page.getByRole("table", { name: "Encoders" }).getByRole("row").last();
    expect((await row.innerText()).split(/\n+/)).toEqual([
      expect.stringContaining("Lavf"),
      ...Array(4).fill(expect.any(String)),
    ]);
    // Each cell's text stands in one column, right of the words that say what it is.
    const lefts = await row.getByRole("cell").evaluateAll((cells) =>
      cells.map((cell) => {
        const text = document.createRange();
        text.selectNodeContents(cell);
        return Math.round(text.getBoundingClientRect().left - cell.getBoundingClientRect().left);
      }),
    );
    expect(lefts).toEqual([96, 96, 96, 96]);
    expect(await sidewaysScrollers(page)).toEqual([]);
    await page.setViewportSize(VIEWPORTS.desktop);
    expect((await row.innerText()).split("\t")).toHaveLength(5);
  }, 30_000);

  test("ends with the log-out", async () => {
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Admin token").waitFor();
    expect((await browser.context.cookies()).length).toBe(0);
  }, 20_000);
});

describe("every page", () => {
  test("can be used by everybody, on a phone and on a desktop, dark and light", async () => {
    await logIn();
    const findings: Findings = [];
    const room = ["/admin", "/admin#main"];
    const stand = ["/", "/watch/main", "/embed/main", "/watch/none", "/nothing"];
    // The stand is dark whatever the system says.
    for (const [colorScheme, paths] of [
      ["dark", [...stand, ...room]],
      ["light", room],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      for (const [size, viewport] of Object.entries(VIEWPORTS)) {
        await page.setViewportSize(viewport);
        for (const path of paths) {
          await page.goto("about:blank");
          await page.goto(`${platform.http}${path}`);
          if (path === "/watch/main" || path === "/embed/main")
            await page.locator(".controls").waitFor({ timeout: 20_000 });
          const all = [...(await auditAccess(page)), ...(await auditContrast(page))];
          findings.push(...all.map((finding) => `${path} ${size} ${colorScheme}: ${finding}`));
        }
      }
    }
    expect(findings).toEqual([]);
    expect(complaints).toEqual([]);
  }, 120_000);

  test("of the log-in too", async () => {
    await browser.context.clearCookies();
    for (const viewport of Object.values(VIEWPORTS)) {
      await page.setViewportSize(viewport);
      await page.goto(`${platform.http}/admin`);
      expect([...(await auditAccess(page)), ...(await auditContrast(page))]).toEqual([]);
    }
  }, 30_000);
});
